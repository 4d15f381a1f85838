# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of C(targets): what each means, and which are refused before anything is read."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _targets
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

TASK = {"kubeconfig": None, "context": None, "namespace": "ns", "cluster_id": None, "nodes": None, "pods": None, "map_names": None, "global": None}


def each(*entries: t.Any, **task: t.Any) -> list[_targets.Target]:
    return _targets.each({**TASK, "broker": None, **task, "targets": list(entries)})


def test_an_entry_stands_in_for_the_options_of_the_task() -> None:
    first, second = each({"kubeconfig": "/a", "node": "gpu1"}, {"name": "other", "kubeconfig": "/b", "context": "c", "namespace": "n"}, cluster_id="id")
    assert (first.name, first.params["nodes"], first.params["namespace"], first.params["cluster_id"]) == ("/a gpu1", ["gpu1"], "ns", "id")
    assert (second.name, second.params["nodes"], second.params["namespace"], second.params["context"]) == ("other", None, "n", "c")


def test_an_entry_that_says_which_maps_says_all_of_it() -> None:
    first, second = each({"kubeconfig": "/a", "node": "gpu1"}, {"kubeconfig": "/b"}, **{"map_names": ["m"], "global": True})
    assert [first.params[key] for key in _targets.MAPS] == [["gpu1"], None, None, None]
    assert [second.params[key] for key in _targets.MAPS] == [None, ["m"], None, True]


def test_a_broker_is_completed_from_the_task_and_its_password_is_known_as_a_secret() -> None:
    entry = {"kubeconfig": "/a", "broker": {"password": "geheim"}}
    assert each(entry, broker={"username": "u", "password": "p"})[0].params["broker"] == {"username": "u", "password": "geheim"}
    assert _targets.secrets({"targets": [entry, "gpu1", {"broker": None}]}) == ["geheim"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["gpu1"], "gpu1 is no mapping, and names of inventory hosts are known to the action plugin only"),
        ([7], "an entry is of the type int"),
        ([{"kubeconfig": "/a", "kubeconfg": "/b"}], "/a has the unknown key kubeconfg. An entry is the name of an inventory host, or a mapping"),
        ([{"kubeconfig": ["/a"]}], "has the wrong type of value in kubeconfig"),
        ([{"kubeconfig": "/a", "nodes": "gpu1", "global": "yes", "broker": "x"}], "wrong type of value in nodes, global, broker"),
        ([{"kubeconfig": "/a", "node": "gpu1", "nodes": ["gpu2"]}], "both node and nodes"),
        ([{"name": "one", "kubeconfig": "/a"}, {"name": "one", "kubeconfig": "/b"}], "two entries are called one. Nothing was read or written"),
        ([{"name": "one", "kubeconfig": "/a"}, {"name": "two", "kubeconfig": "/a"}], "one and two mean the same maps of the same cluster"),
    ],
)
def test_entries_that_are_refused(entries: list[t.Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        each(*entries)


def test_targets_are_for_the_controller() -> None:
    with pytest.raises(FleetError, match="reached from the controller only"):
        each({"kubeconfig": "/a"}, kubeconfig_on="target")
