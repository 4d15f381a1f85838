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
    }


def test_one_above_the_limit_is_left_alone() -> None:
    fleet = [target("gpu1"), target("gpu2", DRAIN, node="node2"), SILENT]
    decided = alert_drain(fleet, "gpu1", "GpuXid", {"gpu2": "node2"}, 2)
    assert decided == {"act": False, "said": "gpu1 is left alone: 2 of at most 2 hosts are drained already: gpu2, gpu3 (does not answer).", "note": ""}


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


def test_a_host_of_which_a_pod_runs_is_not_drained() -> None:
    fleet = [target("gpu1", DRAIN, "alert: GpuXid", pods=["Running", DRAIN])]
    assert alert_drain(fleet, "gpu1", ["GpuXid"])["act"]


def test_errors_say_what_to_do() -> None:
    with pytest.raises(AnsibleFilterError, match=r"gpu3 cannot be drained for GpuXid: It does not answer\. Drain it by hand when it answers\."):
        alert_drain([SILENT], "gpu3", ["GpuXid"])
    with pytest.raises(AnsibleFilterError, match=r"fleet_alert_limit: 0 lets no host be drained at all\. Give 1 or more"):
        alert_drain([target("gpu1")], "gpu1", ["GpuXid"], limit=0)
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
