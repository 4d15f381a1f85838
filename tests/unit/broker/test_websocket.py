# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames of a WebSocket: the examples of RFC 6455, every length of the length, and frames that arrive in pieces."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._websocket import BINARY, CLOSE, PONG, Frame, decode, encode


def test_the_examples_of_the_specification() -> None:
    assert encode(1, b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex("818537fa213d7f9f4d5158")
    buffer = bytearray.fromhex("810548656c6c6f")
    assert list(decode(buffer)) == [Frame(1, b"Hello")] and not buffer


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200001])
def test_every_length_arrives_whole_and_in_pieces(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    masked = encode(BINARY, payload, b"\x01\x02\x03\x04")
    head = len(masked) - size
    assert bytes(byte ^ masked[head - 4 + place % 4] for place, byte in enumerate(masked[head:])) == payload
    unmasked = bytes([masked[0], masked[1] & 0x7F]) + masked[2:head - 4] + payload
    stream, buffer, found = unmasked + b"\x88\x00" + unmasked, bytearray(), []
    for start in range(0, len(stream), max(1, len(stream) // 7)):
        buffer += stream[start:start + max(1, len(stream) // 7)]
        found += list(decode(buffer))
    assert found == [Frame(BINARY, payload), Frame(CLOSE, b""), Frame(BINARY, payload)] and not buffer


def test_the_mask_differs_each_time() -> None:
    assert len({encode(PONG, b"same") for _attempt in range(8)}) > 1
