# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list that keeps itself up to date: LIST once, then WATCH, taken up again where it broke off, listed anew where that is too long ago."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError, Unreachable, denied, transport
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection
from ansible_collections.studioml.fleet.plugins.module_utils._rest import BLOCK, Api, _garbled, _status, pause

GONE = 410
# One stream lasts so long; the server sends a bookmark about once a minute, so a stream that is silent for longer is dead.
STREAM_SECONDS = 300
SILENT_SECONDS = 90
# A stream that has lasted so long and then ends is as it should be; those that end at once are opened again more and more slowly.
LASTED_SECONDS = 2


class Event(t.NamedTuple):
    """C(LISTED) carries everything there is (and voids what was known before); the others one object."""

    type: str
    objects: list[dict[str, t.Any]]


class Watch:
    """Events of one collection of objects, as an iterator. C(stop) ends it from another thread."""

    def __init__(self, api: Api, path: str, query: dict[str, str], deadline: float, namespace: str = "") -> None:
        self.api, self.path, self.query, self.deadline, self.namespace = api, path, query, deadline, namespace
        self.what = f"WATCH {path}"
        self.last_problem: ApiError | Unreachable | None = None
        self._stopped = threading.Event()
        self._connection: Connection | None = None

    def stop(self) -> None:
        """End the iteration, also in the middle of a read."""
        self._stopped.set()
        if self._connection:
            self._connection.abort()

    def __iter__(self) -> t.Iterator[Event]:
        version, failures = "", 0
        while not self._stopped.is_set() and time.monotonic() < self.deadline:
            try:
                if not version:
                    listed = self.api.request("GET", self.path, self.query, namespace=self.namespace)
                    version, self.last_problem = listed["metadata"]["resourceVersion"], None
                    yield Event("LISTED", listed.get("items") or [])
                begun = time.monotonic()
                for event in self._stream(version):
                    failures, self.last_problem = 0, None
                    if event.type == "ERROR":
                        problem = self._refusal(event.objects[0])
                        if problem.status != GONE:
                            raise problem
                        version = ""
                        break
                    version = event.objects[0]["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        yield event
                else:
                    failures = 1 if time.monotonic() - begun > LASTED_SECONDS else failures + 1
            except (ApiError, Unreachable) as problem:
                if self._stopped.is_set():
                    return
                if isinstance(problem, ApiError) and problem.status == GONE:
                    version = ""
                elif not _may_pass(problem):
                    raise
                self.last_problem = problem
                failures += 1
            if failures:
                self._stopped.wait(min(pause(failures), max(0.0, self.deadline - time.monotonic())))

    def _refusal(self, status: dict[str, t.Any]) -> ApiError:
        return denied(int(status.get("code") or 500), status, self.api.target, self.what, self.namespace)

    def _stream(self, version: str) -> t.Iterator[Event]:
        """One WATCH until it ends, for whatever reason that another may cure."""
        seconds = max(1, int(min(STREAM_SECONDS, self.deadline - time.monotonic())))
        query = {**self.query, "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
        connection = self._connection = self.api.open()
        try:
            connection.connect()
            connection.limit(max(1.0, min(SILENT_SECONDS, self.deadline - time.monotonic())))
            connection.request("GET", self.api.url(self.path, query), headers=self.api.headers())
            response = connection.getresponse()
            if response.status >= 300:
                raise denied(response.status, _status(response.read()), self.api.target, self.what, self.namespace)
            self.last_problem = None  # nothing may happen for minutes, and that is no silence
            yield from self._lines(response)
        except (OSError, http.client.HTTPException) as error:
            problem = transport(error, self.api.target, self.what)
            if not problem.passing and not isinstance(error, socket.timeout):
                raise problem from None
            self.last_problem = problem
        finally:
            self._connection = None
            connection.close()

    def _lines(self, response: http.client.HTTPResponse) -> t.Iterator[Event]:
        rest = b""
        while not self._stopped.is_set():
            block = response.read1(BLOCK)
            if not block:
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if line.strip():
                    yield self._event(line)

    def _event(self, line: bytes) -> Event:
        try:
            decoded = json.loads(line)
            return Event(decoded["type"], [decoded["object"]])
        except (ValueError, KeyError, TypeError):
            raise _garbled(self.what, self.api.target) from None


def _may_pass(problem: ApiError | Unreachable) -> bool:
    return problem.status in RETRIED_STATUS if isinstance(problem, ApiError) else problem.passing
