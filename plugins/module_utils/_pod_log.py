# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of one container, followed to its end: over broken connections, restarts of the API server and renewed credentials, no line lost or told twice.

An API server takes C(sinceTime) in whole seconds, and a log may tell of two streams whose times overlap by a little. So a log that is taken up again is asked
for from a moment before its last line, and what was told already is known by its time, of which the last few are remembered with the number of their lines.
"""

from __future__ import annotations

import datetime
import http.client
import re
import socket
import threading
import time
import typing as t
from collections import OrderedDict

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError, Unreachable, denied, transport
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._renewed import renewed
from ansible_collections.studioml.fleet.plugins.module_utils._rest import BLOCK, Api, _status, pause

LONGEST_LINE = 65536
CUT = " [... cut: the line is longer than 64 KiB]"
# A connection that is silent for so long may be dead, and a log has no bookmarks: it is taken up again over a new one.
SILENT_SECONDS = 60
LONGEST_PAUSE = 1.0
REFUSAL_SECONDS = 10
RETRIES = 5
# Different times that are remembered, and how far before the last line the log is asked for again.
REMEMBERED = 512
BEFORE = datetime.timedelta(seconds=1)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[-+]\d\d:\d\d)$")

Sink = t.Callable[[str], None]
Place = t.Tuple[datetime.datetime, int]


class PodLog:
    """One container's log. C(stop) ends the following from another thread.

    :param restart: which run of the container is meant, by its C(restartCount).
    :param since: leave out what is older: a time (RFC 3339), or a number of seconds.
    """

    def __init__(self, api: Api, namespace: str, pod: str, container: str, restart: int = 0, since: str = "") -> None:
        self.api, self.namespace, self.pod, self.container, self.restart, self.since = api, namespace, pod, container, restart, since
        self.what = f"GET the log of pod {namespace}/{pod}"
        self.remark = ""  # what the kubelet says in place of a log
        self._seen = _Seen()
        self._had = self._refused = 0.0
        self._stopped = threading.Event()
        self._connection: Connection | None = None

    def stop(self) -> None:
        """End the following, also in the middle of a read."""
        self._stopped.set()
        connection = self._connection
        if connection:
            connection.abort()

    def follow(self, sink: Sink, deadline: float, flush: t.Callable[[], None] | None = None, tail: int | None = None) -> str:
        """Tell C(sink) every line; why it ended: C(ended) with its container, C(gone) with its pod, C(stopped), or C(deadline).

        :param flush: called whenever all that has arrived is told.
        :param tail: begin with so many of the last lines.
        """
        failures, previous = 0, False
        while not self._stopped.is_set() and time.monotonic() < deadline:
            try:
                told = self._stream(sink, flush, deadline, True, previous, tail)
                over = self._over()
                if over == "gone":
                    return over
                if over:
                    # what a connection that ended too early has not brought
                    self._stream(sink, flush, deadline, False, over == "restarted", tail)
                    return "ended"
                failures = 0 if told else failures + 1
            except (ApiError, Unreachable) as problem:
                if self._stopped.is_set():
                    break
                self._refused = time.monotonic()
                if isinstance(problem, ApiError) and problem.status == 401 and renewed(self.api):
                    continue
                outcome = self._judge(problem)
                if outcome:
                    return outcome
                failures += 1
                if time.monotonic() + LONGEST_PAUSE >= deadline:
                    raise
            if failures:
                self._stopped.wait(min(pause(failures), LONGEST_PAUSE, max(0.0, deadline - time.monotonic())))
        return "stopped" if self._stopped.is_set() else "deadline"

    def read(self, sink: Sink, deadline: float, flush: t.Callable[[], None] | None = None, tail: int | None = None, previous: bool = False) -> None:
        """Tell C(sink) what there is until now; taken up again where a connection breaks."""
        failures = 0
        while True:
            try:
                self._stream(sink, flush, deadline, False, previous, tail)
                return
            except (ApiError, Unreachable) as problem:
                passing = problem.status in RETRIED_STATUS if isinstance(problem, ApiError) else problem.passing
                if isinstance(problem, ApiError) and problem.status == 401 and renewed(self.api):
                    continue
                failures += 1
                if not passing or failures > RETRIES or time.monotonic() >= deadline or self._stopped.is_set():
                    raise
                self._stopped.wait(min(pause(failures), LONGEST_PAUSE))

    def _judge(self, problem: ApiError | Unreachable) -> str:
        """Whether a log that cannot be had is over; raises what will not pass."""
        if isinstance(problem, Unreachable):
            if problem.passing:
                return ""
            raise problem
        if problem.status in (400, 404, 500):
            try:
                over = self._over()
            except (ApiError, Unreachable):
                over = ""  # it will be asked again
            if over:  # its node has thrown the log away (eviction), or it never ran
                return "gone" if over == "gone" else "ended"
            return ""  # it waits to start, or its kubelet is only starting
        if problem.status in RETRIED_STATUS or self._just_now():
            return ""
        raise problem

    def _just_now(self) -> bool:
        """Whether it could be had a moment ago: an API server that has just started may not know its users' rights yet."""
        return self._refused - self._had < REFUSAL_SECONDS if self._had else False

    def _over(self) -> str:
        """What has become of the container: C(ended), C(restarted), its pod is C(gone), or nothing of the kind."""
        # a list, because whoever waits for a Job lists its pods anyway, and so needs no further permission
        query = {"fieldSelector": f"metadata.name={self.pod}"}
        found = self.api.request("GET", path("Pod", self.namespace), query, namespace=self.namespace).get("items") or []
        if not found:
            return "gone"
        status = found[0].get("status") or {}
        for one in (status.get("containerStatuses") or []) + (status.get("initContainerStatuses") or []):
            if one.get("name") == self.container:
                if one.get("restartCount", 0) > self.restart:
                    return "restarted"
                state, last = one.get("state") or {}, one.get("lastState") or {}
                if state.get("terminated") or (state.get("waiting") and last.get("terminated")):
                    return "ended"
        return "ended" if status.get("phase") in ("Succeeded", "Failed") else ""

    def _stream(self, sink: Sink, flush: t.Callable[[], None] | None, deadline: float, follow: bool, previous: bool, tail: int | None) -> int:
        """Read until the server ends it; how many lines were new. A connection that breaks is Unreachable, silence is an end like another."""
        query: dict[str, t.Any] = {"container": self.container, "timestamps": "true"}
        query.update({"follow": "true"} if follow else {}, **({"previous": "true"} if previous else {}))
        again = self._seen.since()
        if again or self.since:
            query["sinceSeconds" if not again and self.since.isdigit() else "sinceTime"] = again or self.since
        if not again and tail is not None:
            query["tailLines"] = tail
        url = self.api.url(path("Pod", self.namespace, self.pod) + "/log", query)
        connection = self._connection = self.api.open()
        known, told, had = self._seen.known(), 0, False
        try:
            connection.connect()
            connection.limit(max(0.1, min(SILENT_SECONDS, deadline - time.monotonic())))
            connection.request("GET", url, headers=self.api.headers())
            response = connection.getresponse()
            if response.status >= 300:
                raise denied(response.status, _status(response.read()), self.api.target, self.what, self.namespace)
            lines, had = Lines(), True
            while not self._stopped.is_set():
                block = response.read1(BLOCK)
                for line in lines.feed(block) if block else lines.rest():
                    stamp, _space, text = line.partition(" ")
                    if stamp[10:11] != "T" or not stamp[:1].isdigit():
                        self.remark = line  # the kubelet's own words, or the second half of a line that was told
                    elif known.new(stamp):
                        self._seen.add(stamp)
                        sink(text)
                        told += 1
                if flush:
                    flush()
                if not block:
                    break
        except (OSError, http.client.HTTPException) as error:
            if not isinstance(error, socket.timeout) or not follow:
                problem = transport(error, self.api.target, self.what)
                problem.passing = problem.passing or isinstance(error, socket.timeout)
                raise problem from None
        finally:
            self._connection = None
            self._had = time.monotonic() if had else self._had
            connection.close()
        return told


class Lines:
    """Lines out of blocks. What is longer than a line may be is cut, so that no block of a log fills the memory."""

    def __init__(self) -> None:
        self._rest = b""
        self._cutting = False

    def feed(self, block: bytes) -> t.Iterator[str]:
        """The lines that this block ends."""
        *whole, rest = (self._rest + block).split(b"\n")
        self._rest = b""
        for line in whole:
            if self._cutting:  # the end of a line that was told
                self._cutting = False
            else:
                yield _text(line)
        if self._cutting:
            return
        if len(rest) > LONGEST_LINE:
            self._cutting = True
            yield _text(rest)
        else:
            self._rest = rest

    def rest(self) -> t.Iterator[str]:
        """What came after the last end of a line."""
        rest, self._rest = self._rest, b""
        if rest:
            yield _text(rest)


def _text(line: bytes) -> str:
    if len(line) > LONGEST_LINE:
        return line[:LONGEST_LINE].decode("utf-8", "replace") + CUT
    return (line[:-1] if line.endswith(b"\r") else line).decode("utf-8", "replace")


class _Seen:
    """The times of the last lines that were told, and how many lines each has."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._full = False

    def add(self, stamp: str) -> None:
        if stamp in self._counts:
            self._counts[stamp] += 1
            return
        self._counts[stamp] = 1
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
            self._full = True

    def since(self) -> str:
        """From when a log is to be asked for again; empty when nothing was told yet."""
        places = [place for place in map(place_of, reversed(self._counts)) if place]
        if not places:
            return ""
        return (places[0][0] - BEFORE).astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def known(self) -> _Known:
        places = [place for place in map(place_of, self._counts) if place]
        return _Known(dict(self._counts), min(places) if self._full and places else None, max(places) if places else None)


class _Known:
    """Tells what is new in a log that was asked for again."""

    def __init__(self, counts: dict[str, int], oldest: Place | None, newest: Place | None) -> None:
        self._counts, self._oldest, self._newest = counts, oldest, newest

    def new(self, stamp: str) -> bool:
        if self._newest is None:
            return True
        left = self._counts.get(stamp)
        if left is not None:
            self._counts[stamp] = left - 1
            return left <= 0
        place = place_of(stamp)
        if place is None:
            return False
        if place > self._newest:
            if place[0] > self._newest[0] + BEFORE:
                self._newest = None  # from here on all is new
            return True
        return self._oldest is None or place > self._oldest


def place_of(stamp: str) -> Place | None:
    """A line's time, to the nanosecond."""
    found = _STAMP.match(stamp)
    if not found:
        return None
    moment = datetime.datetime.fromisoformat(found.group(1) + found.group(3).replace("Z", "+00:00"))
    return moment, int((found.group(2) or "").ljust(9, "0"))


def tail(api: Api, namespace: str, pod: str, container: str, lines: int, previous: bool = False) -> list[str]:
    """The last lines of a container's log."""
    query: dict[str, t.Any] = {"container": container, "tailLines": lines, "limitBytes": max(1, lines) * LONGEST_LINE}
    query.update({"previous": "true"} if previous else {})
    text = api.text(path("Pod", namespace, pod) + "/log", query, namespace)
    return [_text(line.encode()) for line in text.split("\n")[: None if not text.endswith("\n") else -1] if text]
