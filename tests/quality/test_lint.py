"""The linters are clean: ruff, mypy, ansible-lint (production), and the changelog's own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent


def run(*command: str | pathlib.Path, **settings: str) -> None:
    """Runs a tool from the clone's root and shows what it said when it fails."""
    search = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    outcome = subprocess.run(command, cwd=CLONE, env={**os.environ, "PATH": search, **settings}, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, f"{outcome.stdout[-8000:]}\n{outcome.stderr[-4000:]}"


def test_ruff() -> None:
    run(BIN / "ruff", "check", ".")


def test_mypy_core() -> None:
    run(BIN / "mypy", "plugins/module_utils")


def test_mypy_sandbox() -> None:
    run(BIN / "mypy", "tests/sandbox/fleetbox", MYPYPATH="tests/sandbox")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ansible_lint() -> None:
    run(BIN / "ansible-lint", "--profile", "production", "--offline", "--strict")


def test_changelog_fragments() -> None:
    run(BIN / "antsibull-changelog", "lint")
