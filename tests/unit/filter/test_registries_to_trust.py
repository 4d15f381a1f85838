# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One list of registries: its part for the role registry_trust."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.registries_to_trust import registries_to_trust

REGISTRIES: list[dict[str, t.Any]] = [
    {"host": "hub:5000", "scheme": "http", "username": "puller", "password": "geheim"},
    {"host": "site:5443", "ca_file": "/etc/site.crt", "capabilities": ["pull"], "credentials_file": "~/x", "ca": None},
    {"host": "quay.io", "username": "a", "password": "geheim", "secret": "quay", "email": "a@b"},
    {"host": "gone:5000", "state": "absent"},
]


def test_what_is_about_trust_stays_and_nothing_else() -> None:
    assert registries_to_trust(REGISTRIES) == [
        {"host": "hub:5000", "scheme": "http"},
        {"host": "site:5443", "ca_file": "/etc/site.crt", "capabilities": ["pull"]},
        {"host": "gone:5000", "state": "absent"},
    ]
    assert registries_to_trust([]) == []


def test_the_role_takes_every_key_that_is_left() -> None:
    specs = yaml.safe_load((pathlib.Path(__file__).resolve().parents[3] / "roles/registry_trust/meta/argument_specs.yml").read_text())
    known = specs["argument_specs"]["main"]["options"]["registry_trust_registries"]["options"]
    assert {key for entry in registries_to_trust(REGISTRIES) for key in entry} <= set(known)


@pytest.mark.parametrize("wrong", ["hub:5000", {"host": "hub:5000"}, ["hub:5000"], [{"scheme": "http"}]])
def test_other_shapes(wrong: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="a list of mappings, each with a host"):
        registries_to_trust(wrong)
