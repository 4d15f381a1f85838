"""The sandbox's own Go programs: formatted, vetted, and their unit tests pass."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from fleetbox import toolchain

CLONE = pathlib.Path(__file__).resolve().parents[2]
TESTED = sorted({path.parent for path in (CLONE / "tests" / "sandbox").rglob("*_test.go")})
SETTINGS = {**os.environ, "CGO_ENABLED": "0"}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("directory", TESTED, ids=lambda path: path.name)
def test_go(directory: pathlib.Path) -> None:
    for command in (["vet", "./..."], ["test", "./..."]):
        done = subprocess.run([toolchain.go(), *command], cwd=directory, env=SETTINGS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_go_is_formatted() -> None:
    formatter = pathlib.Path(toolchain.go()).resolve().with_name("gofmt")
    done = subprocess.run([formatter, "-l", CLONE / "tests" / "sandbox"], capture_output=True, text=True, check=True)
    assert done.stdout == ""
