# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small TLS server that answers as a test tells it to: the failures that a real API server cannot be asked for."""

from __future__ import annotations

import json
import pathlib
import socket
import ssl
import struct
import threading
import typing as t
from dataclasses import dataclass, field

from certificates import Authority, Pair

Behaviour = t.Callable[[socket.socket], bool]


@dataclass
class Request:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


def answer(body: t.Any = None, status: int = 200, **headers: str) -> Behaviour:
    """A whole answer; the connection stays open."""
    payload = body if isinstance(body, bytes) else json.dumps(body if body is not None else {"kind": "Status", "message": f"status {status}"}).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(payload)}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]

    def behave(connection: socket.socket) -> bool:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + payload)
        return True

    return behave


def reset(connection: socket.socket) -> bool:
    """The request was received, then the connection is reset: did it happen or not?"""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def end(connection: socket.socket) -> bool:
    """Closed without an answer."""
    return False


def cut(connection: socket.socket) -> bool:
    """An answer that ends in its middle."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"kind": ')
    return False


def silence(stopped: threading.Event) -> Behaviour:
    """No answer until the test is over."""

    def behave(connection: socket.socket) -> bool:
        stopped.wait(120)
        return False

    return behave


def stream(*events: tuple[str, dict[str, t.Any]], torn: bool = False) -> Behaviour:
    """A watch that tells these events and ends; C(torn) in the middle of a line."""

    def behave(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for kind, thing in events:
            line = json.dumps({"type": kind, "object": thing}).encode() + b"\n"
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        connection.sendall(b'9\r\n{"type": \r\n' if torn else b"0\r\n\r\n")
        return False

    return behave


class FaultServer:
    """Answers the n-th request with the n-th behaviour, the last one for ever."""

    def __init__(self, directory: pathlib.Path, pair: Pair | None = None) -> None:
        self.authority = Authority("fault authority")
        self.requests: list[Request] = []
        self.connections = 0
        self.behaviours: list[Behaviour] = [answer({"kind": "ConfigMap"})]
        self.stopped = threading.Event()
        pair = pair or self.authority.server(["127.0.0.1"])
        path = directory / "fault-server.pem"
        path.write_bytes(pair.certificate + pair.key)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(path)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.stopped.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                plain, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            with self._tls.wrap_socket(plain, server_side=True) as connection:
                self.connections += 1
                while self._one(connection):
                    pass
        except OSError:
            plain.close()

    def _one(self, connection: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            block = connection.recv(65536)
            if not block:
                return False
            received += block
        head, _separator, body = received.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in rest)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        method, url, _version = first.split(" ")
        self.requests.append(Request(method, url, headers))
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        return behaviour(connection)
