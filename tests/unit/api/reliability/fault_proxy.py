# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy that stands before a real server, lets through what comes, and does as a rule says where one fits: before an API server or before RabbitMQ."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import re
import socket
import ssl
import threading
import typing as t
from dataclasses import dataclass, field

from black_hole import Hole

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
HOP = ("connection", "user-agent", "transfer-encoding", "content-length", "host", "keep-alive")


class Request(t.NamedTuple):
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]

    @property
    def watch(self) -> bool:
        return "watch=true" in self.url

    def __str__(self) -> str:
        return f"{'WATCH' if self.watch else self.method} {self.path}"


class Answer(t.NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} X", f"Content-Length: {len(self.body)}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode()


# What is done in place of letting a request through; whether the connection goes on.
Fault = t.Callable[["Exchange"], bool]


@dataclass
class Rule:
    """Which requests meet the fault: by method and path, from the C(first)-th such request on, so many C(times); C(each): counted for each path apart."""

    fault: Fault
    match: str = ""
    first: int = 1
    times: float = float("inf")
    each: bool = False
    seen: dict[str, int] = field(default_factory=dict)

    def fits(self, request: Request) -> bool:
        if not re.search(self.match, str(request)):
            return False
        key = str(request) if self.each else ""
        self.seen[key] = self.seen.get(key, 0) + 1
        return self.first <= self.seen[key] < self.first + self.times


class Proxy:
    """C(far) makes a connection to the real server, C(tls) is what the proxy shows of itself. A rule that comes later in C(rules) is asked later."""

    def __init__(self, far: t.Callable[[], http.client.HTTPConnection], tls: ssl.SSLContext | None = None) -> None:
        self.far, self.tls = far, tls
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.hole: Hole | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def listening(self) -> bool:
        return self._listener is not None

    def up(self) -> None:
        """Listen, always at the same port."""
        if self.hole:
            self.hole.close()
            self.hole = None
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """As a server that ends: nobody listens, and whatever was open is cut."""
        self._close()
        with self._lock:
            opened = list(self._open)
        for one in opened:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def swallow(self) -> None:
        """As a host whose packets are lost from now on: what is open falls silent, and nothing new is ever connected."""
        self._close()
        self.hole = Hole(self.port)

    def _close(self) -> None:
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def opened(self, one: socket.socket | None) -> None:
        """Something that is to be cut when this ends."""
        if one:
            with self._lock:
                self._open.add(one)

    def stop(self) -> None:
        self.stopped.set()
        self.down()
        if self.hole:
            self.hole.close()

    def heal(self) -> None:
        """From now on everything is let through."""
        self.rules = []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        self.opened(plain)
        far = None
        try:
            near = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            self.opened(near)
            far = self.far()
            with near, near.makefile("rb") as stream:
                while self._one(near, stream, far):
                    pass
        except (OSError, http.client.HTTPException, ValueError):
            pass  # one of the two ends has gone
        finally:
            plain.close()
            if far:
                far.close()
            with self._lock:
                self._open = {one for one in self._open if one.fileno() >= 0}

    def _one(self, near: socket.socket, stream: t.BinaryIO, far: http.client.HTTPConnection) -> bool:
        line = stream.readline().decode()
        if not line.strip():
            return False
        method, url, _version = line.split()
        headers = [_header(one.decode()) for one in itertools.takewhile(lambda one: one.strip(), stream)]
        size = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        request = Request(method, url, headers, stream.read(size))
        if self.hole:
            self.stopped.wait()
        with self._lock:
            self.requests.append(request)
            fault = next((rule.fault for rule in self.rules if rule.fits(request)), None)
        exchange = Exchange(self, request, near, far)
        return fault(exchange) if fault else exchange.relay()


class Exchange:
    """One request that has come in, and what can be done with it."""

    def __init__(self, proxy: Proxy, request: Request, near: socket.socket, far: http.client.HTTPConnection) -> None:
        self.proxy, self.request, self.near, self.far = proxy, request, near, far

    def ask(self) -> http.client.HTTPResponse:
        """Pass the request on, under another name: it is not one of those that other tests count in the audit log."""
        headers = {name: value for name, value in self.request.headers if name.lower() not in HOP}
        headers["User-Agent"] = "fleet-tests"
        self.far.request(self.request.method, self.request.url, self.request.body or None, headers)
        return self.far.getresponse()

    def fetch(self) -> Answer:
        """Pass the request on and take the whole answer. Not for a watch, which has no end."""
        response = self.ask()
        return Answer(response.status, [one for one in response.getheaders() if one[0].lower() not in HOP], response.read())

    def send(self, answer: Answer) -> bool:
        self.near.sendall(answer.head() + answer.body)
        return True

    def relay(self, seconds: float | None = None) -> bool:
        """Let it through; a watch as it comes, and with C(seconds) it ends properly when nothing has come for so long."""
        if not self.request.watch:
            return self.send(self.fetch())
        response = self.ask()
        if response.status >= 300:
            return self.send(Answer(response.status, [], response.read()))
        self.proxy.opened(self.far.sock)
        self.near.sendall(CHUNKED)
        if seconds and self.far.sock:
            self.far.sock.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            while block := response.read1(65536):
                if self.proxy.hole:
                    self.proxy.stopped.wait()
                self.near.sendall(chunk(block))
        self.near.sendall(chunk(b""))
        return False


def chunk(block: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(block), block)


def _header(line: str) -> tuple[str, str]:
    name, _colon, value = line.partition(":")
    return name.strip(), value.strip()
