"""Runs `ansible-test sanity` of one ansible-core release on a clean copy of the collection.

ansible-test wants the collection at `.../ansible_collections/studioml/fleet` in a git checkout, and downloads a script
that brings pip into its own environments. The copy and a stand-in for that script (it uses Python's ensurepip, so that
only the package index is needed) live in the cache; the work tree and the home directory are not touched.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import environments  # noqa: E402

PIP_BOOTSTRAP = """
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted]))
"""


def copy_collection(place: pathlib.Path) -> pathlib.Path:
    """Copies the files that git knows or would take, into a fresh checkout of their own."""
    target = place / "ansible_collections" / "studioml" / "fleet"
    shutil.rmtree(target, ignore_errors=True)
    listing = subprocess.run(["git", "-C", environments.CLONE, "ls-files", "-z", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    for name in filter(None, listing.stdout.split("\0")):
        source, copy = environments.CLONE / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    subprocess.run(["git", "init", "--quiet", target], check=True)
    subprocess.run(["git", "-C", target, "add", "-A"], check=True)
    return target


def pip_bootstrap(environment: pathlib.Path, home: pathlib.Path) -> None:
    """Puts our pip bootstrap where this ansible-test looks for the downloaded one."""
    pinned = next(environment.glob("lib/python3*/site-packages/ansible_test/_data/requirements/ansible-test.txt")).parent
    versions = set(re.findall(r"pip[ =]+'?([0-9.]+)'?", (pinned / "ansible-test.txt").read_text(encoding="utf-8")))
    versions |= {found for source in (environment / "lib").rglob("ansible_test/_internal/python_requirements.py")
                 for found in re.findall(r"pip='([0-9.]+)'", source.read_text(encoding="utf-8"))}
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in versions:
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(PIP_BOOTSTRAP, encoding="utf-8")


def pythons(place: pathlib.Path) -> pathlib.Path:
    """A directory with a link to each Python that works, for a PATH on which shims that only complain come later."""
    place.mkdir(parents=True, exist_ok=True)
    for series in (f"3.{minor}" for minor in range(8, 16)):
        python = environments.find_python(series)
        link = place / f"python{series}"
        if python and not link.exists():
            link.unlink(missing_ok=True)  # it may have led into an environment that is gone
            link.symlink_to(python)
    return place


def run(core: str, environment: pathlib.Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs sanity and returns what it printed."""
    place = environments.cache_directory() / "sanity" / core
    target = copy_collection(place)
    home = environments.cache_directory() / "sanity" / "home"
    pip_bootstrap(environment, home)
    others = [entry for entry in os.environ["PATH"].split(os.pathsep) if not entry.endswith("/shims")]
    search = os.pathsep.join([str(environment / "bin"), str(pythons(home.parent / "pythons")), *others])
    settings = {**os.environ, "HOME": str(home), "PATH": search}
    settings.pop("ANSIBLE_CONFIG", None)
    for candidate in (".config/pip/pip.conf", ".pip/pip.conf"):
        if (pathlib.Path.home() / candidate).exists():
            settings["PIP_CONFIG_FILE"] = str(pathlib.Path.home() / candidate)
    command = [environment / "bin" / "ansible-test", "sanity", "--color", "no", *arguments]
    return subprocess.run(command, cwd=target, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def main() -> int:
    """`sanity.py [CORE] [-- ansible-test's arguments]`"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("core", nargs="?", default=next(iter(environments.CORES)), choices=environments.CORES)
    parser.add_argument("arguments", nargs="*", help="further arguments for ansible-test sanity, after --")
    options = parser.parse_args()
    outcome = run(options.core, environments.core_environments()[options.core], options.arguments)
    print(outcome.stdout)
    return outcome.returncode


if __name__ == "__main__":
    sys.exit(main())
