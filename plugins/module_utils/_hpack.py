# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HPACK (RFC 7541): header fields of HTTP/2 as bytes. Encodes literals only, decodes everything. No I/O."""

from __future__ import annotations

import typing as t

Field = t.Tuple[str, str]

# The table that both sides know, in its order; "_" stands for a blank in a value.
STATIC_FIELDS = (
    ":authority= :method=GET :method=POST :path=/ :path=/index.html :scheme=http :scheme=https :status=200 :status=204 :status=206 "
    ":status=304 :status=400 :status=404 :status=500 accept-charset= accept-encoding=gzip,_deflate accept-language= accept-ranges= "
    "accept= access-control-allow-origin= age= allow= authorization= cache-control= content-disposition= content-encoding= "
    "content-language= content-length= content-location= content-range= content-type= cookie= date= etag= expect= expires= from= "
    "host= if-match= if-modified-since= if-none-match= if-range= if-unmodified-since= last-modified= link= location= max-forwards= "
    "proxy-authenticate= proxy-authorization= range= referer= refresh= retry-after= server= set-cookie= strict-transport-security= "
    "transfer-encoding= user-agent= vary= via= www-authenticate="
)
STATIC: t.Tuple[Field, ...] = tuple((name, value.replace("_", " ")) for name, _sign, value in (field.rpartition("=") for field in STATIC_FIELDS.split()))

# The Huffman code of RFC 7541 is canonical, so the length of each symbol's code is all there is to know. One letter a symbol (0 to 255, then the end
# of string), A for five bits, B for six, and so on.
LENGTHS = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSS"
    "QRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWVZ"
)
END_OF_STRING = 256
ENTRY_OVERHEAD = 32


class HpackError(ValueError):
    """Bytes that are no header block."""


def _codes() -> t.Dict[t.Tuple[int, int], int]:
    result = {}
    code = previous = 0
    for length, symbol in sorted((ord(letter) - ord("A") + 5, symbol) for symbol, letter in enumerate(LENGTHS)):
        code <<= length - previous
        result[(length, code)] = symbol
        code, previous = code + 1, length
    return result


CODES = _codes()


def huffman_decode(data: bytes) -> bytes:
    """The text of a Huffman-coded string."""
    result = bytearray()
    code = length = 0
    for byte in data:
        for shift in range(7, -1, -1):
            code, length = code << 1 | byte >> shift & 1, length + 1
            symbol = CODES.get((length, code))
            if symbol is None:
                if length > 30:
                    raise HpackError("a Huffman code that is none")
                continue
            if symbol == END_OF_STRING:
                raise HpackError("the end of a string within it")
            result.append(symbol)
            code = length = 0
    if length > 7 or code != (1 << length) - 1:
        raise HpackError("wrong padding of a Huffman-coded string")
    return bytes(result)


def encode(fields: t.Iterable[Field]) -> bytes:
    """A header block of literals that no table remembers, without Huffman coding: right for any peer, and there are few fields."""
    result = bytearray()
    for name, value in fields:
        result += b"\x00" + _literal(name) + _literal(value)
    return bytes(result)


def _literal(text: str) -> bytes:
    data = text.encode("utf-8")
    return _integer(len(data), 7) + data


def _integer(value: int, bits: int) -> bytes:
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    result = bytearray([limit])
    value -= limit
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    result.append(value)
    return bytes(result)


class Decoder:
    """The receiving side of one connection: its table of remembered fields lives as long as the connection."""

    def __init__(self, limit: int = 4096) -> None:
        self.limit = self.size_limit = limit
        self.table: t.List[Field] = []
        self.data = b""
        self.at = 0

    def decode(self, data: bytes) -> t.List[Field]:
        """The fields of one header block."""
        self.data, self.at = data, 0
        fields: t.List[Field] = []
        try:
            while self.at < len(data):
                first = data[self.at]
                if first & 0x80:
                    fields.append(self._indexed(self._number(7)))
                elif first & 0xC0 == 0x40:
                    fields.append(self._remember(self._field(6)))
                elif first & 0xE0 == 0x20:
                    self._resize(self._number(5))
                else:
                    fields.append(self._field(4))
        except IndexError:
            raise HpackError("a header block that ends too early") from None
        return fields

    def _number(self, bits: int) -> int:
        limit = (1 << bits) - 1
        value = self.data[self.at] & limit
        self.at += 1
        shift = 0
        while value >= limit or shift:
            byte = self.data[self.at]
            self.at += 1
            value += (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
            if shift > 28:
                raise HpackError("a number that is too large")
        return value

    def _text(self) -> str:
        coded = self.data[self.at] & 0x80
        length = self._number(7)
        raw = self.data[self.at : self.at + length]
        if len(raw) != length:
            raise HpackError("a string that ends too early")
        self.at += length
        return (huffman_decode(raw) if coded else raw).decode("utf-8", "replace")

    def _field(self, bits: int) -> Field:
        index = self._number(bits)
        name = self._indexed(index)[0] if index else self._text()
        return name, self._text()

    def _indexed(self, index: int) -> Field:
        if 0 < index <= len(STATIC):
            return STATIC[index - 1]
        if len(STATIC) < index <= len(STATIC) + len(self.table):
            return self.table[index - len(STATIC) - 1]
        raise HpackError(f"a field that no table has ({index})")

    def _remember(self, field: Field) -> Field:
        self.table.insert(0, field)
        self._evict()
        return field

    def _resize(self, size: int) -> None:
        if size > self.limit:
            raise HpackError("a table that is larger than was allowed")
        self.size_limit = size
        self._evict()

    def _evict(self) -> None:
        while sum(len(name.encode()) + len(value.encode()) + ENTRY_OVERHEAD for name, value in self.table) > self.size_limit:
            self.table.pop()
