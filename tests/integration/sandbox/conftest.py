"""The sandbox as its user runs it: one command, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SANDBOX = Path(__file__).resolve().parents[2] / "sandbox"
sys.path.insert(0, str(SANDBOX))


class Command:
    """Runs sandbox.py; every sandbox that it brought up is taken down at the end."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def start(self, *words: str, name: str, path: Path | None = None) -> subprocess.Popen[str]:
        """C(path) comes before all others in which programs are looked for."""
        self.names.add(name)
        environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"]}
        command = [sys.executable, str(SANDBOX / "sandbox.py"), *words, "--name", name]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str, name: str, status: int = 0, path: Path | None = None) -> str:
        process = self.start(*words, name=name, path=path)
        output, errors = process.communicate(timeout=1800)
        assert process.returncode == status, f"{words} ended with {process.returncode}:\n{output}\n{errors}"
        return output if status == 0 else errors

    def shell(self, host: str, command: str, name: str) -> str:
        done = subprocess.run(
            [sys.executable, str(SANDBOX / "sandbox.py"), "shell", host, "--name", name, "--", command],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command} on {host}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the sandbox needs root")


@pytest.fixture(scope="session", autouse=True)
def _built(_root: None) -> None:
    """Packages and artifacts are made once; they stay, and are no part of what a test compares."""
    subprocess.run([sys.executable, str(SANDBOX / "sandbox.py"), "build"], check=True, timeout=3600, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def command_type() -> type[Command]:
    """For modules that keep a sandbox over several tests."""
    return Command


@pytest.fixture
def sandbox() -> Iterator[Command]:
    command = Command()
    yield command
    for name in sorted(command.names):
        command.run("down", name=name)
