# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""registry_info and runner_info on a real API server."""

from __future__ import annotations

import pathlib
import typing as t

import hands
import pytest
from beats import call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import registry_info, runner_deploy, runner_info, runner_state

pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module")
def fleet_node(admin: Api) -> t.Iterator[str]:
    hands.node(admin, "info-node", gpus=2)
    yield "info-node"
    admin.request("DELETE", "/api/v1/nodes/info-node")


def registry(admin: Api, namespace: str, kind: str = "NodePort") -> None:
    spec = {"type": kind, "selector": {"app": "registry"}, "ports": [{"port": 5000, "targetPort": 5000}]}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/services", body={"metadata": {"name": "registry"}, "spec": spec})


def registry_pod(admin: Api, namespace: str, name: str) -> None:
    spec = {"containers": [{"name": "registry", "image": "registry:2"}], "serviceAccountName": "default", "automountServiceAccountToken": False}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body={"metadata": {"name": "default"}})
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body={"metadata": {"name": name, "labels": {"app": "registry"}}, "spec": spec})


def test_no_registry_is_one_request_and_no_failure(control_plane: ControlPlane, kubeconfig: pathlib.Path) -> None:
    mark = control_plane.mark()
    result = call(registry_info, kubeconfig=str(kubeconfig))
    assert (result["present"], result["ready"], result["addresses"], result["changed"]) == (False, False, [], False)
    assert len(control_plane.requests(mark)) == 1


def test_a_registry_and_all_its_addresses(control_plane: ControlPlane, admin: Api, kubeconfig: pathlib.Path, namespace: str, fleet_node: str) -> None:
    registry(admin, namespace)
    registry_pod(admin, namespace, "registry-0")
    given = {"kubeconfig": str(kubeconfig), "registry_namespace": namespace}
    assert call(registry_info, **given)["ready"] is False
    ready = [{"type": "Ready", "status": "True"}]
    hands.report(admin, namespace, "registry-0", {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}], "conditions": ready})
    results = []
    for check in (True, False):
        mark = control_plane.mark()
        results.append(call(registry_info, check, **given))
        assert len(control_plane.requests(mark)) == 3 and not mutating(control_plane.requests(mark))
    result = results[1]
    assert results[0] == result
    assert (result["present"], result["ready"], result["pod_ip"], result["port"]) == (True, True, "10.1.2.3", 5000)
    assert result["cluster_host"] == f"registry.{namespace}.svc.cluster.local:5000"
    assert result["cluster_ip"].startswith("10.152.183.")
    assert {"node": fleet_node, "address": f"127.0.0.1:{result['node_port']}"} in result["addresses"]


def test_what_the_user_may_not_see_is_left_out_with_a_warning(control_plane: ControlPlane, admin: Api, namespace: str) -> None:
    registry(admin, namespace)
    hands.grant(admin, namespace, "viewer", ["get", "list"], ["", "apps"], ["services", "pods", "configmaps", "deployments"])
    given = {"kubeconfig": str(control_plane.kubeconfig("viewer", "viewer", [])), "namespace": namespace}
    result = call(registry_info, **given, registry_namespace=namespace)
    assert (result["present"], result["addresses"]) == (True, []) and "may not read the nodes" in result["warnings"][0]
    result = call(runner_info, **given)
    assert (result["runners"], result["nodes"], result["cluster_id"], len(result["warnings"])) == ([], [], "", 2)


@pytest.mark.parametrize("module", [registry_info, runner_info])
def test_a_kubeconfig_that_is_still_to_be_written(tmp_path: pathlib.Path, module: t.Any) -> None:
    missing = str(tmp_path / "later.yaml")
    assert "In check mode it is taken for one that is still to be written" in call(module, check=True, kubeconfig=missing)["warnings"][0]
    with pytest.raises(FleetError, match="does not exist"):
        call(module, kubeconfig=missing)


def test_nothing_there(control_plane: ControlPlane, kubeconfig: pathlib.Path, namespace: str) -> None:
    result = call(runner_info, kubeconfig=str(kubeconfig), namespace=namespace)
    assert result["runners"] == [] and result["version"].startswith("v1.")


def test_a_runner_its_pod_and_which_map_counts(control_plane: ControlPlane, admin: Api, kubeconfig: pathlib.Path, namespace: str, fleet_node: str) -> None:
    given = {"kubeconfig": str(kubeconfig), "namespace": namespace}
    call(runner_deploy, **given, image="hub:5000/runner:1", wait=False)
    call(runner_state, **given, state="DrainAndSuspend", nodes=[fleet_node])
    template = hands.read(admin, namespace, "deployments", "studioml-go-runner-deployment", "/apis/apps/v1")["spec"]["template"]
    pod = {"metadata": {"name": "pod-1", "labels": template["metadata"]["labels"]}, "spec": {**template["spec"], "nodeName": fleet_node}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body=pod)
    hands.report(admin, namespace, "pod-1", hands.running())
    mark = control_plane.mark()
    result = call(runner_info, **given, gather=[])
    requests = control_plane.requests(mark)
    assert len(requests) == 6 and not mutating(requests)
    (runner,) = result["runners"]
    assert (runner["deployment"], runner["image"], runner["replicas"], runner["asked_state"]) == (
        "studioml-go-runner-deployment",
        "hub:5000/runner:1",
        1,
        "Running",
    )
    assert [(one["name"], one["scope"], one["state"], one["holds"]) for one in runner["maps"]] == [
        ("studioml-go-runner", "global", "Running", True),
        (f"studioml-go-runner-{fleet_node}", "node", "DrainAndSuspend", True),
    ]
    (seen,) = runner["pods"]
    assert (seen["node"], seen["phase"], seen["ready"], seen["restarts"]) == (fleet_node, "Running", True, 0)
    assert (seen["node_map"], seen["asked_state"]) == (f"studioml-go-runner-{fleet_node}", "DrainAndSuspend")
    (node,) = [one for one in result["nodes"] if one["name"] == fleet_node]
    assert node == {
        "name": fleet_node,
        "ready": True,
        "schedulable": True,
        "gpu_capacity": 2,
        "gpu_allocatable": 2,
        "gpu_allocated": None,
        "kubelet": "",
    }
    assert result["cluster_id"]


def test_the_wrong_cluster(kubeconfig: pathlib.Path, namespace: str) -> None:
    for module in (runner_info, registry_info):
        with pytest.raises(FleetError, match="another cluster than the one that is meant"):
            call(module, kubeconfig=str(kubeconfig), namespace=namespace, cluster_id="another")
