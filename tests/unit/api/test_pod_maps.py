# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Maps found through pods: which map a pod follows, on its own and on a real API server."""

from __future__ import annotations

import pathlib
import typing as t

import hands
import pytest
from beats import Beats, call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils import _pod_maps
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_state

GLOBAL = "studioml-go-runner"
NODE_NAME = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}


def pod(name: str, *variables: dict[str, t.Any], **spec: t.Any) -> dict[str, t.Any]:
    container = {"name": GLOBAL, "image": "x", "env": list(variables)}
    meta = {"name": name, "namespace": "ns", "uid": "u", "labels": {"app": GLOBAL}}
    return {"metadata": meta, "spec": {"containers": [{"name": "sidecar", "image": "x"}, container], **spec}, "status": {}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (pod("p-1"), "p-1"),
        (pod("p-1", {"name": "HOSTNAME", "value": "fixed"}), "fixed"),
        (pod("p-1", NODE_NAME, {"name": "HOSTNAME", "value": f"{GLOBAL}-$(NODE_NAME)"}, nodeName="gpu1"), f"{GLOBAL}-gpu1"),
        (pod("p-1", NODE_NAME, {"name": "HOSTNAME", "value": f"{GLOBAL}-$(NODE_NAME)"}), ""),
        (pod("p-1", {"name": "HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}, nodeName="gpu1"), "gpu1"),
        (pod("p-1", {"name": "HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}), "p-1"),
        (pod("p-1", hostNetwork=True, nodeName="gpu1"), "gpu1"),
        (pod("p-1", hostname="set-1"), "set-1"),
        (pod("a" * 62 + "-b"), "a" * 62),
    ],
)
def test_the_map_of_a_pod(given: dict[str, t.Any], expected: str) -> None:
    assert _pod_maps.map_of_pod(given, GLOBAL) == expected


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace}


def make(admin: Api, namespace: str, made: dict[str, t.Any], node: str = "") -> None:
    body = {"metadata": {key: value for key, value in made["metadata"].items() if key in ("name", "labels")}, "spec": made["spec"]}
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    if not any(one["metadata"]["name"] == "default" for one in admin.request("GET", account)["items"]):
        admin.request("POST", account, body={"metadata": {"name": "default"}})
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body=body)
    if node:
        hands.bind(admin, namespace, made["metadata"]["name"], node)


@pytest.mark.apiserver
def test_maps_through_the_pods_of_nodes(control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    make(admin, namespace, pod("studioml-go-runner-deployment-1"), "gpu1")
    make(admin, namespace, pod("studioml-go-runner-deployment-2", {"name": "HOSTNAME", "value": f"{GLOBAL}-second"}), "gpu2")
    make(admin, namespace, pod("studioml-go-runner-deployment-3"), "gpu3")
    beats = Beats(control_plane, runner_state, **given, state="DrainAndSuspend", nodes=["gpu2", "gpu1"], nodes_through="pods")
    assert beats.counts() == [4, 4, 2, 2], "one request more than by name: the pods"
    assert [one["name"] for one in beats.results[1]["maps"]] == [f"{GLOBAL}-second", "studioml-go-runner-deployment-1"]
    first, second = (hands.read(admin, namespace, "configmaps", one) for one in ("studioml-go-runner-deployment-1", f"{GLOBAL}-second"))
    (owner,) = first["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], bool(owner["uid"])) == ("Pod", "studioml-go-runner-deployment-1", True)
    assert "ownerReferences" not in second["metadata"], "this map outlives its pod"
    call(runner_state, **given, state="Running", pods=["studioml-go-runner-deployment-1"])
    again = hands.read(admin, namespace, "configmaps", "studioml-go-runner-deployment-1")
    assert again["metadata"]["ownerReferences"] == [owner] and again["data"] == {"STATE": "Running"}


@pytest.mark.apiserver
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pods": ["gone"]}, "no running pod with the label app=studioml-go-runner is called gone. The runners here are: gpu1-runner, studioml-go-runner-new."),
        ({"nodes": ["empty"], "nodes_through": "pods"}, "no pod with the label app=studioml-go-runner runs on node empty"),
        ({"pods": ["gpu1-runner"]}, "gpu1-runner sorts before the global map studioml-go-runner"),
        ({"pods": ["studioml-go-runner-new"]}, "the pod studioml-go-runner-new is not on a node yet"),
    ],
)
def test_pods_that_cannot_be_meant(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any], options: dict[str, t.Any], message: str
) -> None:
    make(admin, namespace, pod("gpu1-runner"), "gpu1")
    make(admin, namespace, pod("studioml-go-runner-new", NODE_NAME, {"name": "HOSTNAME", "value": f"{GLOBAL}-$(NODE_NAME)"}))
    mark = control_plane.mark()
    with pytest.raises(FleetError, match=message):
        call(runner_state, **given, state="DrainAndSuspend", **options)
    assert not mutating(control_plane.requests(mark))
