# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Public keys in the two forms that a runner reads: PKCS#1 PEM for RSA, one OpenSSH line for Ed25519. Pure functions, no I/O, nothing but Python."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

RSA_PUBLIC = "RSA PUBLIC KEY"
# A message's key goes through RSA-OAEP with SHA-256; what is shorter than this is no longer thought safe.
LEAST_BITS = 2048
ED25519 = "ssh-ed25519"
ED25519_BYTES = 32

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
# DER: the tags of the only two things in a PKCS#1 public key
_INTEGER, _SEQUENCE = 0x02, 0x30


class RsaPublic(t.NamedTuple):
    """An RSA public key."""

    text: str
    modulus: int
    exponent: int

    @property
    def bits(self) -> int:
        return self.modulus.bit_length()

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen -l shows it, so that two people can compare by eye."""
        blob = b"".join(struct.pack(">I", len(part)) + part for part in (b"ssh-rsa", _mpint(self.exponent), _mpint(self.modulus)))
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def blocks(text: str) -> list[str]:
    """What the PEM blocks of a text say that they are."""
    return _BEGIN.findall(text)


def normal(text: str) -> str:
    """A PEM text with plain line ends and exactly one at its end."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def rsa_public(text: str, where: str) -> RsaPublic:
    """The one RSA public key in a PKCS#1 PEM, or why it is none."""
    found = blocks(text)
    if found != [RSA_PUBLIC]:
        raise FleetError(f"{where}: {_what_else(text, found)}, and the runner reads PKCS#1 (BEGIN {RSA_PUBLIC}).", _convert(text, found))
    body = "".join(line for line in normal(text).splitlines() if "-----" not in line)
    try:
        modulus, exponent = _integers(base64.b64decode(body, validate=True))
    except (ValueError, IndexError, binascii.Error):
        raise FleetError(f"{where}: the PEM block is damaged: it does not hold the two numbers of an RSA public key.", "Copy the whole file.") from None
    if modulus.bit_length() < LEAST_BITS:
        raise FleetError(f"{where}: the key has {modulus.bit_length()} bits.", f"Use one of at least {LEAST_BITS}; 4096 is usual.")
    return RsaPublic(normal(text), modulus, exponent)


def ed25519_line(text: str, where: str) -> str:
    """The one line of an Ed25519 public key as OpenSSH writes it (with or without a comment), or why it is none."""
    line = text.strip()
    form = f"one line: {ED25519}, the key, and at most a comment (the .pub file that ssh-keygen -t ed25519 makes)"
    if "PRIVATE KEY" in line:
        raise FleetError(f"{where}: this is a private key, which has no place in a cluster.", f"Give the public one, {form}.")
    if len(line.splitlines()) != 1:
        raise FleetError(f"{where}: the key has {len(line.splitlines())} lines.", f"Give {form}.")
    kind, _space, rest = line.partition(" ")
    if kind != ED25519:
        shown = kind if re.fullmatch(r"[a-z0-9@.-]{1,40}", kind) else "something else"
        raise FleetError(f"{where}: the line begins with {shown}, and the runner verifies signatures with {ED25519} only.", f"Give {form}.")
    try:
        name, key = _strings(base64.b64decode(rest.split()[0], validate=True))
    except (ValueError, IndexError, struct.error, binascii.Error):
        raise FleetError(f"{where}: what follows {ED25519} is no key: it is damaged or cut off.", f"Give {form}.") from None
    if name != ED25519.encode() or len(key) != ED25519_BYTES:
        raise FleetError(f"{where}: what follows {ED25519} is no Ed25519 key.", f"Give {form}.")
    return line


def _mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _integers(data: bytes) -> tuple[int, int]:
    """The modulus and the exponent of a PKCS#1 public key: a sequence of two positive integers and nothing else."""
    inner, rest = _element(data, _SEQUENCE)
    first, after = _element(inner, _INTEGER)
    second, end = _element(after, _INTEGER)
    modulus, exponent = int.from_bytes(first, "big", signed=True), int.from_bytes(second, "big", signed=True)
    if rest or end or modulus <= 0 or exponent < 3 or exponent % 2 == 0:
        raise ValueError("not an RSA public key")
    return modulus, exponent


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first DER element, which must have this tag, and what comes after it."""
    if data[0] != tag:
        raise ValueError("another tag")
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise ValueError("cut off")
    return data[start:start + size], data[start + size:]


def _strings(data: bytes) -> tuple[bytes, bytes]:
    """The two length-prefixed strings of an SSH key."""
    parts = []
    for _number in range(2):
        (size,) = struct.unpack(">I", data[:4])
        parts.append(data[4:4 + size])
        data = data[4 + size:]
    if data or any(not part for part in parts):
        raise ValueError("not two strings")
    return parts[0], parts[1]


def _what_else(text: str, found: list[str]) -> str:
    if any("PRIVATE KEY" in kind for kind in found):
        return "this is a private key"
    if len(found) > 1:
        return f"there are {len(found)} PEM blocks"
    if found == ["PUBLIC KEY"]:
        return "the key is in the form SubjectPublicKeyInfo (BEGIN PUBLIC KEY), which loads and then fails for whoever encrypts with it"
    if found:
        return f"this is a PEM block BEGIN {found[0]}"
    return "this is an OpenSSH line" if text.lstrip().startswith("ssh-") else "this is no PEM block"


def _convert(text: str, found: list[str]) -> str:
    if any("PRIVATE KEY" in kind for kind in found):
        return "Give the public key that belongs to it: ssh-keygen -e -m PEM -f FILE prints it."
    if found == ["PUBLIC KEY"]:
        return "Convert it: openssl rsa -pubin -in FILE -RSAPublicKey_out."
    if text.lstrip().startswith("ssh-rsa"):
        return "Convert it: ssh-keygen -e -m PEM -f FILE.pub."
    return "Give the file's text with its BEGIN and END lines."
