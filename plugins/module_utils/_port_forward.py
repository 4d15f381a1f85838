# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP to a port of a pod, carried by the API server's port-forward over a WebSocket.

The kubelet speaks C(v4.channel.k8s.io): each frame begins with its channel, data or error, and the first frame of a channel holds the port's number.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import threading
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _websocket as websocket
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import BLOCK, Api
from ansible_collections.studioml.fleet.plugins.module_utils._upgrade import upgraded

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = 0, 1
# a pod's name and the port of its container
Choose = t.Callable[[], t.Tuple[str, int]]


class ForwardedApi(Api):
    """Requests to a server in a pod; C(choose) says which pod, for each connection anew."""

    def __init__(self, target: Target, connect_timeout: float, request_timeout: float, api: Api, choose: Choose, namespace: str) -> None:
        super().__init__(target, connect_timeout, request_timeout)
        self._make = lambda: ForwardedConnection(target, connect_timeout, api, choose, namespace)

    def open(self) -> Connection:
        return self._make()


class ForwardedConnection(Connection):
    """A connection whose socket is the near end of a port-forward."""

    def __init__(self, target: Target, timeout: float, api: Api, choose: Choose, namespace: str) -> None:
        super().__init__(target, timeout)
        self._api, self._choose, self._namespace = api, choose, namespace
        self._forward: Forward | None = None

    def connect(self) -> None:
        pod, port = self._choose()
        self._forward = Forward(self._api, self._namespace, pod, port)
        self.sock = self._forward.start()
        self.sock.settimeout(self.timeout)
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.tls_name)

    def request(self, *arguments: t.Any, **options: t.Any) -> None:
        with self._explained():
            super().request(*arguments, **options)

    def getresponse(self) -> http.client.HTTPResponse:
        with self._explained():
            return super().getresponse()

    @contextlib.contextmanager
    def _explained(self) -> t.Iterator[None]:
        """A connection that was closed because the pod's port could not be reached says so."""
        try:
            yield
        except (ConnectionError, http.client.BadStatusLine):
            if self._forward and self._forward.problem:
                raise OSError(self._forward.problem) from None
            raise


class Forward:
    """One forwarded connection. A thread of its own carries bytes between a pair of sockets and the WebSocket until either end closes."""

    def __init__(self, api: Api, namespace: str, pod: str, port: int) -> None:
        self.api, self.namespace, self.pod, self.port = api, namespace, pod, port
        self.problem = ""
        self._connection = api.open()
        self._received = bytearray()
        self._begun: set[int] = set()

    def start(self) -> socket.socket:
        """The near end; whatever is written to it arrives at the pod's port. Closing it ends the forward."""
        try:
            self._upgrade()
        except BaseException:
            self._connection.close()
            raise
        near, far = socket.socketpair()
        threading.Thread(target=self._carry, args=(far,), daemon=True, name=f"port-forward {self.pod}:{self.port}").start()
        return near

    def _upgrade(self) -> None:
        url = self.api.url(f"{path('Pod', self.namespace, self.pod)}/portforward", {"ports": self.port})
        try:
            chosen = upgraded(self.api, self._connection, url, [PROTOCOL], self.namespace)
        except ApiError as error:
            if error.status != 403:
                raise
            words = f"The kubeconfig's user may not forward ports of pods in namespace {self.namespace}, which is the way to a broker in the cluster."
            advice = "Grant get and create on pods/portforward by a Role and RoleBinding, or use broker: via: direct."
            raise ApiError(words, advice, error.status, error.answer) from None
        if not chosen:
            words = f"GET {url.partition('?')[0]} was not answered in the protocol {PROTOCOL}."
            raise FleetError(words, "The cluster forwards ports in another way: use broker: via: direct.")

    def _carry(self, far: socket.socket) -> None:
        tunnel = self._connection.sock
        waiting = select.poll()  # unlike select(), it knows no limit of descriptors
        waiting.register(tunnel, select.POLLIN)
        waiting.register(far, select.POLLIN)
        with contextlib.suppress(OSError), far:
            while True:
                buffered = isinstance(tunnel, ssl.SSLSocket) and tunnel.pending()
                ready = {tunnel.fileno()} if buffered else {number for number, _events in waiting.poll()}
                if far.fileno() in ready and not self._send(tunnel, far):
                    break
                if tunnel.fileno() in ready and not self._receive(tunnel, far):
                    break
        self._connection.close()

    def _send(self, tunnel: socket.socket, far: socket.socket) -> bool:
        """Pass on what was written to the near end; False at the end."""
        block = far.recv(BLOCK)
        frame = (websocket.BINARY, bytes([DATA]) + block) if block else (websocket.CLOSE, b"\x03\xe8")
        tunnel.sendall(websocket.encode(*frame))
        return bool(block)

    def _receive(self, tunnel: socket.socket, far: socket.socket) -> bool:
        """Pass on what has arrived; False at the end."""
        tunnel.settimeout(0)
        try:
            block = tunnel.recv(BLOCK)
        except (ssl.SSLWantReadError, BlockingIOError):  # something of TLS itself
            return True
        finally:
            tunnel.settimeout(self.api.request_timeout)
        self._received += block
        for frame in websocket.decode(self._received):
            if frame.kind == websocket.CLOSE:
                return False
            if frame.kind == websocket.PING:
                tunnel.sendall(websocket.encode(websocket.PONG, frame.payload))
            elif frame.kind == websocket.BINARY and frame.payload:
                self._deliver(frame.payload[0], frame.payload[1:], far)
        return bool(block) and not self.problem

    def _deliver(self, channel: int, content: bytes, far: socket.socket) -> None:
        if channel not in self._begun:
            self._begun.add(channel)  # the port's number
            content = content[2:]
        if channel == DATA and content:
            far.sendall(content)
        elif channel == ERROR and content:
            self.problem = f"port {self.port} of pod {self.namespace}/{self.pod} could not be reached: {content.decode('utf-8', 'replace').strip()}"
