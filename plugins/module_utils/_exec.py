# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command in a container of a pod, over the API server's exec on a WebSocket.

The frames of C(v5.channel.k8s.io) and C(v4.channel.k8s.io) begin with their channel. How the command ended comes last, as a Status on a channel of its own.
"""

from __future__ import annotations

import json
import socket
import time
import typing as t
from urllib.parse import urlencode

from ansible_collections.studioml.fleet.plugins.module_utils import _websocket as websocket
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, Unreachable, transport
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import BLOCK, Api
from ansible_collections.studioml.fleet.plugins.module_utils._upgrade import upgraded

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, STATUS = 1, 2, 3
# What a command says when it fails is kept to this length.
WORDS = 2000


def run(
    api: Api,
    namespace: str,
    pod: str,
    container: str,
    command: t.Sequence[str],
    stdout: t.Callable[[bytes], None],
    deadline: float | None = None,
) -> tuple[int, str]:
    """Run it; its exit code and what it wrote to stderr (the beginning). What it writes to stdout goes to C(stdout), block by block."""
    deadline = deadline if deadline is not None else time.monotonic() + api.request_timeout
    query = [("container", container), ("stdout", "true"), ("stderr", "true")]
    url = f"{api.url(path('Pod', namespace, pod))}/exec?{urlencode(query + [('command', word) for word in command])}"
    connection = api.open()
    try:
        try:
            protocol = upgraded(api, connection, url, PROTOCOLS, namespace)
        except ApiError as error:
            raise _explained(error, namespace, pod, container) from None
        if not protocol:
            advice = "The cluster, or a proxy before it, does not let WebSockets pass."
            raise FleetError(f"{api.target.name} does not run commands in pods by WebSocket.", advice)
        return _Running(api, connection, stdout, deadline, f"the command in pod {namespace}/{pod}").until_over()
    finally:
        connection.close()


def _explained(error: ApiError, namespace: str, pod: str, container: str) -> ApiError:
    if error.status == 403:
        words = f"The kubeconfig's user may not run commands in pods of namespace {namespace}, which is how files are copied out."
        return ApiError(words, "Grant get and create on pods/exec by a Role and RoleBinding.", error.status, error.answer)
    return ApiError(f"{error.message} (container {container} of pod {pod})", error.hint, error.status, error.answer)


class _Running:
    """A command that was begun."""

    def __init__(self, api: Api, connection: Connection, stdout: t.Callable[[bytes], None], deadline: float, what: str) -> None:
        self.api, self.connection, self.stdout, self.deadline, self.what = api, connection, stdout, deadline, what
        self.errors, self.status = bytearray(), bytearray()
        self.channel = STDOUT

    def until_over(self) -> tuple[int, str]:
        received = bytearray()
        while True:
            block = self._block()
            received += block
            for frame in websocket.decode(received):
                if frame.kind == websocket.CLOSE:
                    return self._code(), self._words()
                if frame.kind == websocket.PING:
                    self.connection.sock.sendall(websocket.encode(websocket.PONG, frame.payload))
                elif frame.kind != websocket.PONG:
                    self._deliver(frame)
            if not block:
                return self._code(), self._words()

    def _block(self) -> bytes:
        left = self.deadline - time.monotonic()
        try:
            if left <= 0:
                raise socket.timeout("the deadline has passed")
            self.connection.limit(left)
            return self.connection.sock.recv(BLOCK)
        except OSError as error:
            raise transport(error, self.api.target, self.what) from None

    def _deliver(self, frame: websocket.Frame) -> None:
        content = frame.payload
        if frame.kind != websocket.CONTINUATION:
            self.channel, content = (content[0], content[1:]) if content else (self.channel, b"")
        if not content:
            return
        if self.channel == STDOUT:
            self.stdout(content)
        elif self.channel == STDERR:
            self.errors += content[:WORDS - len(self.errors)]
        elif self.channel == STATUS:
            self.status += content

    def _words(self) -> str:
        return " ".join(self.errors.decode("utf-8", "replace").split())

    def _code(self) -> int:
        try:
            status = json.loads(self.status)
        except ValueError:
            raise Unreachable(f"{self.what} was cut off: the connection ended before the command did.", "Run it again.", passing=True) from None
        if status.get("status") == "Success":
            return 0
        for cause in (status.get("details") or {}).get("causes") or []:
            if cause.get("reason") == "ExitCode" and str(cause.get("message")).isdigit():
                return int(cause["message"])
        words = " ".join(str(status.get("message") or status.get("reason") or "no reason given").split())
        raise FleetError(f"{self.what} could not be run: {words}.", "The image needs the program (sh and tar): give another image.")
