# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner that finds no queue never asks for work: its resume ends all the same, and says so."""

from __future__ import annotations

import pytest
from place import Site, drain, resume
from stand_ins import Work

from ansible_collections.studioml.fleet.plugins.module_utils import _back

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]


def test_a_resume_does_not_wait_for_a_queue_that_is_not_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    place = site.place("queueless")
    site.ready([place])
    assert not drain(site, [place], enforce="broker").done()[place.name]["failed"]
    monkeypatch.setattr(Work, "text", lambda _self, _namespace: "")
    monkeypatch.setattr(_back, "IDLE", 2.0)
    entry = resume(site, [place]).done()[place.name]
    assert (entry["failed"], entry["verdict"]) == (False, "running"), entry
    assert entry["reason"] == "It runs. It has not asked for work in 2 s: is there a queue for it?"
    assert place.snapshot() == place.before
