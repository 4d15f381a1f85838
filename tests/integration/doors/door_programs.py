# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs between a button and a playbook, in an environment of their own: the collection needs none of them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import environments  # noqa: E402

#: What ansible-playbook and the collections are taken from, as an execution environment would have them.
BIN = pathlib.Path(sys.executable).parent


def place() -> pathlib.Path:
    """The directory of programs, with ansible-runner, ansible-builder and ansible-navigator among them; made when it is missing."""
    lines = pathlib.Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8").splitlines()
    python = next(filter(None, map(environments.find_python, environments.PREFERRED)))
    return environments.environment(python, [line for line in lines if line and not line.startswith("#")], name="doors") / "bin"


def git(folder: pathlib.Path, *words: str) -> str:
    """Git with no settings but its own."""
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "init.defaultBranch=main"]
    return run(["git", "-C", folder, *identity, *words])


def run(command: t.Sequence[str | pathlib.Path], folder: pathlib.Path = CLONE, **settings: str) -> str:
    """What a command answers; what it complains of is shown when it fails."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(project: pathlib.Path, stage: pathlib.Path) -> str:
    """What AWX does when it synchronises a project: the two files that it looks for, each from the project's folder.

    What the collections need lies in this environment already, as it would in an execution environment.
    """
    settings = {"ANSIBLE_LOCAL_TEMP": str(stage.parent / "tmp"), "ANSIBLE_FORCE_COLOR": "false"}
    said = ""
    for listing in ("collections/requirements.yml", "requirements.yml"):
        if (project / listing).exists():
            said += run([BIN / "ansible-galaxy", "collection", "install", "-r", project / listing, "--collections-path", stage], project, **settings)
    return said
