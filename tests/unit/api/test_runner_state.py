# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""runner_state on a real API server: four beats, the order traps, other people's maps, bad input."""

from __future__ import annotations

import pathlib
import typing as t

import hands
import pytest
from beats import Beats, call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_state

pytestmark = pytest.mark.apiserver
GLOBAL = "studioml-go-runner"


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace}


def data(admin: Api, namespace: str, name: str) -> dict[str, str]:
    return hands.read(admin, namespace, "configmaps", name)["data"]


def version(admin: Api, namespace: str, name: str) -> int:
    return int(hands.read(admin, namespace, "configmaps", name)["metadata"]["resourceVersion"])


def test_four_beats_global(control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    beats = Beats(control_plane, runner_state, **given, state="Running")
    assert beats.counts() == [2, 2, 1, 1], "one request when nothing changes, two when something does"
    assert data(admin, namespace, GLOBAL) == {"STATE": "Running"}
    beats = Beats(control_plane, runner_state, **given, state="DrainAndSuspend")
    assert beats.counts() == [2, 2, 1, 1]
    assert beats.results[1]["maps"] == [
        {"name": GLOBAL, "scope": "global", "previous": "Running", "state": "DrainAndSuspend", "changed": True, "holds": True, "reason": ""}
    ]
    assert beats.results[1]["diff"] == {"before": {GLOBAL: {"STATE": "Running"}}, "after": {GLOBAL: {"STATE": "DrainAndSuspend"}}}


def test_four_beats_nodes(control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    beats = Beats(control_plane, runner_state, **given, state="DrainAndSuspend", nodes=["gpu1", "gpu2", "gpu1"])
    assert beats.counts() == [3, 3, 1, 1]
    assert [one["name"] for one in beats.results[1]["maps"]] == [f"{GLOBAL}-gpu1", f"{GLOBAL}-gpu2"]
    assert data(admin, namespace, f"{GLOBAL}-gpu2") == {"STATE": "DrainAndSuspend"}
    listed = admin.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    assert GLOBAL not in [item["metadata"]["name"] for item in listed], "the global map was not asked for"


def test_the_global_map_is_written_before_node_maps(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_state, **given, state="Running", nodes=["gpu1"], **{"global": True})
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"], **{"global": True})
    assert version(admin, namespace, GLOBAL) < version(admin, namespace, f"{GLOBAL}-gpu1")


def test_an_overriding_node_map_is_written_again_after_the_global_one(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any]
) -> None:
    call(runner_state, **given, state="Running", nodes=["gpu1"])
    hands.configmap(admin, namespace, f"{GLOBAL}-gpu2", {"STATE": "Running", "OTHER": "kept"})
    hands.configmap(admin, namespace, f"{GLOBAL}-gpu3", {"STATE": "DrainAndSuspend"})
    same = version(admin, namespace, f"{GLOBAL}-gpu3")
    beats = Beats(control_plane, runner_state, **given, state="DrainAndSuspend")
    result = beats.results[1]
    assert beats.counts() == [4, 4, 1, 1]
    assert result["touched"] == [f"{GLOBAL}-gpu1", f"{GLOBAL}-gpu2"]
    assert (result["maps"][0]["holds"], result["maps"][0]["reason"]) == (False, f"its runner follows another state in: {GLOBAL}-gpu1, {GLOBAL}-gpu2")
    assert data(admin, namespace, f"{GLOBAL}-gpu1") == {"STATE": "Running"}
    assert data(admin, namespace, f"{GLOBAL}-gpu2") == {"STATE": "Running", "OTHER": "kept"}
    for node in ("gpu1", "gpu2"):
        assert version(admin, namespace, GLOBAL) < version(admin, namespace, f"{GLOBAL}-{node}"), "its runner hears it last"
    assert version(admin, namespace, f"{GLOBAL}-gpu3") == same, "one that says the same is left alone"
    again = call(runner_state, **given, state="DrainAndTerminate")
    assert again["touched"] == [f"{GLOBAL}-gpu1", f"{GLOBAL}-gpu2", f"{GLOBAL}-gpu3"]


def test_a_node_map_that_would_lose_is_refused_before_any_request(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    mark = control_plane.mark()
    with pytest.raises(FleetError, match="sorts before the global map"):
        call(runner_state, **given, state="Running", map_names=["gpu1"])
    assert control_plane.requests(mark) == []


@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", "kubectl-edit", "oc", "OpenAPI-Generator"])
def test_a_map_that_a_person_made_is_taken_over_and_keeps_its_keys(admin: Api, namespace: str, given: dict[str, t.Any], manager: str) -> None:
    hands.configmap(admin, namespace, GLOBAL, {"STATE": "Running", "QUEUE_MATCH": "^x$"}, manager)
    assert call(runner_state, **given, state="DrainAndSuspend")["changed"]
    assert data(admin, namespace, GLOBAL) == {"STATE": "DrainAndSuspend", "QUEUE_MATCH": "^x$"}


def test_a_map_of_a_controller_is_a_conflict_that_names_it(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GLOBAL, "namespace": namespace}, "data": {"STATE": "Running"}}
    hands.apply(admin, f"/api/v1/namespaces/{namespace}/configmaps/{GLOBAL}", body, "argocd-controller")
    for check in (True, False):
        with pytest.raises(FleetError, match=r"data\.STATE is set by argocd-controller.*force_conflicts: true"):
            call(runner_state, check, **given, state="DrainAndSuspend")
    assert data(admin, namespace, GLOBAL) == {"STATE": "Running"}
    assert call(runner_state, **given, state="DrainAndSuspend", force_conflicts=True)["changed"]
    assert data(admin, namespace, GLOBAL) == {"STATE": "DrainAndSuspend"}


def test_labels_that_we_have_set_stay(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GLOBAL, "namespace": namespace, "labels": {"a": "b"}}, "data": {"STATE": "Running"}}
    hands.apply(admin, f"/api/v1/namespaces/{namespace}/configmaps/{GLOBAL}", body, "studioml.fleet")
    call(runner_state, **given, state="DrainAndSuspend")
    assert hands.read(admin, namespace, "configmaps", GLOBAL)["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("stored", [{"STATE": "running"}, {"STATE": "Running\n"}, {"STATE": ""}, {}])
def test_a_state_that_is_not_exact_is_corrected(admin: Api, namespace: str, given: dict[str, t.Any], stored: dict[str, str]) -> None:
    hands.configmap(admin, namespace, GLOBAL, stored)
    assert call(runner_state, **given, state="Running")["changed"]
    assert data(admin, namespace, GLOBAL) == {"STATE": "Running"}


def test_the_wrong_cluster_is_not_written_to(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any]) -> None:
    mark = control_plane.mark()
    with pytest.raises(FleetError, match="leads to another cluster than the one that is meant.*Nothing was written"):
        call(runner_state, **given, state="Running", cluster_id="another")
    assert mutating(control_plane.requests(mark)) == []
    right = admin.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
    mark = control_plane.mark()
    assert call(runner_state, **given, state="Running", cluster_id=right)["changed"]
    assert len(control_plane.requests(mark)) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"namespace": "UPPER"}, "namespace: 'UPPER' is not a valid name"),
        ({"namespace": "a" * 64}, "63 at most"),
        ({"configmap": "a_b"}, "configmap: 'a_b' is not a valid name"),
        ({"nodes": ["a b"]}, "nodes: .* is not a valid name"),
        ({"global": False}, "There is no map to write"),
        ({"request_timeout": 0}, "request_timeout: 0 is no time to wait"),
        ({"context": "nope"}, "no context 'nope'"),
        ({"kubeconfig": "/no/such/file"}, "does not exist"),
        ({"kubeconfig": None}, "No kubeconfig is given, and none is guessed"),
        ({"namespace": "does-not-exist"}, r"404: namespaces \"does-not-exist\" not found. Create namespace does-not-exist first"),
    ],
)
def test_bad_input(given: dict[str, t.Any], wrong: dict[str, t.Any], message: str) -> None:
    for check in (True, False):
        with pytest.raises(FleetError, match=message):
            call(runner_state, check, **{**given, "state": "Running", **wrong})


def test_a_namespace_that_is_being_deleted(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    hold = {"metadata": {"finalizers": ["fleet.test/hold"]}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body={"metadata": {"name": "held", **hold["metadata"]}})
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}")
    with pytest.raises(FleetError, match=f"Namespace {namespace} is being deleted: wait until it is gone"):
        call(runner_state, **given, state="Running")
    release = {"metadata": {"finalizers": None}}
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/held", body=release, content_type=hands.MERGE)


def test_missing_permissions_are_named(control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    path = control_plane.kubeconfig("reader", "reader", [])
    with pytest.raises(FleetError, match="lacks the verb 'list' on configmaps"):
        call(runner_state, **{**given, "kubeconfig": str(path)}, state="Running")
    hands.grant(admin, namespace, "reader", ["list"], [""], ["configmaps"])
    with pytest.raises(FleetError, match="403.*lacks the verb 'patch' on configmaps"):
        call(runner_state, **{**given, "kubeconfig": str(path)}, state="Running")


def test_an_expired_certificate_is_named(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    path = control_plane.kubeconfig("expired", days=-1)
    with pytest.raises(FleetError, match="401: Unauthorized. The client certificate in the kubeconfig expired on"):
        call(runner_state, **{**given, "kubeconfig": str(path)}, state="Running")


def test_a_wrong_token_is_named_and_not_shown(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    path = control_plane.kubeconfig("wrong-token", token="geheim")
    with pytest.raises(FleetError, match="does not know the token") as caught:
        call(runner_state, **{**given, "kubeconfig": str(path)}, state="Running")
    assert "geheim" not in str(caught.value.result())
