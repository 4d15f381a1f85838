# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key pairs: which are taken, which are refused and why, and what is generated opens with openssl."""

from __future__ import annotations

import key_files
import pytest
from key_files import PASSPHRASE

from ansible_collections.studioml.fleet.plugins.module_utils import _message_pair as pairs
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._public_keys import rsa_public


@pytest.mark.parametrize("form", ["private", "des3"])
@pytest.mark.parametrize("public", ["", "public"])
def test_a_pair_that_fits(form: str, public: str) -> None:
    keys = key_files.keys()
    pair = pairs.proven(keys[form], PASSPHRASE, keys[public] if public else "")
    assert pair.private == keys[form] and pair.public == keys["public"] and pair.passphrase == PASSPHRASE
    assert pair.fingerprint == keys["fingerprint"]


def test_line_ends_of_another_system() -> None:
    keys = key_files.keys()
    pair = pairs.proven(keys["private"].replace("\n", "\r\n") + "\r\n", PASSPHRASE, keys["public"].replace("\n", "\r\n"))
    assert (pair.private, pair.public) == (keys["private"], keys["public"])


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("openssh", "BEGIN OPENSSH PRIVATE KEY; the runner reads PKCS#1 .*ssh-keygen -p -m PEM"),
        ("pkcs8", "BEGIN ENCRYPTED PRIVATE KEY; the runner reads PKCS#1"),
        ("plain", "the key is not encrypted, and the runner refuses such a key"),
        ("public", "BEGIN RSA PUBLIC KEY; the runner reads PKCS#1"),
        ("fingerprint", "this is no PEM text"),
    ],
)
def test_other_forms_of_the_private_key(form: str, message: str) -> None:
    with pytest.raises(FleetError, match=message) as caught:
        pairs.proven(key_files.keys()[form], PASSPHRASE)
    assert PASSPHRASE not in caught.value.text() and "MII" not in caught.value.text()


@pytest.mark.parametrize("passphrase", ["another", PASSPHRASE + "\n", ""])
def test_a_passphrase_that_does_not_open_the_key(passphrase: str) -> None:
    with pytest.raises(FleetError, match="the passphrase that goes with it does not open the key") as caught:
        pairs.proven(key_files.keys()["private"], passphrase)
    assert "another" not in caught.value.message


def test_a_damaged_key() -> None:
    lines = key_files.keys()["private"].splitlines()
    with pytest.raises(FleetError, match="does not open the key.*the key's text is damaged"):
        pairs.proven("\n".join(lines[:10] + lines[14:]), PASSPHRASE)


def test_a_cipher_that_the_runner_does_not_know() -> None:
    with pytest.raises(FleetError, match="encrypted with CAMELLIA-256-CBC; the runner knows AES-256-CBC"):
        pairs.proven(key_files.keys()["private"].replace("AES-128-CBC", "CAMELLIA-256-CBC"), PASSPHRASE)


OTHER_PUBLIC = {
    "another": (lambda: key_files.keys(1)["public"], "public_key: it belongs to another private key: its fingerprint is SHA256:.*, that of "),
    "spki": (lambda: key_files.keys()["spki"], "SubjectPublicKeyInfo .* loads and then fails for whoever encrypts with it.*openssl rsa -pubin"),
    "openssh": (lambda: key_files.keys()["openssh_public"], "this is an OpenSSH line.*ssh-keygen -e -m PEM"),
    "private": (lambda: key_files.keys()["private"], "this is a private key"),
    "twice": (lambda: key_files.keys()["public"] * 2, "there are 2 PEM blocks"),
    "short": (lambda: key_files.keys()["public"][:200], "damaged"),
    "damaged": (lambda: key_files.keys()["public"].replace("MII", "AAA", 1), "damaged"),
    "text": (lambda: "text", "this is no PEM block"),
}


@pytest.mark.parametrize("case", OTHER_PUBLIC)
def test_other_public_keys(case: str) -> None:
    public, message = OTHER_PUBLIC[case]
    with pytest.raises(FleetError, match=message):
        pairs.proven(key_files.keys()["private"], PASSPHRASE, public())


def test_a_key_that_is_too_small() -> None:
    small = key_files.run("openssl", "genrsa", "-traditional", "-aes128", "-passout", "pass:x", "1024")
    with pytest.raises(FleetError, match="the key has 1024 bits"):
        pairs.proven(small, "x")


def test_a_generated_pair_opens_with_openssl() -> None:
    """An independent decoder: the private key by its passphrase, the public one as PKCS#1, and what one encrypts the other decrypts as a runner does."""
    passphrase = pairs.new_passphrase()
    pair = pairs.generated(pairs.checked_bits(4096), passphrase)
    head = pair.private.splitlines()[:3]
    assert head[:2] == ["-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"] and head[2].startswith("DEK-Info: AES-256-CBC,")
    assert key_files.run("openssl", "rsa", "-passin", f"pass:{passphrase}", "-RSAPublicKey_out", stdin=pair.private) == pair.public
    assert "(4096 bit)" in key_files.run("openssl", "rsa", "-RSAPublicKey_in", "-noout", "-text", stdin=pair.public)
    ssh = key_files.run("ssh-keygen", "-i", "-m", "PEM", "-f", "/dev/stdin", stdin=pair.public)
    assert key_files.run("ssh-keygen", "-l", "-f", "-", stdin=ssh).split()[1] == pair.fingerprint
    assert passphrase == passphrase.strip() and len(passphrase) >= 40 and passphrase not in repr(pair)


def test_two_generated_passphrases_differ() -> None:
    assert pairs.new_passphrase() != pairs.new_passphrase()


@pytest.mark.parametrize(("passphrase", "message"), [("", "it is empty"), ("a\n", "begins or ends with a newline"), ("\ra", "begins or ends with a newline")])
def test_passphrases_that_the_runner_would_take_otherwise(passphrase: str, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        pairs.checked_passphrase(passphrase)


@pytest.mark.parametrize("bits", [0, 1024, 99999])
def test_sizes(bits: int) -> None:
    with pytest.raises(FleetError, match="is no size for a key"):
        pairs.checked_bits(bits)


def test_the_public_key_alone() -> None:
    found = rsa_public(key_files.keys()["public"], "x")
    assert found.bits == int(key_files.BITS) and found.exponent == 65537
