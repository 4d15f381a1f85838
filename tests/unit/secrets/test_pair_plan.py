# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pair a runner shall have: every combination of what is given, what is stored, and what is asked for. Nothing is replaced by accident."""

from __future__ import annotations

import typing as t

import key_files
import pytest
from key_files import PASSPHRASE

from ansible_collections.studioml.fleet.plugins.module_utils import _message_pair as pairs
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._pair_plan import TO_BE_MADE, Given, Stored, settle

OTHER = "anderes-wort"


def stored(number: int = 0, **changes: t.Any) -> Stored:
    keys = key_files.keys(number)
    return Stored(**{"private": keys["private"], "public": keys["public"], "passphrase": PASSPHRASE, "trusted": True, "where": "Secret ns/key", **changes})


def given(number: int | None = None, **changes: t.Any) -> Given:
    return Given(**{"private": key_files.keys(number)["private"] if number is not None else "", "bits": 2048, **changes})


@pytest.fixture
def nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where a key is made or opened: what this collection has stored itself needs no second proof."""
    monkeypatch.setattr(pairs, "_cryptography", lambda: pytest.fail("cryptography was loaded"))


def test_nothing_stored_and_nothing_given() -> None:
    made = settle(given(), Stored(), check=False)
    assert (made.origin, made.write, made.keep_old) == ("generated", True, False)
    assert pairs.proven(made.pair.private, made.pair.passphrase, made.pair.public) == made.pair


def test_check_mode_makes_no_key(nothing_is_opened: None) -> None:
    for now in (Stored(), Stored(passphrase=PASSPHRASE), stored()):
        made = settle(given(rotate=bool(now.private)), now, check=True)
        assert made.pair.private == TO_BE_MADE and made.pair.fingerprint == "" and made.write


def test_a_stored_passphrase_without_a_key_is_used() -> None:
    assert settle(given(), Stored(passphrase=PASSPHRASE), check=False).pair.passphrase == PASSPHRASE
    assert settle(given(passphrase=OTHER), Stored(passphrase=PASSPHRASE), check=False).pair.passphrase == OTHER


@pytest.mark.parametrize("asked", [{}, {"number": 0}, {"number": 0, "passphrase": PASSPHRASE}, {"passphrase": PASSPHRASE}, {"number": 0, "rotate": True}])
def test_what_is_there_is_kept(nothing_is_opened: None, asked: dict[str, t.Any]) -> None:
    for now in (stored(), stored(previous="another key")):
        kept = settle(given(**asked), now, check=False)
        assert (kept.origin, kept.write, kept.keep_old, kept.warning) == ("kept", False, False, "")
        assert kept.pair.private == now.private


def test_what_others_have_stored_is_proven() -> None:
    assert settle(given(), stored(trusted=False), check=False).origin == "kept"
    for wrong, message in (
        ({"passphrase": OTHER}, "does not open the key"),
        ({"passphrase": f"{PASSPHRASE}\n"}, "ends with a newline"),
        ({"private": key_files.keys()["openssh"]}, "BEGIN OPENSSH PRIVATE KEY"),
        ({"public": key_files.keys()["spki"]}, "SubjectPublicKeyInfo"),
        ({"public": key_files.keys(1)["public"]}, "belongs to another private key"),
    ):
        with pytest.raises(FleetError, match=f"Secret ns/key: .*{message}.*left as it is. rotate: true puts a new pair") as caught:
            settle(given(), stored(trusted=False, **wrong), check=True)
        assert OTHER not in caught.value.text()


def test_another_pair_needs_a_rotation() -> None:
    with pytest.raises(FleetError, match="holds another pair than the one that is given .*Set rotate: true"):
        settle(given(1, passphrase=PASSPHRASE), stored(), check=False)
    with pytest.raises(FleetError, match="the passphrase that is given is another than the stored one.*rotate: true") as caught:
        settle(given(passphrase=OTHER), stored(), check=False)
    assert OTHER not in caught.value.text()


def test_the_same_key_in_another_wrapping_needs_none() -> None:
    again = key_files.run("openssl", "rsa", "-traditional", "-aes256", "-passout", f"pass:{OTHER}", stdin=key_files.keys()["plain"])
    for rotate in (False, True):
        made = settle(given(private=again, passphrase=OTHER, rotate=rotate), stored(), check=False)
        assert (made.origin, made.write, made.keep_old, made.pair.passphrase) == ("given", True, False, OTHER)
        assert made.pair.public == stored().public


def test_a_rotation() -> None:
    made = settle(given(rotate=True), stored(), check=False)
    assert (made.origin, made.write, made.keep_old) == ("generated", True, True)
    assert made.pair.passphrase == PASSPHRASE, "so that one write changes both keys, and no runner finds a pair that does not fit"
    assert made.pair.public != stored().public
    assert settle(given(passphrase=OTHER, rotate=True), stored(), check=False).pair.passphrase == OTHER
    brought = settle(given(1, rotate=True), stored(), check=False)
    assert (brought.origin, brought.keep_old, brought.pair.public) == ("given", True, stored(1).public)


def test_a_second_rotation_waits_for_the_end_of_the_first() -> None:
    under_way = stored(previous=stored(1).public)
    kept = settle(given(rotate=True), under_way, check=False)
    assert kept.origin == "kept" and not kept.write and "A rotation is under way already" in kept.warning
    for asked in (given(1, rotate=True), given(passphrase=OTHER, rotate=True)):
        with pytest.raises(FleetError, match="a rotation is under way, and the pair before it is still kept"):
            settle(asked, under_way, check=False)


def test_an_interrupted_rotation_goes_on() -> None:
    """The controller was stopped after the old pair was set aside, and perhaps after a new passphrase was written."""
    for passphrase in (PASSPHRASE, OTHER):
        now = stored(previous=stored().public, passphrase=passphrase)
        made = settle(given(passphrase=passphrase, rotate=True), now, check=False)
        assert made.write and made.pair.passphrase == passphrase and made.pair.public != now.public
    assert "A rotation was interrupted" in settle(given(), stored(previous=stored().public), check=False).warning
    with pytest.raises(FleetError, match="does not open the key.*rotate: true"):
        settle(given(passphrase=OTHER), stored(previous=stored().public, passphrase=OTHER), check=False)


def test_a_passphrase_that_somebody_has_removed() -> None:
    with pytest.raises(FleetError, match="the private key is there, its passphrase is not"):
        settle(given(), stored(passphrase=""), check=False)
    back = settle(given(passphrase=PASSPHRASE), stored(passphrase=""), check=False)
    assert (back.origin, back.write, back.keep_old, back.pair.private) == ("kept", True, False, stored().private)
    with pytest.raises(FleetError, match="does not open the key"):
        settle(given(passphrase=OTHER), stored(passphrase=""), check=False)
    new = settle(given(rotate=True), stored(passphrase=""), check=False)
    assert new.origin == "generated" and new.keep_old


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"public_key": "x"}, "public_key is given without private_key"),
        ({"passphrase": ""}, "passphrase: it is empty"),
        ({"passphrase": "a\n"}, "ends with a newline"),
        ({"key_bits": 512}, "key_bits: 512 is no size"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, t.Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        Given.of({"key_bits": 4096, "rotate": False, **wrong})


def test_a_private_key_without_its_passphrase() -> None:
    with pytest.raises(FleetError, match="private_key is given without its passphrase"):
        settle(given(0), Stored(), check=False)


def test_no_secret_in_a_representation() -> None:
    shown = repr([given(0, passphrase=PASSPHRASE), stored(), settle(given(0, passphrase=PASSPHRASE), Stored(), check=False)])
    assert PASSPHRASE not in shown and "PRIVATE KEY" not in shown
