"""Python environments of the project's tools, cached by content outside of the work tree. Standard library only.

An environment is named after the Python version and a hash of its requirements, so that a second call costs nothing and
a changed requirement makes a new one. A half-made environment is never used: it says nowhere that it is complete, and is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[2]
#: ansible-core series that are still supported upstream, newest first, with the Python series their controller takes.
CORES = {
    "2.21.5": ("3.13", "3.12", "3.14"),
    "2.20.10": ("3.13", "3.12", "3.14"),
    "2.19.14": ("3.12", "3.11", "3.13"),
}
#: Python series for the tools' own environment, best first.
PREFERRED = ("3.13", "3.12", "3.11")


def cache_directory() -> pathlib.Path:
    """`studioml-fleet` in the user's cache (XDG_CACHE_HOME, default ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "studioml-fleet"


@contextlib.contextmanager
def apt_alone() -> t.Iterator[None]:
    """Tests run side by side, and apt waits for nobody who reads the lists."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_packages(*names: str) -> None:
    """Packages of the distribution; needs root."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with apt_alone():
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "-o", "DPkg::Lock::Timeout=600", "--no-install-recommends", *names], env=quiet, check=True)


def find_python(series: str) -> pathlib.Path | None:
    """A Python of this series (such as `3.12`) that can make environments: from PATH, else from pyenv."""
    candidates = [pathlib.Path(found) for found in [shutil.which(f"python{series}")] if found]
    candidates += sorted((pathlib.Path.home() / ".pyenv" / "versions").glob(f"{series}.*/bin/python{series}"), reverse=True)
    for candidate in candidates:
        probe = subprocess.run([candidate, "-c", "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=False)
        if probe.returncode == 0 and probe.stdout.strip() == series:
            return candidate
    return None


def environment(python: pathlib.Path, requirements: list[str], *, name: str) -> pathlib.Path:
    """The directory of an environment of this Python with these requirements, made when it is missing."""
    version = subprocess.run([python, "-VV"], capture_output=True, text=True, check=True).stdout
    digest = hashlib.sha256("\n".join([version, *requirements]).encode()).hexdigest()[:12]
    place = cache_directory() / "environments" / f"{name}-{digest}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f"{place.name}.lock").open("w") as lock:  # tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            _make(place, python, requirements, version)
    return place


def _make(place: pathlib.Path, python: pathlib.Path, requirements: list[str], version: str) -> None:
    started = time.monotonic()
    print(f"making the Python environment {place.name} ...", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([python, "-m", "venv", place], check=True)
    listing = place / "requirements.txt"
    listing.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    subprocess.run([place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "10", "-r", listing], check=True)
    (place / "complete").write_text(version, encoding="utf-8")
    print(f"making the Python environment {place.name} took {time.monotonic() - started:.0f} s", flush=True)


def tools_environment() -> pathlib.Path:
    """The environment of `make test` and `make demo`, from tests/requirements.txt, on the best Python there is."""
    for series in PREFERRED:
        python = find_python(series)
        if python:
            lines = (CLONE / "tests" / "requirements.txt").read_text(encoding="utf-8").splitlines()
            return environment(python, [line for line in lines if line and not line.startswith("#")], name=f"tools-{series}")
    sys.exit(f"No Python of the series {', '.join(PREFERRED)} that can make virtual environments was found. Install one (Debian: python3 and python3-venv).")


def core_environments() -> dict[str, pathlib.Path]:
    """An environment with nothing but ansible-core, for each supported release that a Python of this machine can run."""
    found = {}
    for version, pythons in CORES.items():
        python = next(filter(None, map(find_python, pythons)), None)
        if python:
            found[version] = environment(python, [f"ansible-core=={version}"], name=f"core-{version}")
    return found
