# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory of two real clusters by the real C(ansible-inventory): hosts, variables, groups, requests, and clusters that do not answer."""

from __future__ import annotations

import json
import pathlib
import re
import socket
import time
import typing as t

import hands
import pytest
import yaml
from ansible.errors import AnsibleError
from beats import call
from control_plane import ControlPlane
from inventory_runs import CLONE, Inventory
from two_clusters import DEPLOYMENT, NAMESPACE, ZONE, Cluster, TwoClusters, merged

from ansible_collections.studioml.fleet.plugins.modules import runner_info
from ansible_collections.studioml.fleet.plugins.plugin_utils import _inventory_look

pytestmark = pytest.mark.apiserver
RBAC = "/apis/rbac.authorization.k8s.io/v1"
GPU_NODES = ["gpu1.research", "gpu2.research"]


def identity(cluster: Cluster) -> str:
    return str(cluster.admin.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])


def test_contexts_as_hosts(inventory: Inventory, clusters: TwoClusters) -> None:
    listed = inventory.list()
    assert sorted(listed.hosts) == ["edge", "research"]
    variables = listed.raw["research"]
    observed = listed.hosts["research"]["fleet_observed"]
    assert {key: value for key, value in variables.items() if key != "fleet_observed"} == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "fleet_kubeconfig": str(clusters.kubeconfig),
        "fleet_context": "research",
        "fleet_namespace": NAMESPACE,
        "fleet_cluster_id": identity(clusters.research),
    }
    assert (observed["reachable"], observed["reason"], observed["warnings"]) == (True, "", [])
    assert (observed["server"], observed["version"][:3], observed["namespace"]) == (clusters.research.plane.url, "v1.", NAMESPACE)
    assert (observed["gpus"], observed["gpus_allocated"]) == (12, None)
    assert observed["asked_states"] == ["DrainAndSuspend", "Running"]
    assert (observed["verdict"], observed["verdict_reason"]) == ("busy", "It is to drain, with 1 experiment.")
    assert [(one["deployment"], one["ready"], one["running"]) for one in observed["runners"]] == [(DEPLOYMENT, 2, 1)]
    assert [one["name"] for one in observed["nodes"]] == ["cpu1", "gpu1", "gpu2"]
    assert "WARNING" not in inventory.output


def test_groups_of_contexts(inventory: Inventory) -> None:
    assert inventory.list().groups == {
        "clusters": ["edge", "research"],
        "fleet_asked_DrainAndSuspend": ["research"],
        "fleet_asked_DrainAndTerminate": ["edge"],
        "fleet_asked_Running": ["research"],
        "fleet_driver_525_60_13": ["edge"],
        "fleet_driver_535_104_05": ["research"],
        "fleet_driver_550_54_15": ["research"],
        "fleet_gpu_NVIDIA_A100_SXM4_40GB": ["research"],
        "fleet_gpu_NVIDIA_GeForce_RTX_4090": ["edge"],
        "fleet_gpu_NVIDIA_H100_80GB_HBM3": ["research"],
        "fleet_kubelet_1_30": ["edge"],
        "fleet_kubelet_1_31": ["research"],
        "fleet_kubelet_1_32": ["research"],
        "fleet_track_1_31": ["research"],
        "fleet_track_1_32": ["research"],
        "fleet_verdict_busy": ["research"],
        "fleet_verdict_quiet": ["edge"],
    }


def test_nodes_as_hosts(inventory: Inventory, clusters: TwoClusters) -> None:
    inventory.configure(kubeconfig=str(clusters.kubeconfig), namespace=NAMESPACE, hosts="nodes")
    listed = inventory.list()
    assert sorted(listed.hosts) == ["cpu1.research", "gpu1.edge", *GPU_NODES]
    assert [listed.raw[name]["fleet_node_name"] for name in ("gpu1.edge", "gpu1.research")] == ["gpu1", "gpu1"]
    assert [listed.raw[name]["fleet_context"] for name in ("gpu1.edge", "gpu1.research")] == ["edge", "research"]
    assert listed.groups == {
        "clusters": ["cpu1.research", "gpu1.edge", *GPU_NODES],
        "fleet_asked_DrainAndSuspend": ["gpu1.research"],
        "fleet_asked_DrainAndTerminate": ["gpu1.edge"],
        "fleet_asked_Running": ["gpu2.research"],
        "fleet_cluster_edge": ["gpu1.edge"],
        "fleet_cluster_research": ["cpu1.research", *GPU_NODES],
        "fleet_driver_525_60_13": ["gpu1.edge"],
        "fleet_driver_535_104_05": ["gpu1.research"],
        "fleet_driver_550_54_15": ["gpu2.research"],
        "fleet_gpu_NVIDIA_A100_SXM4_40GB": ["gpu1.research"],
        "fleet_gpu_NVIDIA_GeForce_RTX_4090": ["gpu1.edge"],
        "fleet_gpu_NVIDIA_H100_80GB_HBM3": ["gpu2.research"],
        "fleet_kubelet_1_30": ["gpu1.edge"],
        "fleet_kubelet_1_31": ["cpu1.research"],
        "fleet_kubelet_1_32": GPU_NODES,
        "fleet_track_1_31": ["cpu1.research"],
        "fleet_track_1_32": GPU_NODES,
        "fleet_verdict_busy": ["gpu1.research"],
        "fleet_verdict_quiet": ["gpu1.edge"],
        "fleet_verdict_running": ["gpu2.research"],
    }


@pytest.mark.parametrize("node", ["cpu1", "gpu1", "gpu2"])
def test_a_node_is_judged_as_runner_info_judges_it(inventory: Inventory, clusters: TwoClusters, node: str) -> None:
    inventory.configure(kubeconfig=str(clusters.kubeconfig), contexts="research", namespace=NAMESPACE, hosts="nodes")
    told = inventory.parse().get_host(f"{node}.research").get_vars()["fleet_observed"]["runners"]
    look = call(runner_info, **clusters.research.given, nodes=[node], gather=["logs", "metrics", "permissions"])["runners"]
    assert told == [{key: one[key] for key in _inventory_look.TOLD} for one in look]
    assert len(told) == (node != "cpu1")


def test_requests_of_each_cluster(inventory: Inventory, clusters: TwoClusters) -> None:
    planes = (clusters.research.plane, clusters.edge.plane)

    def counted(**options: t.Any) -> list[int]:
        inventory.configure(kubeconfig=str(clusters.kubeconfig), namespace=NAMESPACE, **options)
        marks = [plane.mark() for plane in planes]
        inventory.parse()
        asked = [plane.requests(mark) for plane, mark in zip(planes, marks, strict=True)]
        verbs = {(one["verb"], one["objectRef"].get("resource")) for one in sum(asked, []) if one.get("objectRef")}
        assert all(verb in ("get", "list") or (verb, resource) == ("create", "subjectaccessreviews") for verb, resource in verbs)
        return [len(one) for one in asked]

    # namespace kube-system, Deployments, pods, maps, nodes, version; a question about permissions; metrics and log of each of two pods
    whole = [6 + 1 + 2 * 2, 6 + 1]
    assert counted(gather=[]) == [6, 6]
    assert counted() == whole
    assert counted(hosts="nodes") == whole
    assert counted(gather=["allocations"]) == [7, 7]


def test_gpus_that_pods_have(inventory: Inventory, clusters: TwoClusters) -> None:
    inventory.configure(kubeconfig=str(clusters.kubeconfig), contexts=["research"], namespace=NAMESPACE, gather=["allocations"])
    observed = inventory.parse().get_host("research").get_vars()["fleet_observed"]
    assert observed["gpus_allocated"] == 0
    assert (observed["verdict"], observed["verdict_reason"]) == ("asked", "Its metrics cannot be read, so nobody knows whether an experiment runs.")


@pytest.mark.parametrize("hosts", ["contexts", "nodes"])
def test_a_dead_cluster_does_not_spoil_the_rest(inventory: Inventory, clusters: TwoClusters, hosts: str) -> None:
    inventory.configure(kubeconfig=str(clusters.kubeconfig), namespace=NAMESPACE, hosts=hosts)
    with clusters.edge.stopped():
        listed = inventory.list()
    others, busy = (["research"], "research") if hosts == "contexts" else (["cpu1.research", *GPU_NODES], "gpu1.research")
    assert sorted(listed.hosts) == sorted(["edge", *others])
    assert listed.groups_of("edge") == ["clusters", "fleet_unreachable", "fleet_verdict_unreachable"]
    assert (listed.groups["fleet_unreachable"], listed.groups["fleet_verdict_busy"]) == (["edge"], [busy])
    observed = listed.hosts["edge"]["fleet_observed"]
    server = f"{clusters.edge.plane.url} (context edge of {clusters.kubeconfig})"
    said = f"on {server} failed: connection refused. Check that the API server runs, the address in the kubeconfig, firewalls and HTTPS_PROXY/NO_PROXY."
    assert observed["reason"] == f"GET /api/v1/namespaces/kube-system {said}"
    assert (observed["reachable"], observed["verdict"], observed["nodes"]) == (False, "unreachable", [])
    assert listed.raw["edge"]["fleet_context"] == "edge" and "fleet_cluster_id" not in listed.raw["edge"]
    assert inventory.output.count(f"[WARNING]: edge: {observed['reason']}") == 1 and inventory.output.count("[WARNING]") == 1


def test_a_cluster_that_is_silent_has_its_time(inventory: Inventory, clusters: TwoClusters, tmp_path: pathlib.Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        lost = clusters.edge.plane.kubeconfig("silent", server=f"https://127.0.0.1:{silent.getsockname()[1]}")
        both = merged(tmp_path / "both", {"silent": lost, "research": clusters.research.kubeconfig})
        inventory.configure(kubeconfig=str(both), namespace=NAMESPACE, target_timeout=10, connect_timeout=300, request_timeout=300)
        begun = time.monotonic()
        found = inventory.parse()
    assert time.monotonic() - begun < 150
    observed = found.get_host("silent").get_vars()["fleet_observed"]
    assert "no answer in time. target_timeout (10 s) is over." in observed["reason"]
    assert found.get_host("research").get_vars()["fleet_observed"]["verdict"] == "busy"


def test_a_cluster_that_refuses(inventory: Inventory, clusters: TwoClusters, tmp_path: pathlib.Path) -> None:
    nobody = clusters.edge.plane.kubeconfig("nobody", "nobody", [])
    unknown = clusters.edge.plane.kubeconfig("unknown", token="geheim-4711")
    given = merged(tmp_path / "given", {"nobody": nobody, "unknown": unknown, "research": clusters.research.kubeconfig})
    half = json.loads(given.read_text(encoding="utf-8"))
    half["users"].append({"name": "half", "user": {"client-key-data": "Z2VoZWlt"}})
    half["contexts"].append({"name": "half", "context": {"cluster": "research", "user": "half"}})
    given.write_text(json.dumps(half), encoding="utf-8")
    inventory.configure(kubeconfig=str(given), namespace=NAMESPACE)
    listed = inventory.list()
    reasons = {host: variables["fleet_observed"]["reason"] for host, variables in listed.hosts.items()}
    assert reasons["research"] == "" and listed.groups["fleet_unreachable"] == ["half", "nobody", "unknown"]
    assert "lacks the verb 'list' on deployments in API group 'apps' (namespace ml): grant it by a Role and RoleBinding." in reasons["nobody"]
    assert "The API server does not know the token in the kubeconfig" in reasons["unknown"]
    assert "half a client certificate for context half: client-certificate-data is missing" in reasons["half"]
    assert "geheim" not in inventory.output


def roles() -> list[dict[str, t.Any]]:
    page = (CLONE / "docs/inventory.md").read_text(encoding="utf-8")
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.S)]
    return [one for one in found if "rules" in one]


def bound(cluster: Cluster, user: str, chosen: list[dict[str, t.Any]]) -> pathlib.Path:
    """A user with these roles and nothing else."""
    for role in chosen:
        place, kinds = (RBAC, "clusterroles") if role["kind"] == "ClusterRole" else (f"{RBAC}/namespaces/{NAMESPACE}", "roles")
        name = f"{role['metadata']['name']}-{user}"
        cluster.admin.request("POST", f"{place}/{kinds}", body={**role, "metadata": {"name": name}})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": name}
        body = {"metadata": {"name": name}, "roleRef": reference, "subjects": [{"kind": "User", "name": user}]}
        cluster.admin.request("POST", f"{place}/{kinds[:-1]}bindings", body=body)
        hands.await_rights(cluster.admin, user, role["rules"], "" if role["kind"] == "ClusterRole" else NAMESPACE)
    return cluster.plane.kubeconfig(user, user, [])


def test_the_roles_of_the_page_are_enough_and_nothing_of_them_is_too_much(inventory: Inventory, clusters: TwoClusters) -> None:
    given = bound(clusters.research, "looker", roles())
    inventory.configure(kubeconfig=str(given), namespace=NAMESPACE, hosts="nodes", gather=["allocations", "logs", "metrics", "permissions"])
    mark = clusters.research.plane.mark()
    found = inventory.parse()
    assert [found.get_host(f"{name}.test").get_vars()["fleet_observed"]["warnings"] for name in ("cpu1", "gpu1")] == [[], []]
    used = set()
    for one in clusters.research.plane.requests(mark):
        about = one.get("objectRef") or {}
        if about.get("resource"):
            used.add((one["verb"], "/".join(filter(None, (about["resource"], about.get("subresource"))))))
    granted = {(verb, resource) for role in roles() for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert used == granted


def test_a_user_who_may_not_see_the_nodes(inventory: Inventory, clusters: TwoClusters) -> None:
    given = bound(clusters.research, "inside", [role for role in roles() if role["kind"] == "Role"])
    inventory.configure(kubeconfig=str(given), namespace=NAMESPACE, hosts="nodes")
    listed = inventory.list()
    observed = listed.hosts["test"]["fleet_observed"]
    left_out = "The kubeconfig's user may not read the nodes; it is left out."
    assert observed["reason"].startswith("No node of it is known. ") and left_out in observed["reason"]
    assert "fleet_unreachable" in listed.groups_of("test") and observed["verdict"] == "busy"
    assert inventory.output.count(f"[WARNING]: test: The kubeconfig's user may not read the cluster's id; it is left out. {left_out}") == 1


def test_compose_groups_and_keyed_groups(inventory: Inventory, clusters: TwoClusters) -> None:
    label = f"fleet_observed.nodes[0].labels['{ZONE}']"
    options = {"kubeconfig": str(clusters.kubeconfig), "namespace": NAMESPACE, "hosts": "nodes", "group": "runner_hosts", "group_by": ["gpu"]}
    options["connection"] = "ssh"
    compose = {"ansible_host": "fleet_observed.nodes[0].addresses.InternalIP"}
    keyed = [{"key": label, "prefix": "zone"}, {"key": "fleet_observed.verdict", "prefix": "is"}]
    inventory.configure(**options, compose=compose, groups={"big": "fleet_observed.gpus >= 8"}, keyed_groups=keyed)
    listed = inventory.list()
    assert listed.hosts["gpu1.edge"]["ansible_host"] == "127.0.0.1" and listed.hosts["gpu1.edge"]["ansible_connection"] == "ssh"
    assert listed.groups == {
        "runner_hosts": ["cpu1.research", "gpu1.edge", *GPU_NODES],
        "big": ["gpu1.research"],
        "fleet_gpu_NVIDIA_A100_SXM4_40GB": ["gpu1.research"],
        "fleet_gpu_NVIDIA_GeForce_RTX_4090": ["gpu1.edge"],
        "fleet_gpu_NVIDIA_H100_80GB_HBM3": ["gpu2.research"],
        "zone_north": ["gpu1.research"],
        "zone_south": ["gpu2.research"],
        "is_busy": ["gpu1.research"],
        "is_quiet": ["gpu1.edge"],
        "is_running": ["gpu2.research"],
    }
    inventory.configure(**options, keyed_groups=[{"key": label, "prefix": "zone"}], strict=True)
    with pytest.raises(AnsibleError, match="Could not generate group for host .* from fleet_observed.nodes"):
        inventory.parse()


def test_settings_by_environment_and_ini(inventory: Inventory, clusters: TwoClusters, tmp_path: pathlib.Path) -> None:
    config = tmp_path / "ansible.cfg"
    clone = (CLONE / "ansible.cfg").read_text(encoding="utf-8").replace(".build/collections", str(CLONE / ".build/collections"))
    config.write_text(f"{clone}\n[fleet_inventory]\nkubeconfig = {clusters.kubeconfig}\ncontexts = edge\nnamespace = {NAMESPACE}\n", encoding="utf-8")
    inventory.configure()
    inventory.environment = {"ANSIBLE_CONFIG": str(config)}
    listed = inventory.list()
    assert list(listed.hosts) == ["edge"] and listed.raw["edge"]["fleet_kubeconfig"] == str(clusters.kubeconfig)
    inventory.environment.update(FLEET_INVENTORY_CONTEXTS="research,edge", FLEET_INVENTORY_HOSTS="nodes", FLEET_INVENTORY_GROUP_BY="verdict")
    listed = inventory.list()
    assert set(listed.groups) == {"clusters", "fleet_verdict_busy", "fleet_verdict_quiet", "fleet_verdict_running"}


def secret(plane: ControlPlane) -> str:
    user = json.loads((plane.directory / "admin.kubeconfig").read_text(encoding="utf-8"))["users"][0]["user"]
    return str(user["client-key-data"][:60])


def test_no_credential_in_any_output(inventory: Inventory, clusters: TwoClusters) -> None:
    inventory.run("ansible-inventory", "--list", "-vvvv")
    assert all(secret(one.plane) not in inventory.output for one in (clusters.research, clusters.edge))
