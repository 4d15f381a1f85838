# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cordon and eviction when answers are lost: the node is given back, and only by whom it was cordoned for."""

from __future__ import annotations

import injected
import matrix
import pytest
from fault_proxy import Rule
from place import Site, drain, resume, until

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]


def test_lost_answers_of_cordon_and_eviction(site: Site) -> None:
    place, name = site.place("evicted"), "the answer to a cordon or an eviction is lost"
    site.ready([place])
    place.api.rules = [Rule(injected.reset_after, "/nodes/|/eviction", times=1, each=True)]
    entry = drain(site, [place], enforce="evict").done()["evicted"]
    assert not entry["failed"], entry
    assert {one["step"] for one in entry["enforced"]} == {"broker", "cordon", "scale", "evict"}
    assert place.snapshot()["cordoned"] and place.is_drained()
    place.api.rules = [Rule(injected.reset_after, "/nodes/", times=1, each=True)]
    entry = resume(site, [place]).done()["evicted"]
    assert entry["verdict"] == "running", entry
    assert place.snapshot() == place.before
    matrix.observed[name] = matrix.QUIET


def test_no_answer_to_a_cordon_at_all(site: Site) -> None:
    place, name = site.place("cordoned"), "a fault that lasts while the node is cordoned"
    site.ready([place])
    place.api.rules = [Rule(injected.reset_after, "^PATCH .*/nodes/")]
    entry = drain(site, [place], enforce="cordon").done()["cordoned"]
    assert entry["failed"] and f"PATCH /api/v1/nodes/{site.node} on " in entry["msg"]
    assert [one["step"] for one in entry["enforced"]] == ["broker"], "what was done until then is told"
    assert place.snapshot()["cordoned"], "it was done, and nobody heard of it"
    place.heal()
    assert resume(site, [place]).done()["cordoned"]["verdict"] == "running"
    assert place.snapshot() == place.before
    matrix.observed[name] = matrix.NAMED


def test_an_overloaded_server_is_no_disruption_budget(site: Site) -> None:
    place = site.place("overloaded")
    site.ready([place])
    place.api.rules = [Rule(injected.status(429), "/eviction")]
    entry = drain(site, [place], enforce="evict").done()["overloaded"]
    assert entry["failed"] and "was answered with 429" in entry["msg"] and "PodDisruptionBudget" not in entry["msg"]
    place.heal()
    until("it is drained", lambda: not drain(site, [place], enforce="evict").done()["overloaded"]["failed"])
    assert resume(site, [place]).done()["overloaded"]["verdict"] == "running"
    assert place.snapshot() == place.before
