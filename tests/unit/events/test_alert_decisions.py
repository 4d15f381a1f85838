# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host an alert means, and what is decided for it from the states of the fleet."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.alert import alert_drain, alert_host, alert_resume

Target = dict[str, t.Any]
RUNNER = "studioml-go-runner"
NODES = {"10": "", "gpu1": "", "gpu2": "node2", "gpu3": "node3", "other3": "node3"}
ADDRESSES = {"gpu1": "10.0.0.1", "gpu2": "10.0.0.2"}


def target(name: str, state: str = "Running", note: str = "", node: str = "", pods: t.Sequence[str] = (), above: str = "Running") -> Target:
    """A host as runner_info shows it; with C(node) the state is that of the node's own map."""
    maps = [{"name": RUNNER, "scope": "global", "state": above if node else state, "holds": True, "note": "" if node else note}]
    if node:
        maps.append({"name": f"{RUNNER}-{node}", "scope": "node", "state": state, "holds": True, "note": note})
    maps.append({"name": f"{RUNNER}-x-{node or 'z'}", "scope": "node", "state": "DrainAndSuspend", "holds": True, "note": "alert: Another"})
    return {"target": name, "failed": False, "skipped": False, "runners": [{"maps": maps, "pods": [{"asked_state": one} for one in pods]}]}


SILENT = {"target": "gpu3", "failed": True, "skipped": False, "msg": "It does not answer."}
DRAIN = "DrainAndSuspend"


@pytest.mark.parametrize(
    ("called", "host"),
    [
        ("gpu1", "gpu1"),
        ("node2", "gpu2"),
        ("10.0.0.2", "gpu2"),
        ("gpu1.example.org", "gpu1"),
        ("node2.example.org", "gpu2"),
        ("ip-7", "gpu3"),
        ("gpu2", "gpu1"),
    ],
)
def test_the_host_that_is_meant(called: str, host: str) -> None:
    assert alert_host(called, NODES, ADDRESSES, {"ip-7": "gpu3", "gpu2": "gpu1"}) == host


@pytest.mark.parametrize(
    ("called", "words"),
    [
        ("elsewhere", "No host of this inventory is called elsewhere, by its name, its fleet_node_name or its ansible_host. Say in fleet_alert_hosts"),
        ("node3", "node3 may be each of gpu3, other3. Say in fleet_alert_hosts which host this value means."),
        ("wrong", "No host of this inventory is called nobody"),
        ("10.0.0.9", "No host of this inventory is called 10.0.0.9"),
        ("", "No host of this inventory is called "),
    ],
)
def test_a_host_that_is_not_known_is_not_guessed(called: str, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(words)):
        alert_host(called, NODES, ADDRESSES, {"wrong": "nobody"})


def test_a_mapping_that_is_none_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"fleet_alert_hosts is of the type str\. Give a dictionary of what alerts say and the host's name\."):
        alert_host("gpu1", NODES, ADDRESSES, t.cast("dict[str, str]", "gpu1: gpu2"))


def test_a_host_is_drained_within_the_limit() -> None:
    fleet = [target("gpu1"), target("gpu2", DRAIN, "by hand"), target("gpu4", above=DRAIN, node="node4", pods=["Running"])]
    assert alert_drain(fleet, "gpu1", ["GpuXid", "GpuTemperature"], {"gpu4": "node4"}, 2) == {
        "act": True,
        "said": "gpu1 is to be drained for GpuXid, GpuTemperature; then 2 of at most 2 are drained.",
        "note": "alert: GpuXid, GpuTemperature",
        "expect": {"state": "Running", "note": ""},
    }


def test_one_above_the_limit_is_left_alone() -> None:
    fleet = [target("gpu1"), target("gpu2", DRAIN, node="node2"), SILENT]
    decided = alert_drain(fleet, "gpu1", "GpuXid", {"gpu2": "node2"}, 2)
    said = "gpu1 is left alone: 2 of at most 2 hosts are drained already: gpu2, gpu3 (does not answer)."
    assert decided == {"act": False, "said": said, "note": "", "expect": {}}


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (target("gpu1", DRAIN, "alert: GpuXid, GpuTemperature"), "gpu1 is left alone: it is drained already for GpuXid, GpuTemperature."),
        (target("gpu1", DRAIN, "new fans"), "gpu1 is left alone: somebody has drained it already (new fans)."),
        (target("gpu1", "DrainAndTerminate"), "gpu1 is left alone: somebody has drained it already."),
        ({**target("gpu1"), "runners": []}, "gpu1 is left alone: it has no runner."),
    ],
)
def test_a_host_that_is_left_alone(mine: Target, said: str) -> None:
    decided = alert_drain([mine], "gpu1", ["GpuXid"])
    assert (decided["act"], decided["said"]) == (False, said)


def test_a_second_alert_is_noted_whatever_the_limit() -> None:
    fleet = [target("gpu1", DRAIN, "alert: GpuXid"), target("gpu2", DRAIN)]
    decided = alert_drain(fleet, "gpu1", ["GpuTemperature"], limit=1)
    assert decided["act"] and decided["note"] == "alert: GpuTemperature, GpuXid"
    assert decided["said"] == "gpu1 is drained already for GpuXid; GpuTemperature is noted, too."
    assert decided["expect"] == {"state": DRAIN, "note": "alert: GpuXid"}


def test_a_host_of_which_a_pod_runs_is_not_drained() -> None:
    fleet = [target("gpu1", DRAIN, "alert: GpuXid", pods=["Running", DRAIN])]
    assert alert_drain(fleet, "gpu1", ["GpuXid"])["act"]


def test_errors_say_what_to_do() -> None:
    with pytest.raises(AnsibleFilterError, match=r"gpu3 cannot be drained for GpuXid: It does not answer\. Drain it by hand when it answers\."):
        alert_drain([SILENT], "gpu3", ["GpuXid"])
    for limit in (-1, "two", "1.5"):
        with pytest.raises(AnsibleFilterError, match=rf"fleet_alert_limit: {limit} is no number of hosts\. Give 1 or more; or 0, with which no host is ever"):
            alert_drain([target("gpu1")], "gpu1", ["GpuXid"], limit=limit)
    with pytest.raises(AnsibleFilterError, match="gpu1 is not among the targets"):
        alert_drain([SILENT], "gpu1", ["GpuXid"])
    with pytest.raises(AnsibleFilterError, match=r"gpu3 cannot be brought back after GpuXid: It does not answer\. Bring it back with playbooks/resume.yml"):
        alert_resume([SILENT], ["GpuXid"])
    with pytest.raises(AnsibleFilterError, match="is about one host, and 2 were looked at"):
        alert_resume([SILENT, SILENT], ["GpuXid"])


@pytest.mark.parametrize(
    ("mine", "alerts", "whole", "act", "said"),
    [
        (target("gpu1", DRAIN, "alert: A, B"), ["A", "B", "C"], False, True, "gpu1 was drained for A, B, which is resolved: it is verified and brought back."),
        (target("gpu1", DRAIN, "alert: A, B"), ["A"], False, False, "gpu1 is left alone: A is resolved, and it is drained for B."),
        (target("gpu1", DRAIN, "alert: A, B"), "A", True, True, "gpu1 was drained for A, B, which is resolved: it is verified and brought back."),
        (target("gpu1"), ["A"], True, False, "gpu1 is left alone: it is not drained."),
        (
            target("gpu1", DRAIN, "new fans"),
            ["A"],
            True,
            False,
            "gpu1 is left alone: it was not drained for an alert (new fans), so whoever drained it brings it back.",
        ),
        (target("gpu1", DRAIN), ["A"], True, False, "gpu1 is left alone: it was not drained for an alert, so whoever drained it brings it back."),
    ],
)
def test_only_what_an_alert_has_drained_is_brought_back(mine: Target, alerts: t.Any, whole: bool, act: bool, said: str) -> None:
    decided = alert_resume([mine], alerts, whole=whole)
    assert (decided["act"], decided["said"]) == (act, said)


@pytest.mark.parametrize("limit", [0, "0", " 0 "])
@pytest.mark.parametrize("mine", [target("gpu1"), target("gpu1", DRAIN, "alert: Another")])
def test_a_limit_of_none_drains_none(mine: Target, limit: t.Any) -> None:
    decided = alert_drain([mine], "gpu1", ["GpuXid"], limit=limit)
    assert decided == {"act": False, "said": "gpu1 is left alone: fleet_alert_limit: 0 lets no host be drained.", "note": "", "expect": {}}


@pytest.mark.parametrize("limit", [None, "", 1, "1"])
def test_a_limit_that_is_left_empty_is_one(limit: t.Any) -> None:
    fleet = [target("gpu1"), target("gpu2")]
    assert alert_drain(fleet, "gpu1", ["GpuXid"], limit=limit)["said"] == "gpu1 is to be drained for GpuXid; then 1 of at most 1 are drained."


def turned(one: Target) -> Target:
    """The same with its maps in the opposite order."""
    return {**one, "runners": [{**runner, "maps": runner["maps"][::-1]} for runner in one["runners"]]}


def clustered(state: str, above: str, above_note: str) -> Target:
    """One node of a cluster, its own map noted for an alert, the global map for something else."""
    made = target("gpu1", state, "alert: A" if state == DRAIN else "", node="node1", pods=[state], above=above)
    made["runners"][0]["maps"][0]["note"] = above_note
    return made


@pytest.mark.parametrize("order", [lambda one: one, turned])
@pytest.mark.parametrize(
    ("above", "above_note", "act", "said"),
    [
        ("Running", "", True, "gpu1 was drained for A, which is resolved: it is verified and brought back."),
        (DRAIN, "", False, "gpu1 is left alone: its cluster is drained, too, so whoever drained that brings it back."),
        ("DrainAndTerminate", "the move", False, "gpu1 is left alone: its cluster is drained, too (the move), so whoever drained that brings it back."),
        (DRAIN, "alert: Rack", True, "gpu1 was drained for A, which is resolved: it is verified and brought back."),
    ],
)
def test_a_node_is_not_brought_back_in_a_cluster_that_somebody_has_drained(
    order: t.Callable[[Target], Target], above: str, above_note: str, act: bool, said: str
) -> None:
    decided = alert_resume([order(clustered(DRAIN, above, above_note))], ["A"], {"gpu1": "node1"}, whole=True)
    assert (decided["act"], decided["said"]) == (act, said)
    assert decided["expect"] == ({"state": DRAIN, "note": "alert: A", "global_state": above} if act else {})


@pytest.mark.parametrize("order", [lambda one: one, turned])
def test_a_node_that_runs_in_a_drained_cluster_is_drained_for_its_alert(order: t.Callable[[Target], Target]) -> None:
    decided = alert_drain([order(clustered("Running", DRAIN, "the move"))], "gpu1", ["A"], {"gpu1": "node1"})
    assert decided["act"] and decided["expect"] == {"state": "Running", "note": ""}


def test_what_is_expected_is_what_the_maps_say_whatever_pods_follow() -> None:
    decided = alert_drain([target("gpu1", DRAIN, "alert: A", node="node1", pods=["Running"])], "gpu1", ["B"], {"gpu1": "node1"})
    assert decided["act"] and decided["expect"] == {"state": DRAIN, "note": "alert: A"}


BARE = {"target": "gpu2", "failed": False, "skipped": False, "runners": []}


def test_a_drained_node_counts_when_its_pod_has_moved() -> None:
    # as its cluster shows it: a pod, which is on another node
    cluster = target("gpu2", DRAIN, "alert: A", node="node2", pods=["Running"])
    nodes = {"gpu1": "node1", "gpu2": "node2"}
    fleet = [target("gpu1"), BARE]
    decided = alert_drain(fleet, "gpu1", ["B"], nodes, 1, [cluster])
    assert decided["said"] == "gpu1 is left alone: 1 of at most 1 hosts are drained already: gpu2."
    assert alert_drain(fleet, "gpu2", ["A"], nodes, 1, [cluster])["said"] == "gpu2 is left alone: it is drained already for A."
    assert alert_resume([BARE], ["A"], nodes, clusters=[cluster])["said"] == "gpu2 was drained for A, which is resolved: it is verified and brought back."


@pytest.mark.parametrize("cluster", [[], [target("gpu2", node="other", pods=["Running"])], [{**BARE}]])
def test_a_node_without_runner_and_map_has_none(cluster: list[Target]) -> None:
    assert alert_drain([BARE], "gpu2", ["A"], {"gpu2": "node2"}, 1, cluster)["said"] == "gpu2 is left alone: it has no runner."


def test_a_node_whose_cluster_does_not_tell_counts_as_drained() -> None:
    decided = alert_drain([target("gpu1"), BARE], "gpu1", ["A"], {"gpu2": "node2"}, 1, [{**SILENT, "target": "gpu2"}])
    assert decided["said"] == "gpu1 is left alone: 1 of at most 1 hosts are drained already: gpu2 (does not answer)."
