"""What a user may write about a registry."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._trust_entry import TrustEntry, entries

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----"
PLAIN = {"host": "hub:5000", "scheme": "http", "ca": None, "ca_file": None, "capabilities": ["resolve", "pull"], "state": "present"}


def test_entries_are_typed():
    assert entries([PLAIN], str) == [TrustEntry("hub:5000", "http")]
    assert entries([{**PLAIN, "scheme": "https", "ca_file": "/ca"}], lambda path: PEM) == [TrustEntry("hub:5000", "https", PEM + "\n")]
    assert entries([{**PLAIN, "ca_file": "/gone", "scheme": "https", "state": "absent"}], lambda path: 1 / 0)[0].present is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": "http://hub"}, "has a scheme"),
        ({"ca": PEM}, "Plain HTTP has no certificates"),
        ({"scheme": "https", "ca": "MA=="}, "no PEM text"),
        ({"scheme": "https", "ca": PEM + "\n-----BEGIN PRIVATE KEY-----"}, "private key"),
        ({"capabilities": []}, "no capabilities"),
    ],
)
def test_mistakes_are_named(change, words):
    with pytest.raises(FleetError, match=words):
        entries([{**PLAIN, **change}], str)


def test_a_registry_is_named_once():
    with pytest.raises(FleetError, match=r"registries\[1\] names hub:5000 again"):
        entries([PLAIN, PLAIN], str)
