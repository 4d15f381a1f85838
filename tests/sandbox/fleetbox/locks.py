"""Locks between commands: one works on an instance, on an artifact or on the machine's settings at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SandboxError


@contextmanager
def locked(path: Path, say: Callable[[str], None] | None = None, what: str = "this sandbox", limit: float = 1800) -> Iterator[None]:
    """Hold a lock; the kernel lets go of it when this program ends in whatever way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        waited_from = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - waited_from
                if waited > limit:
                    raise SandboxError(f"Another command has been working on {what} for {limit:.0f} s.", f"See who holds {path}: `fuser -v {path}`.") from None
                if say and waited < 0.1:
                    say(f"another command is working on {what}; waiting for it")
                time.sleep(0.2)
        yield
