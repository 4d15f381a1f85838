# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium, and the judges from npm (pinned in package-lock.json), for the tests of the status page.

What is missing is installed from Debian's packages where that is possible; elsewhere these tests are deselected, visibly.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "unit" / "page"), str(HERE.parents[1] / "tools")]

from browser import Browser  # noqa: E402
from environments import cache_directory, install_packages  # noqa: E402

# program: the Debian packages that have it
PROGRAMS = {"chromium": ["chromium"], "npm": ["nodejs", "npm"]}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if HERE in item.path.parents]
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if mine and missing and not (os.geteuid() == 0 and shutil.which("apt-get")):
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]


def program(name: str) -> str:
    """Where a program is, installed if need be."""
    if not shutil.which(name):
        install_packages(*PROGRAMS[name])
    found = shutil.which(name)
    assert found, f"{name} is not there, and Debian's packages {', '.join(PROGRAMS[name])} did not bring it"
    return found


@pytest.fixture(scope="session")
def judges() -> pathlib.Path:
    """The directory node_modules with axe-core and html-validate."""
    lock = HERE / "package-lock.json"
    place = cache_directory() / f"page-judges-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, place)
        subprocess.run([program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)
        (place / "complete").touch()
    return place / "node_modules"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Browser]:
    with Browser(program("chromium"), tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
