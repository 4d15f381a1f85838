# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One unary gRPC call over a unix socket, with the standard library only: as much of HTTP/2 (RFC 9113) as that takes.

Targets need nothing but Python, and the runtime's own CRI is the only thing that pulls as the kubelet does: C(ctr) ignores certs.d and the configuration.
"""

from __future__ import annotations

import socket
import struct
import time
import typing as t
import urllib.parse

from ansible_collections.studioml.fleet.plugins.module_utils._hpack import Decoder, Field, HpackError, encode

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20
ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 2, 4, 5
STREAM = 1  # one call a connection: the socket is local, so a new connection costs nothing
LARGEST_FRAME = 16384
WINDOW = 65535

STATUS = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


class GrpcError(Exception):
    """A call that failed; C(message) holds the server's own words where it gave any."""

    def __init__(self, status: str, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"{message or 'no reason given'} ({status})")


def call(path: str, method: str, message: bytes, timeout: float) -> bytes:
    """Call a method (C(/package.Service/Method)) of the server behind a socket and return the answer's bytes.

    :raises GrpcError: when the server refuses, cannot be reached, or has not answered in C(timeout) seconds.
    """
    connection = _Connection(path, timeout)
    try:
        return connection.call(method, message)
    except socket.timeout:
        raise GrpcError("DEADLINE_EXCEEDED", f"{path} has not answered {method} in {timeout:g} seconds") from None
    except (ConnectionResetError, BrokenPipeError):
        raise GrpcError("UNAVAILABLE", f"{path} closed the connection in the middle of the call") from None
    except OSError as error:
        raise GrpcError("UNAVAILABLE", f"{path}: {error.strerror or error}") from None
    except (HpackError, struct.error) as error:
        raise GrpcError("INTERNAL", f"{path} does not answer as a gRPC server does: {error}") from None
    finally:
        connection.close()


class _Connection:
    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self.deadline = time.monotonic() + timeout
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.decoder = Decoder()
        self.fields: t.Dict[str, str] = {}
        self.block = b""
        self.block_ends_stream = False
        self.answer = b""
        self.ended = False
        self.window = self.stream_window = self.initial_window = WINDOW
        self.largest_frame = LARGEST_FRAME

    def close(self) -> None:
        self.socket.close()

    def call(self, method: str, message: bytes) -> bytes:
        self._limit()
        self.socket.connect(self.path)
        self._write(PREFACE)
        self._send(SETTINGS, 0, 0, struct.pack(">HI", ENABLE_PUSH, 0))
        left = max(1, int((self.deadline - time.monotonic()) * 1000))
        fields: t.List[Field] = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("user-agent", "studioml.fleet"),
            ("grpc-timeout", f"{min(left, 99999999)}m"),
        ]
        self._send(HEADERS, END_HEADERS, STREAM, encode(fields))
        self._send_message(struct.pack(">BI", 0, len(message)) + message)
        while not self.ended:
            self._receive()
        return self._result()

    def _send_message(self, data: bytes) -> None:
        while data and not self.ended:
            room = min(self.window, self.stream_window, self.largest_frame)
            if room <= 0:
                self._receive()
                continue
            part, data = data[:room], data[room:]
            self._send(DATA, 0 if data else END_STREAM, STREAM, part)
            self.window -= len(part)
            self.stream_window -= len(part)

    def _result(self) -> bytes:
        if self.fields.get(":status", "200") != "200":
            raise GrpcError("UNAVAILABLE", f"{self.path} answered with HTTP status {self.fields[':status']}")
        status = self.fields.get("grpc-status")
        if status is None or not status.isdigit():
            raise GrpcError("INTERNAL", f"{self.path} ended the call without a status")
        if status != "0":
            name = STATUS[int(status)] if int(status) < len(STATUS) else "UNKNOWN"
            raise GrpcError(name, urllib.parse.unquote(self.fields.get("grpc-message", "")))
        if len(self.answer) < 5:
            raise GrpcError("INTERNAL", f"{self.path} answered without a message")
        compressed, length = struct.unpack_from(">BI", self.answer)
        if compressed or len(self.answer) != length + 5:
            raise GrpcError("INTERNAL", f"{self.path} answered with something else than one plain message")
        return self.answer[5:]

    def _limit(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout
        self.socket.settimeout(left)

    def _write(self, data: bytes) -> None:
        self._limit()
        self.socket.sendall(data)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._write(struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload)

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            self._limit()
            part = self.socket.recv(min(length, 65536))
            if not part:
                raise GrpcError("UNAVAILABLE", f"{self.path} closed the connection in the middle of the call")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _receive(self) -> None:
        head = self._read(9)
        length = int.from_bytes(head[:3], "big")
        if length > LARGEST_FRAME:  # more than we allow: this is no HTTP/2
            raise HpackError(f"it began with {head!r}")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self._read(length)
        handler = {
            DATA: self._data,
            HEADERS: self._headers,
            CONTINUATION: self._continuation,
            RST_STREAM: self._reset,
            SETTINGS: self._settings,
            PING: self._ping,
            GOAWAY: self._go_away,
            WINDOW_UPDATE: self._window_update,
        }.get(kind)
        if handler:  # other kinds are to be ignored
            handler(flags, stream & 0x7FFFFFFF, payload)

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        if payload:  # give back what was read, padding too
            for target in (0, stream):
                self._send(WINDOW_UPDATE, 0, target, struct.pack(">I", len(payload)))
        if stream == STREAM:
            self.answer += _unpadded(flags, payload)
            self.ended = bool(flags & END_STREAM)

    def _headers(self, flags: int, stream: int, payload: bytes) -> None:
        payload = _unpadded(flags, payload)
        self.block = payload[5:] if flags & PRIORITY else payload
        self.block_ends_stream = bool(flags & END_STREAM)
        self._continued(flags, stream)

    def _continuation(self, flags: int, stream: int, payload: bytes) -> None:
        self.block += payload
        self._continued(flags, stream)

    def _continued(self, flags: int, stream: int) -> None:
        if not flags & END_HEADERS:
            return
        fields = self.decoder.decode(self.block)  # always: later blocks build on the table
        if stream == STREAM:
            self.fields.update(fields)
            self.ended = self.block_ends_stream

    def _reset(self, flags: int, stream: int, payload: bytes) -> None:
        if stream == STREAM:
            raise GrpcError("UNAVAILABLE", f"{self.path} reset the call (HTTP/2 error {struct.unpack('>I', payload)[0]})")

    def _settings(self, flags: int, stream: int, payload: bytes) -> None:
        if flags & ACK:
            return
        for name, value in struct.iter_unpack(">HI", payload):
            if name == INITIAL_WINDOW_SIZE:
                self.stream_window += value - self.initial_window
                self.initial_window = value
            elif name == MAX_FRAME_SIZE:
                self.largest_frame = value
        self._send(SETTINGS, ACK, 0, b"")

    def _ping(self, flags: int, stream: int, payload: bytes) -> None:
        if not flags & ACK:
            self._send(PING, ACK, 0, payload)

    def _go_away(self, flags: int, stream: int, payload: bytes) -> None:
        last, code = struct.unpack_from(">II", payload)
        if code or last & 0x7FFFFFFF < STREAM:
            words = payload[8:].decode("utf-8", "replace")
            raise GrpcError("UNAVAILABLE", f"{self.path} sends us away (HTTP/2 error {code}) {words}".strip())

    def _window_update(self, flags: int, stream: int, payload: bytes) -> None:
        growth = struct.unpack(">I", payload)[0] & 0x7FFFFFFF
        if stream == STREAM:
            self.stream_window += growth
        elif stream == 0:
            self.window += growth


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise HpackError("padding that is longer than the frame")
    return payload[1 : len(payload) - payload[0]]
