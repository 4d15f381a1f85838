# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frames of a WebSocket (RFC 6455), as a client sends and receives them. Pure functions, no I/O."""

from __future__ import annotations

import os
import struct
import typing as t

CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10


class Frame(t.NamedTuple):
    """One frame that was received."""

    kind: int
    payload: bytes


def encode(kind: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One frame, masked as a client must; without a C(mask) a random one is taken."""
    mask = mask or os.urandom(4)
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | kind, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, size)
    pad = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def decode(buffer: bytearray) -> t.Iterator[Frame]:
    """The whole frames at the beginning of C(buffer), which they are taken out of. A server's are not masked."""
    while len(buffer) >= 2:
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = struct.unpack_from(">H", buffer, 2)[0] if len(buffer) >= 4 else 1 << 62, 4
        elif size == 127:
            size, start = struct.unpack_from(">Q", buffer, 2)[0] if len(buffer) >= 10 else 1 << 62, 10
        if len(buffer) < start + size:
            return
        frame = Frame(buffer[0] & 0x0F, bytes(buffer[start:start + size]))
        del buffer[:start + size]
        yield frame
