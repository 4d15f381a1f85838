# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A strict reader of TOML 1.0. No I/O.

Targets may have Python 3.8, and the standard library reads TOML from 3.11 on only. One reader on every target means one behaviour and one thing
to test (the tests hold it against C(tomllib)); tables keep their order, which means something in hosts.toml. Dates and times come back as the text they are.
"""

from __future__ import annotations

import re
import typing as t

Table = t.Dict[str, t.Any]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
SCALAR = re.compile(r"[A-Za-z0-9_+:.-]+(?: [0-9][0-9:.+Z-]*)?")
INTEGER = re.compile(r"[+-]?(?:0|[1-9](?:_?[0-9])*)|0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*")
FLOAT = re.compile(r"[+-]?(?:(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9](?:_?[0-9])*)?(?:[eE][+-]?[0-9](?:_?[0-9])*)?|inf|nan)")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})?)?|\d{2}:\d{2}:\d{2}(?:\.\d+)?")
ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class TomlError(ValueError):
    """What is wrong, and in which line."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.root: Table = {}
        self.closed: t.Set[int] = set()  # inline tables and arrays: nothing may be added to them
        self.named: t.Set[int] = set()  # tables that had a header of their own
        self.dotted: t.Set[int] = set()  # tables that dotted keys made
        self.lists: t.Set[int] = set()  # arrays of tables

    def fail(self, what: str) -> TomlError:
        return TomlError(f"line {self.text.count(chr(10), 0, self.at) + 1}: {what}")

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def skip_blanks(self) -> None:
        while self.peek() in (" ", "\t") and self.peek():
            self.at += 1

    def skip_comment(self) -> None:
        if self.peek() == "#":
            end = self.text.find("\n", self.at)
            end = len(self.text) if end < 0 else end
            if CONTROL.search(self.text, self.at, end):
                raise self.fail("a control character in a comment")
            self.at = end

    def skip_lines(self) -> None:
        while True:
            self.skip_blanks()
            self.skip_comment()
            if self.peek() != "\n":
                return
            self.at += 1

    def expect(self, what: str) -> None:
        if not self.text.startswith(what, self.at):
            raise self.fail(f"expected {what!r}, found {self.peek()!r}" if self.peek().strip() else f"expected {what!r} before the end of the line")
        self.at += len(what)

    def end_of_line(self) -> None:
        self.skip_blanks()
        self.skip_comment()
        if self.at < len(self.text):
            if self.peek() != "\n":
                raise self.fail(f"unexpected {self.peek()!r} after a value or a table's name")
            self.at += 1

    def document(self) -> Table:
        table = self.root
        while True:
            self.skip_lines()
            if self.at >= len(self.text):
                return self.root
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
            self.end_of_line()

    def header(self) -> Table:
        many = self.peek(2) == "[["
        self.at += 2 if many else 1
        keys = self.keys()
        self.expect("]]" if many else "]")
        table = self.root
        for key in keys[:-1]:
            table = self.step(table, key)
        last = keys[-1]
        if many:
            return self.append_table(table, last)
        found = table.get(last)
        if found is None:
            found = table[last] = {}
        elif not isinstance(found, dict) or id(found) in self.named | self.closed | self.dotted:
            raise self.fail(f"{'.'.join(keys)} is defined twice")
        self.named.add(id(found))
        return found

    def append_table(self, table: Table, key: str) -> Table:
        entries = table.setdefault(key, [])
        if not isinstance(entries, list) or (entries and id(entries) not in self.lists) or id(entries) in self.closed:
            raise self.fail(f"{key} is defined twice")
        self.lists.add(id(entries))
        entry: Table = {}
        entries.append(entry)
        return entry

    def step(self, table: Table, key: str, dotted: bool = False) -> Table:
        if key not in table:
            table[key] = {}
            if dotted:
                self.dotted.add(id(table[key]))
        found = table[key]
        if isinstance(found, list) and id(found) in self.lists and not dotted:
            found = found[-1]
        if not isinstance(found, dict) or id(found) in self.closed or (dotted and id(found) in self.named):
            raise self.fail(f"{key} is no table that can be added to")
        return found

    def pair(self, table: Table) -> None:
        keys = self.keys()
        self.expect("=")
        self.skip_blanks()
        for key in keys[:-1]:
            table = self.step(table, key, dotted=True)
        if keys[-1] in table:
            raise self.fail(f"{'.'.join(keys)} is defined twice")
        table[keys[-1]] = self.value()

    def keys(self) -> t.List[str]:
        keys = []
        while True:
            self.skip_blanks()
            keys.append(self.key())
            self.skip_blanks()
            if self.peek() != ".":
                return keys
            self.at += 1

    def key(self) -> str:
        if self.peek() in ('"', "'") and self.peek():
            return self.string()
        found = BARE_KEY.match(self.text, self.at)
        if not found:
            raise self.fail("a key is missing")
        self.at = found.end()
        return found.group()

    def value(self) -> t.Any:
        sign = self.peek()
        if sign and sign in "\"'":
            return self.long_string(sign) if self.peek(3) == sign * 3 else self.string()
        if sign == "[":
            return self.array()
        if sign == "{":
            return self.inline_table()
        return self.scalar()

    def scalar(self) -> t.Any:
        found = SCALAR.match(self.text, self.at)
        if not found:
            raise self.fail("a value is missing")
        word = found.group()
        if not MOMENT.fullmatch(word):
            word = word.split(" ")[0]
        self.at += len(word)
        if word in ("true", "false"):
            return word == "true"
        if INTEGER.fullmatch(word):
            return int(word.replace("_", ""), 0)
        if FLOAT.fullmatch(word):
            return float(word.replace("_", ""))
        if MOMENT.fullmatch(word):
            return word
        raise self.fail(f"{word!r} is no value; strings need quotes")

    def string(self) -> str:
        sign = self.peek()
        self.at += 1
        parts: t.List[str] = []
        while True:
            letter = self.peek()
            if not letter or CONTROL.match(letter):
                raise self.fail("a string does not end in its line")
            self.at += 1
            if letter == sign:
                return "".join(parts)
            parts.append(self.escape() if letter == "\\" and sign == '"' else letter)

    def escape(self) -> str:
        letter = self.peek()
        self.at += 1
        if letter in ESCAPES:
            return ESCAPES[letter]
        length = {"u": 4, "U": 8}.get(letter, 0)
        digits = self.peek(length)
        if not length or not re.fullmatch(r"[0-9A-Fa-f]{%d}" % length, digits) or not _is_scalar(int(digits, 16)):
            raise self.fail(f"unknown escape \\{letter}")
        self.at += length
        return chr(int(digits, 16))

    def long_string(self, sign: str) -> str:
        self.at += 3
        if self.peek() == "\n":
            self.at += 1
        parts: t.List[str] = []
        while True:
            if self.peek(3) == sign * 3:
                self.at += 3
                extra = 0  # up to two more quotes belong to the string
                while self.peek() == sign and extra < 2:
                    parts.append(sign)
                    self.at += 1
                    extra += 1
                return "".join(parts)
            letter = self.peek()
            if not letter or (letter != "\n" and CONTROL.match(letter)):
                raise self.fail("a string of several lines does not end")
            self.at += 1
            if letter != "\\" or sign == "'":
                parts.append(letter)
                continue
            joined = re.compile(r"[ \t]*\n[ \t\n]*").match(self.text, self.at)
            if joined:
                self.at = joined.end()
            else:
                parts.append(self.escape())

    def array(self) -> t.List[t.Any]:
        self.at += 1
        entries: t.List[t.Any] = []
        self.closed.add(id(entries))
        while True:
            self.skip_lines()
            if self.peek() == "]":
                break
            entries.append(self.value())
            self.skip_lines()
            if self.peek() != ",":
                break
            self.at += 1
        self.expect("]")
        return entries

    def inline_table(self) -> Table:
        self.at += 1
        table: Table = {}
        self.skip_blanks()
        while self.peek() != "}" or table:
            self.pair(table)
            self.skip_blanks()
            if self.peek() != ",":
                break
            self.at += 1
        self.expect("}")
        self.close(table)
        return table

    def close(self, table: Table) -> None:
        self.closed.add(id(table))
        for value in table.values():
            if isinstance(value, dict):
                self.close(value)


def _is_scalar(number: int) -> bool:
    return number < 0xD800 or 0xE000 <= number <= 0x10FFFF


def loads(text: str) -> Table:
    """Read a document.

    :raises TomlError: naming the line and what is wrong with it.
    """
    return _Reader(text).document()
