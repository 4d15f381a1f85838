# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to one API server: kept-alive connections, a deadline for each request, and repetition of what may be repeated.

Every request that this collection sends is safe to repeat (reads, server-side apply, deletion), so a lost answer is asked for again.
"""

from __future__ import annotations

import copy
import http.client
import json
import math
import random
import ssl
import time
import typing as t
from urllib.parse import urlencode, urlsplit

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError, Unreachable, denied, transport
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection, authorization
from ansible_collections.studioml.fleet.plugins.module_utils._kept import Kept
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target

USER_AGENT = "studioml.fleet"
JSON = "application/json"
ATTEMPTS = 5
PAUSE, LONGEST_PAUSE = 0.2, 5.0
BLOCK = 65536


class Api:
    """One API server as one user. May be shared by threads."""

    def __init__(self, target: Target, connect_timeout: float = 10, request_timeout: float = 30) -> None:
        self.target = _resolved(target) if target.plugin else target
        self.connect_timeout = connect_timeout
        self.request_timeout = request_timeout
        self.deadline = math.inf
        self.way = Kept()

    def share(self, way: Kept) -> None:
        """Use the connections of another client, which leads to the same server as the same user."""
        self.way = way

    def within(self, seconds: float) -> Api:
        """The same API server over the same connections, for work that must be over in so many seconds."""
        limited = copy.copy(self)
        limited.deadline = time.monotonic() + seconds
        return limited

    def find(self, path: str, namespace: str = "") -> dict[str, t.Any] | None:
        """GET one object, or None when there is no such object."""
        try:
            return self.request("GET", path, namespace=namespace)
        except ApiError as error:
            if error.status == 404 and error.answer.get("kind") == "Status" and (error.answer.get("details") or {}).get("name"):
                return None
            raise

    def request(
        self, method: str, path: str, query: dict[str, t.Any] | None = None, body: t.Any = None, content_type: str = JSON, namespace: str = ""
    ) -> dict[str, t.Any]:
        """One request and the object that comes back; FleetError with advice otherwise."""
        answer = self._send(method, path, query, body, content_type, namespace, _object)
        if "kind" not in answer and path != "/version":
            words = f"{method} {path} on {self.target.name} was answered with JSON that is no Kubernetes object."
            raise ApiError(words, "This is not a Kubernetes API server: check server in the kubeconfig.", 200, {})
        return answer

    def text(self, path: str, query: dict[str, t.Any] | None = None, namespace: str = "") -> str:
        """GET what is not JSON (a log)."""
        return self._send("GET", path, query, None, JSON, namespace, lambda payload: payload.decode("utf-8", "replace"))

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, t.Any] | None,
        body: t.Any,
        content_type: str,
        namespace: str,
        decode: t.Callable[[bytes], t.Any],
    ) -> t.Any:
        what = f"{method} {path}"
        payload = json.dumps(body, sort_keys=True).encode() if body is not None else None
        deadline = min(time.monotonic() + self.request_timeout, self.deadline)
        renewed = False
        for attempt in range(1, ATTEMPTS + 1):
            wait = None
            try:
                status, headers, received = self._exchange(method, self.url(path, query), payload, content_type, deadline)
                if status < 300:
                    return decode(received)
                problem: ApiError | Unreachable = denied(status, _status(received), self.target, what, namespace)
                again = status in RETRIED_STATUS or (_lost_race(problem) and not _pinned(body))
                wait = _retry_after(headers)
                if status == 401 and self.target.plugin and not renewed:
                    self.target, renewed, again, wait = _resolved(self.target), True, True, 0.0
            except (OSError, http.client.HTTPException, ValueError) as error:
                # a rejected certificate is an OSError and a ValueError at once
                below = isinstance(error, (OSError, http.client.HTTPException))
                problem = transport(error, self.target, what) if below else _garbled(what, self.target)
                again = problem.passing
            wait = wait if wait is not None else pause(attempt)
            if not again or attempt == ATTEMPTS or time.monotonic() + wait >= deadline:
                raise problem
            time.sleep(wait)
        raise AssertionError("the loop ends by a return or a raise")

    def url(self, path: str, query: dict[str, t.Any] | None = None) -> str:
        """The request target: the server's own path prefix (Rancher has one), the path, the query."""
        return urlsplit(self.target.server).path + path + (f"?{urlencode(query)}" if query else "")

    def headers(self, content_type: str = JSON) -> dict[str, str]:
        """What each request says about itself."""
        return {"Accept": JSON, "Content-Type": content_type, "User-Agent": USER_AGENT, **authorization(self.target)}

    def open(self) -> Connection:
        """A fresh connection, not connected yet; the caller closes it."""
        return Connection(self.target, self.connect_timeout)

    def close(self) -> None:
        """Close the connections that are kept."""
        self.way.close()

    def _exchange(
        self, method: str, url: str, payload: bytes | None, content_type: str, deadline: float
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        while True:
            connection = self.way.take(deadline)
            fresh = connection is None
            connection = connection or self._connected(deadline)
            try:
                answer = self._over(connection, method, url, payload, content_type, deadline)
            except (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                connection.close()
                if not fresh:  # the server closed it while it was idle: that is no failure of this request
                    continue
                raise
            except BaseException:
                connection.close()
                raise
            self.way.give(connection)
            return answer

    def _connected(self, deadline: float) -> Connection:
        try:
            connection = self.open()
            self._connect(connection, deadline)
            return connection
        finally:
            self.way.opened()

    def _connect(self, connection: Connection, deadline: float) -> None:
        connection.limit(_left(deadline, self.connect_timeout))
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise

    def _over(
        self, connection: Connection, method: str, url: str, payload: bytes | None, content_type: str, deadline: float
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        if connection.sock is None:  # the server had ended it with its last answer
            self._connect(connection, deadline)
        connection.limit(_left(deadline))
        connection.request(method, url, body=payload, headers=self.headers(content_type))
        response = connection.getresponse()
        received = bytearray()
        while True:
            connection.limit(_left(deadline))
            block = response.read(BLOCK)
            if not block:
                break
            received += block
        if response.length:  # a read in blocks does not say it when a body of known length ends early
            raise http.client.IncompleteRead(bytes(received), response.length)
        if response.will_close:
            connection.close()
        return response.status, response.headers, bytes(received)


def _resolved(target: Target) -> Target:
    """With what its credential plug-in says."""
    from ansible_collections.studioml.fleet.plugins.module_utils import _kubeconfig_plugins  # most kubeconfigs have none

    return _kubeconfig_plugins.resolve(target)


def pause(attempt: int) -> float:
    """How long to wait before the next try: doubled each time, with jitter so that many hosts do not come back at once."""
    return min(PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE) * random.uniform(0.5, 1.5)


def _left(deadline: float, most: float | None = None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left if most is None else min(left, most)


def _retry_after(headers: http.client.HTTPMessage) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _lost_race(problem: ApiError) -> bool:
    """A 409 because somebody wrote at the same moment; one between field managers stays."""
    return problem.status == 409 and not problem.causes and problem.answer.get("reason") == "Conflict"


def _pinned(body: t.Any) -> bool:
    """Whether a body is meant for one version of its object, so that it loses the same race again."""
    return isinstance(body, dict) and bool((body.get("metadata") or {}).get("resourceVersion"))


def _object(payload: bytes) -> dict[str, t.Any]:
    decoded = json.loads(payload)
    if not isinstance(decoded, dict):
        raise ValueError("not an object")
    return decoded


def _status(payload: bytes) -> dict[str, t.Any]:
    """The server's Status object, or the first words of whatever a proxy in between said."""
    try:
        return _object(payload)
    except ValueError:
        words = " ".join(payload.decode("utf-8", "replace").split())
        return {"message": words[:200]} if words and not words.startswith("<") else {}


def _garbled(what: str, target: Target) -> Unreachable:
    return Unreachable(f"{what} on {target.name} was answered with something that is not JSON.", "Check server in the kubeconfig.", passing=True)
