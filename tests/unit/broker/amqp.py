# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much AMQP 0-9-1 as a runner speaks: connect, open a channel, fetch a message and hold it, acknowledge it."""

from __future__ import annotations

import contextlib
import socket
import struct
import typing as t

METHOD, HEADER, BODY = 1, 2, 3
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK, CLOSE = (10, 10), (10, 11), (10, 30), (10, 31), (10, 40), (10, 41), (10, 50)
CHANNEL_OPEN, CHANNEL_CLOSE = (20, 10), (20, 40)
CONSUME, CONSUME_OK, DELIVER, GET, GET_OK, GET_EMPTY, ACK = (60, 20), (60, 21), (60, 60), (60, 70), (60, 71), (60, 72), (60, 80)


class Refused(Exception):
    """The broker closed the channel or the connection; the text is its own."""


class Client:
    """One connection with one channel. C(drop) is what the death of the process does; C(close) asks for the connection's end."""

    def __init__(self, port: int, user: str, password: str, vhost: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self._stream = self.socket.makefile("rb")
        self.socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._expect(START)
        plain = b"\x00" + user.encode() + b"\x00" + password.encode()
        self._send(0, START_OK, _long(b"") + _short(b"PLAIN") + _long(plain) + _short(b"en_US"))
        self._expect(TUNE)
        self._send(0, TUNE_OK, struct.pack(">HIH", 8, 131072, 0))
        self._send(0, OPEN, _short(vhost.encode()) + b"\x00\x00")
        self._expect(OPEN_OK)
        self._send(1, CHANNEL_OPEN, b"\x00")
        self._expect((20, 11))

    def get(self, queue: str) -> int:
        """Fetch one message without acknowledging it: its delivery tag, 0 when there is none."""
        self._send(1, GET, b"\x00\x00" + _short(queue.encode()) + b"\x00")
        method, arguments = self._method()
        self._refused(method, arguments)
        if method == GET_EMPTY:
            return 0
        assert method == GET_OK, method
        self._content()
        return int(struct.unpack(">Q", arguments[:8])[0])

    def consume(self, queue: str) -> int:
        """Subscribe and hold the first message that is delivered."""
        self._send(1, CONSUME, b"\x00\x00" + _short(queue.encode()) + _short(b"one") + b"\x00" + _long(b""))
        self._expect(CONSUME_OK)
        arguments = self._expect(DELIVER)
        self._content()
        return int(struct.unpack(">Q", arguments[1 + arguments[0]:][:8])[0])

    def ack(self, tag: int) -> None:
        self._send(1, ACK, struct.pack(">QB", tag, 0))

    def drop(self) -> None:
        """End the TCP connection without a word."""
        self._stream.close()
        self.socket.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._send(0, CLOSE, struct.pack(">H", 200) + _short(b"bye") + struct.pack(">HH", 0, 0))
            self._stream.read(1)
        self.drop()

    def _send(self, channel: int, method: tuple[int, int], arguments: bytes) -> None:
        payload = struct.pack(">HH", *method) + arguments
        self.socket.sendall(struct.pack(">BHI", METHOD, channel, len(payload)) + payload + b"\xce")

    def _frame(self) -> tuple[int, bytes]:
        while True:
            head = self._stream.read(7)
            if len(head) < 7:
                raise Refused("the broker closed the connection without a word")
            kind, _channel, size = struct.unpack(">BHI", head)
            payload = self._stream.read(size + 1)[:-1]
            if kind in (METHOD, HEADER, BODY):
                return kind, payload

    def _method(self) -> tuple[tuple[int, int], bytes]:
        kind, payload = self._frame()
        assert kind == METHOD, kind
        return t.cast("tuple[int, int]", struct.unpack(">HH", payload[:4])), payload[4:]

    def _expect(self, wanted: tuple[int, int]) -> bytes:
        method, arguments = self._method()
        self._refused(method, arguments)
        assert method == wanted, (method, wanted)
        return arguments

    def _refused(self, method: tuple[int, int], arguments: bytes) -> None:
        if method in (CHANNEL_CLOSE, CLOSE):
            raise Refused(arguments[3:3 + arguments[2]].decode())

    def _content(self) -> bytes:
        kind, payload = self._frame()
        assert kind == HEADER
        size, body = struct.unpack(">Q", payload[4:12])[0], b""
        while len(body) < size:
            body += self._frame()[1]
        return body


def _short(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def _long(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
