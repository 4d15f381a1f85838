# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node is drained with its broker's user, the pods go to another one: the resume of the first says where the runner is that still gets no work."""

from __future__ import annotations

import pytest
from place import REPLICAS, RUNNER, Site, drain, resume

from ansible_collections.studioml.fleet.plugins.module_utils._ownership import BROKER_USER

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]


def test_a_resume_where_no_pod_is_left_names_the_runner_that_is_kept_off(site: Site) -> None:
    place = site.place("moved")
    site.ready([place])
    assert not drain(site, [place], enforce="broker").done()[place.name]["failed"]
    drained = place.snapshot()
    user = drained["notes"][BROKER_USER]
    entry = resume(site, [place], nodes=["left-by-all"]).done()[place.name]
    assert entry["failed"] and entry["msg"].startswith(
        f"There is no runner with the label app={RUNNER} in namespace {place.namespace} on left-by-all to drain, to resume or to wait for. But Deployment "
        f"{RUNNER}, whose broker's user {user} a drain keeps off its queues, has its pods on {site.node} by now."
    ), entry
    assert f"Resume {site.node}, or the whole runner (without nodes)" in entry["msg"] + entry.get("hint", "")
    assert place.snapshot() == drained, "nothing was half done"
    entry = resume(site, [place], nodes=[site.node]).done()[place.name]
    assert (entry["failed"], entry["verdict"]) == (False, "running"), entry
    assert place.read_permission() == place.before["permission"]["read"] and place.deployment()["spec"]["replicas"] == REPLICAS
