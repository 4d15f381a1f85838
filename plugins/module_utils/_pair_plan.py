# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which message pair a runner shall have: the one that is there, the one that is given, or a new one. Decides; writes nothing.

A pair is never replaced by accident: messages that wait in a queue are encrypted for the old one, and every experimenter has its public key.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils import _message_pair as pairs
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._message_pair import Pair
from ansible_collections.studioml.fleet.plugins.module_utils._public_keys import normal

# Stands for a key that is only made when check mode is off.
TO_BE_MADE = "(to be generated)"


@dataclass(frozen=True)
class Given:
    """What was asked for."""

    private: str = field(default="", repr=False)
    public: str = ""
    passphrase: str = field(default="", repr=False)
    bits: int = 4096
    rotate: bool = False

    @classmethod
    def of(cls, params: dict[str, t.Any]) -> Given:
        private, public, passphrase = (params.get(option) or "" for option in ("private_key", "public_key", "passphrase"))
        if public and not private:
            raise FleetError("public_key is given without private_key.", "Give both, or neither: the runner needs the private one.")
        if params.get("passphrase") is not None:
            pairs.checked_passphrase(passphrase)
        return cls(private, public, passphrase, pairs.checked_bits(params["key_bits"]), params["rotate"])


@dataclass(frozen=True)
class Stored:
    """What the cluster has: the pair, and the one before it while a rotation is under way."""

    private: str = field(default="", repr=False)
    public: str = ""
    passphrase: str = field(default="", repr=False)
    # whether nobody else has written them since this collection has proven them
    trusted: bool = False
    previous: str = ""
    where: str = "The stored key"

    @property
    def half_rotated(self) -> bool:
        """The old pair was set aside, and then the controller was stopped before the new one was written."""
        return bool(self.previous) and self.previous == self.public

    def proven(self) -> Pair:
        """The pair, looked into only where others may have changed it."""
        if self.trusted and not self.half_rotated:
            return Pair(self.private, self.public, self.passphrase)
        try:
            pairs.checked_passphrase(self.passphrase, self.where)
            found = pairs.proven(self.private, self.passphrase, self.public, where=self.where, public_where=self.where)
            return Pair(self.private, self.public or found.public, self.passphrase)
        except FleetError as error:
            advice = "What is stored is left as it is. rotate: true puts a new pair in its place and keeps this one; or mend the Secret."
            raise FleetError(error.message, advice) from None


@dataclass(frozen=True)
class Settled:
    """The decision."""

    pair: Pair
    origin: str
    # the pair has to be written, and before that the one that is there set aside
    write: bool = False
    keep_old: bool = False
    warning: str = ""


def settle(given: Given, stored: Stored, check: bool) -> Settled:
    """Decide, and prove what is going to be stored."""
    if not stored.private:
        return Settled(_made(given, given.passphrase or stored.passphrase, check), _origin(given), write=True)
    if not stored.passphrase:
        return _without_passphrase(given, stored, check)
    differs = _differs(given, stored)
    if given.rotate:
        return _rotated(given, stored, differs, check)
    if not differs:
        warning = "A rotation was interrupted before the new pair was written; run it again with rotate: true." if stored.half_rotated else ""
        return Settled(stored.proven(), "kept", warning=warning)
    return _same_key(given, stored)


def _made(given: Given, passphrase: str, check: bool) -> Pair:
    if given.private:
        if not passphrase:
            raise FleetError("private_key is given without its passphrase.", "Give passphrase; the runner refuses a key without one.")
        return pairs.proven(given.private, passphrase, given.public)
    passphrase = pairs.checked_passphrase(passphrase, "The stored passphrase") if passphrase else pairs.new_passphrase()
    return Pair(TO_BE_MADE, "", passphrase) if check else pairs.generated(given.bits, passphrase)


def _differs(given: Given, stored: Stored) -> bool:
    another_key = bool(given.private) and normal(given.private) != normal(stored.private)
    return another_key or bool(given.passphrase and given.passphrase != stored.passphrase)


def _without_passphrase(given: Given, stored: Stored, check: bool) -> Settled:
    """Somebody has taken the passphrase away: the key is useless without it, but not ours to throw away."""
    if given.rotate:
        _refuse_a_second(stored)
        return Settled(_made(given, given.passphrase, check), _origin(given), write=True, keep_old=True)
    if not given.passphrase:
        raise FleetError(
            f"{stored.where}: the private key is there, its passphrase is not.",
            "Give passphrase; or set rotate: true, which makes a new pair and keeps the old key.",
        )
    if given.private and normal(given.private) != normal(stored.private):
        return _same_key(given, stored)
    return Settled(pairs.proven(stored.private, given.passphrase, stored.public, where=stored.where, public_where=stored.where), "kept", write=True)


def _same_key(given: Given, stored: Stored) -> Settled:
    """The same key may be stored in another wrapping (another passphrase); another key is a rotation, and that is asked for by name."""
    if given.private:
        pair = pairs.proven(given.private, given.passphrase or stored.passphrase, given.public)
        if pair.public == normal(stored.public):
            return Settled(pair, "given", write=True)
        raise FleetError(
            f"{stored.where} holds another pair than the one that is given ({pair.fingerprint}). It is left as it is: messages for it may wait.",
            "Set rotate: true to put the given pair in its place and to keep the old one until drop_previous: true; or leave private_key out to keep the old.",
        )
    raise FleetError(
        f"{stored.where}: the passphrase that is given is another than the stored one.",
        "Leave passphrase out to keep the pair; or set rotate: true, which makes a new pair with this passphrase and keeps the old one.",
    )


def _rotated(given: Given, stored: Stored, differs: bool, check: bool) -> Settled:
    if given.private and not differs:
        return Settled(stored.proven(), "kept")
    if differs:
        _refuse_a_second(stored)
    elif stored.previous and not stored.half_rotated:
        return Settled(stored.proven(), "kept", warning="A rotation is under way already; it ends with drop_previous: true, once all runners are restarted.")
    # A generated pair keeps the passphrase unless another one is given: then key and public key change in one write, and no runner ever finds a pair that
    # does not fit.
    pair = _made(given, given.passphrase or stored.passphrase, check)
    return Settled(pair, _origin(given), write=True, keep_old=pair.public != normal(stored.public))


def _refuse_a_second(stored: Stored) -> None:
    if stored.previous and not stored.half_rotated:
        raise FleetError(
            f"{stored.where}: a rotation is under way, and the pair before it is still kept: a further one would lose it.",
            "Restart the runners, run once with drop_previous: true, then rotate again.",
        )


def _origin(given: Given) -> str:
    return "given" if given.private else "generated"
