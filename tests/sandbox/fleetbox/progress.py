"""Progress for people: each step with the time it took, a sign of life in long ones, and a table of where the time went."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGN_OF_LIFE_SECONDS = 20.0
SHOWN_IN_TABLE_SECONDS = 0.5


def seconds(duration: float) -> str:
    """12.3 s below a minute, 4 min 9 s above."""
    if duration < 60:
        return f"{duration:.1f} s"
    return f"{int(duration) // 60} min {int(duration) % 60} s"


class Progress:
    """Steps of one command; several may run at once."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._done: list[tuple[str, float]] = []

    def say(self, text: str) -> None:
        if not self._quiet:
            with self._lock:
                print(f"[{time.monotonic() - self._start:6.1f} s] {text}", file=sys.stderr, flush=True)

    @contextmanager
    def step(self, text: str, long: bool = False) -> Iterator[None]:
        """Time a step. A long one is announced and gives signs of life while it runs."""
        began = time.monotonic()
        ended = threading.Event()

        def live() -> None:
            while not ended.wait(SIGN_OF_LIFE_SECONDS):
                self.say(f"... {text}: {seconds(time.monotonic() - began)} so far")

        if long:
            self.say(f"{text} ...")
            threading.Thread(target=live, daemon=True).start()
        try:
            yield
        except BaseException:
            self.say(f"{text}: failed after {seconds(time.monotonic() - began)}")
            raise
        finally:
            ended.set()
        took = time.monotonic() - began
        with self._lock:
            self._done.append((text, took))
        if long or took >= SHOWN_IN_TABLE_SECONDS:
            self.say(f"{text}: done in {seconds(took)}")

    def table(self) -> str:
        """Where the time went, the longest step first. Steps that ran at once overlap."""
        rows = sorted(((took, text) for text, took in self._done if took >= SHOWN_IN_TABLE_SECONDS), reverse=True)
        lines = [f"{seconds(took):>12}  {text}" for took, text in rows]
        lines.append(f"{seconds(time.monotonic() - self._start):>12}  in all (steps that run side by side overlap)")
        return "\n".join(lines)
