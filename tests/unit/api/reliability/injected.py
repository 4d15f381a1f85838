# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the proxy does to a request instead of letting it through."""

from __future__ import annotations

import json
import socket
import struct
import time
import typing as t

from fault_proxy import CHUNKED, Answer, Exchange, Fault, chunk


def status(code: int, reason: str = "", **headers: str) -> Fault:
    """A refusal in the server's place; the request does not reach it."""
    said = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": "injected by the test"}

    def refuse(exchange: Exchange) -> bool:
        return exchange.send(Answer(code, [(name.replace("_", "-"), value) for name, value in headers.items()], json.dumps(said).encode()))

    return refuse


def reset_before(exchange: Exchange) -> bool:
    """The connection is reset, and the request has not reached the server."""
    exchange.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def reset_after(exchange: Exchange) -> bool:
    """The server has done it, and its answer is lost."""
    if not exchange.request.watch:
        exchange.fetch()
    return reset_before(exchange)


def cut(exchange: Exchange) -> bool:
    """The server has done it, and its answer ends in the middle."""
    if exchange.request.watch:
        exchange.near.sendall(CHUNKED + b'9\r\n{"type": \r\n')
        return False
    answer = exchange.fetch()
    exchange.near.sendall(answer.head() + answer.body[: len(answer.body) // 2] if answer.body else answer.head()[:12])
    return False


def page(exchange: Exchange) -> bool:
    """Something in between answers with a page for people."""
    return exchange.send(Answer(200, [("Content-Type", "text/html")], b"<html>\n<body>Please sign in</body>\n</html>\n"))


def slow(seconds: float) -> Fault:
    def wait(exchange: Exchange) -> bool:
        time.sleep(seconds)
        return exchange.relay()

    return wait


def silence(exchange: Exchange) -> bool:
    """The request arrives, and nothing ever comes back."""
    exchange.proxy.stopped.wait(120)
    return False


def mute(exchange: Exchange) -> bool:
    """A watch that begins and tells nothing, as on a connection that has died without a word."""
    exchange.near.sendall(CHUNKED)
    return silence(exchange)


def ended(seconds: float) -> Fault:
    """The server ends a watch on which nothing happens for so long."""
    return lambda exchange: exchange.relay(seconds)


def expired(exchange: Exchange) -> bool:
    """A watch that begins, and then is told that its place is too old."""
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version", "metadata": {}}
    exchange.near.sendall(CHUNKED + chunk(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n") + chunk(b""))
    return False


def meanwhile(work: t.Callable[[], t.Any]) -> Fault:
    """Somebody else does this just before the request reaches the server."""

    def do(exchange: Exchange) -> bool:
        work()
        return exchange.relay()

    return do


def as_a_stranger(exchange: Exchange) -> bool:
    """The same request of a user who may nothing: the API server's own refusal."""
    exchange.request.headers.append(("Impersonate-User", "stranger"))
    return exchange.relay()
