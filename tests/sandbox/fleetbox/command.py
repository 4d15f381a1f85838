"""Run programs: bounded, quiet, and with the program's own words when it fails."""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .errors import SandboxError

PR_SET_PDEATHSIG = 1
# found before a process is forked: loading a library between fork and exec can hang in a program with threads
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl


def run(
    arguments: Sequence[str | Path],
    *,
    check: bool = True,
    timeout: float = 120,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hint: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and hand back its output as text."""
    words = [str(word) for word in arguments]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            env=_environment(env),
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as missing:
        raise SandboxError(f"{words[0]} is not installed.", hint or "Run `sandbox.py up` as root: it installs what it needs.") from missing
    except subprocess.TimeoutExpired as late:
        raise SandboxError(f"`{_shown(words)}` did not end within {timeout:.0f} s.", hint) from late
    result = subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    if check and result.returncode != 0:
        raise SandboxError(f"`{_shown(words)}` ended with status {result.returncode}: {_tail(result.stderr or result.stdout)}", hint)
    return result


def run_logged(
    arguments: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 1800, hint: str = ""
) -> None:
    """Run a long program with its output in a file; when it fails, the error carries the output's last lines.

    It runs below normal priority, so that the machine stays usable, and ends when this program is killed.
    """
    words = [str(word) for word in arguments]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                env=_environment(env),
                cwd=cwd,
                check=False,
                preexec_fn=_background(),
            )
        except FileNotFoundError as missing:
            raise SandboxError(f"{words[0]} is not installed.", hint) from missing
        except subprocess.TimeoutExpired as late:
            raise SandboxError(f"`{_shown(words)}` did not end within {timeout:.0f} s; its output is in {log}.", hint) from late
    if done.returncode != 0:
        said = _tail(log.read_text(errors="replace"))
        raise SandboxError(f"`{_shown(words)}` ended with status {done.returncode}: {said}", hint or f"All of its output: {log}")


def _background() -> Callable[[], None]:
    """What a long program does before it starts: lower its priority, and ask for SIGTERM when its parent ends."""

    def prepare() -> None:
        os.nice(5)
        _PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    # messages are parsed and shown: one language
    return {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}


def _shown(words: Sequence[str]) -> str:
    text = shlex.join(words)
    return text if len(text) <= 160 else text[:157] + "..."


def _tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-lines:]) or "(no output)"
