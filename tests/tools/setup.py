"""Prepares a clone: `.build/venv` with the tools, `.build/collections` with a link to the clone as studioml.fleet.

The clone may lie at any path. ansible.cfg searches `.build/collections` and nothing in the home directory, so that a
stale copy of the collection cannot win. Run it again whenever you like; it does only what is missing.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import environments  # noqa: E402


def link(place: pathlib.Path, target: str) -> None:
    """Makes the symbolic link, replacing one that points elsewhere."""
    if place.is_symlink() and place.readlink() == pathlib.Path(target):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or place.exists():
        place.unlink()
    place.symlink_to(target)


def ensure_venv_module() -> None:
    """Debian ships Python without ensurepip: fetch it when no other Python can make environments."""
    if any(map(environments.find_python, environments.PREFERRED)):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("installing python3-venv ...", flush=True)
        environments.install_packages("python3", "python3-venv")


def main() -> None:
    """Makes what is missing."""
    ensure_venv_module()
    build = environments.CLONE / ".build"
    link(build / "venv", str(environments.tools_environment()))
    link(build / "collections" / "ansible_collections" / "studioml" / "fleet", "../../../..")


if __name__ == "__main__":
    main()
