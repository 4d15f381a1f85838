# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key pair with which requests to a runner are encrypted: made, and proven to be what a runner can read.

The runner takes an RSA private key as traditional PKCS#1 PEM that is encrypted in the PEM itself, its public key as PKCS#1, and the passphrase as raw bytes.
On a pair that does not fit it writes the passphrase into its log again and again, so nothing is stored that has not been opened here first.
The package cryptography does the arithmetic. ansible-core brings it to every controller; it is loaded only when there is something to make or to prove.
"""

from __future__ import annotations

import re
import secrets
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._public_keys import LEAST_BITS, RsaPublic, blocks, normal, rsa_public

RSA_PRIVATE = "RSA PRIVATE KEY"
# What Go's x509.DecryptPEMBlock, with which the runner opens the key, knows.
CIPHERS = ("AES-256-CBC", "AES-192-CBC", "AES-128-CBC", "DES-EDE3-CBC", "DES-CBC")
PASSPHRASE_BYTES = 32
MOST_BITS = 16384

_DEK = re.compile(r"(?m)^DEK-Info: ([A-Z0-9-]+),[0-9A-Fa-f]+\s*$")
_REWRITE = "ssh-keygen -p -m PEM -f FILE rewrites a private key in that form and asks for a passphrase."


@dataclass(frozen=True)
class Pair:
    """A private key, the public key and the passphrase, as the runner reads them."""

    private: str = field(repr=False)
    public: str
    passphrase: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Of the public key, as ssh-keygen -l shows it; empty for a pair that is still to be made."""
        return rsa_public(self.public, "public key").fingerprint if self.public else ""


def new_passphrase() -> str:
    """Random, and of letters that need no quoting anywhere."""
    return secrets.token_urlsafe(PASSPHRASE_BYTES)


def checked_passphrase(passphrase: str, where: str = "passphrase") -> str:
    """The passphrase as it is: the runner takes each of its bytes, a newline too."""
    if not passphrase:
        raise FleetError(f"{where}: it is empty, and the runner refuses a key without a passphrase.", "Give one, or leave it out to have one made.")
    if passphrase != passphrase.strip("\r\n"):
        raise FleetError(
            f"{where}: it begins or ends with a newline, which the runner would take for a part of it.",
            "Write it without one (printf, not echo); lookup('ansible.builtin.file', ...) takes it off.",
        )
    return passphrase


def generated(bits: int, passphrase: str) -> Pair:
    """A new pair."""
    rsa, forms = _cryptography()
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    encryption = forms.BestAvailableEncryption(passphrase.encode())
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.TraditionalOpenSSL, encryption).decode()
    return proven(private, passphrase, where="The pair that was just made")


def checked_bits(bits: int) -> int:
    """A size that is safe and that can be made in a moment."""
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise FleetError(f"key_bits: {bits} is no size for a key.", f"Give {LEAST_BITS} to {MOST_BITS}; 4096 is usual.")
    return bits


def proven(private: str, passphrase: str, public: str = "", *, where: str = "private_key", public_where: str = "public_key") -> Pair:
    """The pair, when the runner could read it: the form, the passphrase that opens the key, and the public key that belongs to it."""
    _check_form(private, where)
    rsa, forms = _cryptography()
    try:
        key = forms.load_pem_private_key(normal(private).encode(), passphrase.encode())
    except (ValueError, TypeError):
        raise FleetError(
            f"{where}: the passphrase that goes with it does not open the key. The runner would write that passphrase into its log every 15 seconds.",
            "Give the passphrase with which the key was made. If it is the right one, the key's text is damaged.",
        ) from None
    except Exception as error:  # pylint: disable=broad-except  # UnsupportedAlgorithm, whose place has moved between releases
        raise FleetError(f"{where}: the key cannot be opened here: {type(error).__name__}.", f"Encrypt it with AES-256: {_REWRITE}") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise FleetError(f"{where}: this is no RSA key.", "Make one with ssh-keygen -t rsa -b 4096 -m PEM.")
    made = key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.PKCS1).decode()
    mine = rsa_public(made, where)
    if public:
        _check_same(rsa_public(public, public_where), mine, public_where, where)
    return Pair(normal(private), mine.text, passphrase)


def _check_form(private: str, where: str) -> None:
    found = blocks(private)
    if not found:
        raise FleetError(f"{where}: this is no PEM text.", "Give the text of the private key's file, with its BEGIN and END lines.")
    if found != [RSA_PRIVATE]:
        kinds = " and ".join(found)
        raise FleetError(f"{where}: the key is a PEM block BEGIN {kinds}; the runner reads PKCS#1 (BEGIN {RSA_PRIVATE}) only.", f"Convert it: {_REWRITE}")
    cipher = _DEK.search(normal(private))
    if "Proc-Type: 4,ENCRYPTED" not in private or not cipher:
        raise FleetError(f"{where}: the key is not encrypted, and the runner refuses such a key (no DEK-Info header in block).", f"Encrypt it: {_REWRITE}")
    if cipher.group(1) not in CIPHERS:
        raise FleetError(f"{where}: the key is encrypted with {cipher.group(1)}; the runner knows {', '.join(CIPHERS)}.", f"Encrypt it anew: {_REWRITE}")


def _check_same(public: RsaPublic, mine: RsaPublic, public_where: str, where: str) -> None:
    if (public.modulus, public.exponent) != (mine.modulus, mine.exponent):
        raise FleetError(
            f"{public_where}: it belongs to another private key: its fingerprint is {public.fingerprint}, that of {where} is {mine.fingerprint}.",
            "Leave public_key out: it is made from the private key.",
        )


def _cryptography() -> tuple[t.Any, t.Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError as error:
        raise FleetError(
            f"The Python package cryptography cannot be loaded here ({error}), and without it no key can be made or proven.",
            "It comes with ansible-core on the controller: leave kubeconfig_on at controller, or install python3-cryptography on the host.",
        ) from None
    return rsa, serialization
