# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was found at a cluster to hosts, variables and groups. Nothing is asked."""

from __future__ import annotations

import typing as t

import pytest
from ansible.template import is_trusted_as_template

from ansible_collections.studioml.fleet.plugins.plugin_utils import _inventory_hosts
from ansible_collections.studioml.fleet.plugins.plugin_utils._inventory_contexts import Context
from ansible_collections.studioml.fleet.plugins.plugin_utils._inventory_look import node, standing

CONTEXT = Context("research", "admin@research", "/etc/fleet/research.yaml", "/etc/fleet/research.yaml")
SHAPE = _inventory_hosts.Shape("local", "", _inventory_hosts.GROUPS)
RESOURCE = "nvidia.com/gpu"


def item(name: str = "gpu1", version: str = "v1.32.9", **labels: str) -> dict[str, t.Any]:
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "InternalIP", "address": "fd00::1"}, {"type": "Hostname", "address": name}]
    status = {"capacity": {RESOURCE: "8"}, "allocatable": {RESOURCE: "6"}, "nodeInfo": {"kubeletVersion": version}, "addresses": addresses}
    return {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": status}


def found(*nodes: dict[str, t.Any], **changes: t.Any) -> dict[str, t.Any]:
    shown = [node(one, RESOURCE, changes.pop("allocated", None)) for one in nodes]
    said = {"server": "https://10.0.0.1:16443", "version": "v1.32.9", "cluster_id": "", "namespace": "default", "warnings": []}
    return {"at": 1768905000.0, "reason": "", **said, "nodes": shown, "whole": standing([]), "by_node": {one["name"]: standing([]) for one in shown}, **changes}


def runner(verdict: str, asked: str, pods: t.Sequence[str] = (), maps: t.Sequence[dict[str, t.Any]] = ()) -> dict[str, t.Any]:
    """As M(studioml.fleet.runner_info) tells it."""
    told = dict.fromkeys(("deployment", "image", "replicas", "ready", "effective_state", "era", "listens", "running", "enforced"))
    return {**told, "asked_state": asked, "verdict": verdict, "verdict_reason": f"so {verdict}", "pods": [{"asked_state": one} for one in pods], "maps": maps}


def test_what_labels_tell_of_a_node() -> None:
    labels = {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/cuda.driver-version.full": "550.54.15", "microk8s.io/cluster": "true"}
    shown = node(item(**labels), RESOURCE, {"gpu1": 3})
    assert (shown["gpu_product"], shown["gpu_driver"], shown["microk8s_track"], shown["kubelet_series"]) == ("Tesla-T4", "550.54.15", "1.32", "1.32")
    assert (shown["gpu_capacity"], shown["gpu_allocatable"], shown["gpu_allocated"]) == (8, 6, 3)
    assert shown["addresses"] == {"InternalIP": "10.0.0.1", "Hostname": "gpu1"}  # the first of a kind, as kubectl shows it


def test_labels_of_an_earlier_feature_discovery() -> None:
    former = {"nvidia.com/cuda.driver.major": "525", "nvidia.com/cuda.driver.minor": "60", "nvidia.com/cuda.driver.rev": "13"}
    assert node(item(**former), RESOURCE, None)["gpu_driver"] == "525.60.13"


def test_a_node_without_labels() -> None:
    shown = node(item(version="unknown"), RESOURCE, None)
    assert (shown["gpu_product"], shown["gpu_driver"], shown["microk8s_track"], shown["kubelet_series"]) == ("", "", "", "")


def test_the_worst_of_several_runners_speaks_for_all() -> None:
    judged = standing([runner("running", "Running", ["Running"]), runner("busy", "DrainAndSuspend", ["DrainAndSuspend"])])
    assert (judged["verdict"], judged["verdict_reason"], judged["asked_states"]) == ("busy", "so busy", ["DrainAndSuspend", "Running"])
    assert standing([]) == {"asked_states": [], "verdict": "", "verdict_reason": "", "runners": []}


def test_without_a_pod_the_map_of_the_node_says_what_was_asked() -> None:
    own = {"name": "studioml-go-runner-gpu1", "scope": "node", "state": "DrainAndSuspend", "holds": True}
    assert standing([runner("quiet", "Running", maps=[own])], own["name"])["asked_states"] == ["DrainAndSuspend"]
    assert standing([runner("quiet", "Running", maps=[{**own, "holds": False}])], own["name"])["asked_states"] == ["Running"]
    assert standing([runner("quiet", "Running", maps=[own])], "studioml-go-runner-gpu2")["asked_states"] == ["Running"]
    assert standing([runner("quiet", "", maps=[])])["asked_states"] == []


def test_the_sums_of_a_cluster() -> None:
    (host,) = _inventory_hosts.of_cluster(CONTEXT, found(item("a"), item("b", version="v1.31.0")), SHAPE)
    observed = host.variables["fleet_observed"]
    assert (observed["gpus"], observed["gpus_allocatable"], observed["gpus_allocated"], observed["at"]) == (16, 12, None, "2026-01-20T10:30:00Z")
    assert host.groups == ["fleet_kubelet_1_31", "fleet_kubelet_1_32"]
    known = found(item("a"))
    known["nodes"][0]["gpu_allocated"] = 2
    assert _inventory_hosts.of_cluster(CONTEXT, known, SHAPE)[0].variables["fleet_observed"]["gpus_allocated"] == 2


@pytest.mark.parametrize(("option", "of_context", "told"), [("", "default", None), ("", "ml", "ml"), ("ml", "default", "ml"), ("ml", "", "ml")])
def test_a_namespace_is_told_where_one_is_given(option: str, of_context: str, told: str | None) -> None:
    (host,) = _inventory_hosts.of_cluster(CONTEXT, found(namespace=of_context), SHAPE._replace(namespace=option))
    assert host.variables.get("fleet_namespace") == told


@pytest.mark.parametrize(("connection", "told"), [("local", ["ansible_connection", "ansible_python_interpreter"]), ("ssh", ["ansible_connection"]), ("", [])])
def test_how_a_host_is_reached(connection: str, told: list[str]) -> None:
    (host,) = _inventory_hosts.of_cluster(CONTEXT, found(), SHAPE._replace(connection=connection))
    assert [name for name in host.variables if name.startswith("ansible_")] == told


def test_no_cluster_id_where_it_may_not_be_read() -> None:
    assert "fleet_cluster_id" not in _inventory_hosts.of_cluster(CONTEXT, found(), SHAPE)[0].variables
    assert _inventory_hosts.of_cluster(CONTEXT, found(cluster_id="7b3f"), SHAPE)[0].variables["fleet_cluster_id"] == "7b3f"


def test_every_host_has_the_same_variables() -> None:
    dead = found(reason="It is dead.")
    live, lost = (_inventory_hosts.of_cluster(CONTEXT, one, SHAPE._replace(group_by=()))[0] for one in (found(item()), dead))
    assert live.variables["fleet_observed"].keys() == lost.variables["fleet_observed"].keys()
    assert lost.variables["fleet_observed"]["gpus_allocated"] is None
    assert (live.groups, lost.groups) == ([], ["fleet_unreachable"])


def test_a_cluster_that_shows_no_node_is_not_missing() -> None:
    (host,) = _inventory_hosts.of_nodes(CONTEXT, found(warnings=["The kubeconfig's user may not read the nodes; it is left out."]), SHAPE)
    assert (host.name, host.groups) == ("research", ["fleet_unreachable"])
    assert host.variables["fleet_observed"]["reason"] == "No node of it is known. The kubeconfig's user may not read the nodes; it is left out."


def test_what_a_cluster_says_is_no_template() -> None:
    shown = _inventory_hosts.as_variable({"a": "gpu1", "b": ["{{ lookup('pipe', 'id') }}", "#jinja2: variable_start_string:'[['", "a | b"], "c": 7, "d": None})
    assert shown["a"] == "gpu1" and is_trusted_as_template(shown["a"])
    assert shown["b"] == ["{{ lookup('pipe', 'id') }}", "#jinja2: variable_start_string:'[['", "a | b"]
    assert not any(is_trusted_as_template(one) for one in shown["b"])
    assert (shown["c"], shown["d"]) == (7, None)
