# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lines of a Job's pods go: to the terminal, into a file, and the last of them into the result. Secrets are taken out on the way."""

from __future__ import annotations

import os
import re
import stat
import threading
import typing as t
from collections import deque

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Report = t.Optional[t.Callable[[str], None]]
HIDDEN = "********"
# What a program may send to a terminal beside text; colours are no loss.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[^\[]|[\x00-\x08\x0b-\x1f\x7f]")
# A shorter one is found everywhere.
SHORTEST_SECRET = 4


class JobLines:
    """The lines of all pods of one Job. May be used by threads.

    :param show: whether the lines are reported too, or progress alone.
    """

    def __init__(self, label: str, report: Report, show: bool, log_file: str | None, keep: int, hide: t.Iterable[str] = ()) -> None:
        self.label, self.report, self.show, self.keep = label, report, show, keep
        self.secrets = secrets_of(hide)
        self._pods: dict[str, PodLines] = {}
        self._lock = threading.Lock()
        self._file = _opened(log_file) if log_file else None

    def say(self, words: str) -> None:
        """Progress, in our own words."""
        if self.report:
            self.report(f"{self.label}: {self.clean(words)}")

    def of(self, pod: str, named: bool = False) -> PodLines:
        """The place for the lines of one pod; C(named) puts its name before them."""
        with self._lock:
            return self._pods.setdefault(pod, PodLines(self, f"{pod}: " if named else ""))

    def last(self, pod: str) -> list[str]:
        """The last lines of a pod, as far as they have come here."""
        lines = self._pods.get(pod)
        return list(lines.kept) if lines else []

    def clean(self, line: str) -> str:
        """A line without secrets."""
        for secret in self.secrets:
            if secret in line:
                line = line.replace(secret, HIDDEN)
        return line

    def tell(self, lines: list[str], prefix: str) -> None:
        """Many lines in one go: a call for each would be slower than what a program can print."""
        with self._lock:
            if self._file:
                self._file.write("".join(f"{prefix}{line}\n" for line in lines))
                self._file.flush()
            if self.report and self.show:
                self.report("\n".join(f"{self.label}: {prefix}{_CONTROL.sub('', line)}" for line in lines))

    def close(self) -> None:
        """The file is complete."""
        if self._file:
            self._file.close()


class PodLines:
    """The lines of one pod."""

    def __init__(self, job: JobLines, prefix: str) -> None:
        self.job, self.prefix = job, prefix
        self.kept: deque[str] = deque(maxlen=job.keep)
        self._waiting: list[str] = []

    def sink(self, line: str) -> str:
        """One line; what it is without secrets."""
        line = self.job.clean(line)
        self.kept.append(line)
        self._waiting.append(line)
        return line

    def flush(self) -> None:
        """All that has come until now is shown."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.job.tell(waiting, self.prefix)


def secrets_of(values: t.Iterable[str]) -> list[str]:
    """What is looked for in each line: every line of a secret that is long enough to be told from other words. The longest first."""
    found = {line.strip() for value in values for line in str(value).splitlines()}
    return sorted((line for line in found if len(line) >= SHORTEST_SECRET), key=len, reverse=True)


def private(path: str) -> t.TextIO:
    """A file that only its owner may read, also if it was there: nobody knows what a program prints."""
    descriptor = os.open(os.path.expanduser(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # /dev/null is everybody's
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _opened(path: str) -> t.TextIO:
    try:
        return private(path)
    except OSError as error:
        raise FleetError(f"log_file: {path} cannot be written: {error.strerror}.", "Give a path in a directory that is there and yours.") from None
