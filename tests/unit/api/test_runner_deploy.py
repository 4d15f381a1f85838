# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""runner_deploy on a real API server: four beats, other owners, secrets, bad input, removal. Rollouts are in test_rollout.py."""

from __future__ import annotations

import json
import pathlib
import typing as t

import hands
import pytest
from beats import Beats, Result, call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_state

pytestmark = pytest.mark.apiserver
DEPLOYMENT = "studioml-go-runner-deployment"
FULL: dict[str, t.Any] = {
    "gpus": 2,
    "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "250m"}},
    "env": {"QUEUE_MATCH": "^rmq_.*$", "CPU_ONLY": True, "MAX_CORES": 2, "EMPTY": ""},
    "env_unchecked": ["EMPTY"],
    "secret_env": {"AMQP_URL": "amqp://runner:geheim@hub:5672/%2f"},
    "node_name": "gpu1",
    "node_selector": {"leafai.affinity": "production"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}, {"key": "a", "operator": "Equal", "value": "b"}],
    "image_pull_secrets": ["pull-a", "pull-b"],
    "runtime_class": "nvidia",
}


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace, "image": "hub:5000/runner:1", "wait": False}


def actions(result: Result) -> dict[str, str]:
    return {f"{one['kind']}/{one['name']}": one["action"] for one in result["objects"]}


@pytest.mark.parametrize("more", [{}, FULL], ids=["plain", "everything"])
def test_four_beats(control_plane: ControlPlane, given: dict[str, t.Any], more: dict[str, t.Any]) -> None:
    beats = Beats(control_plane, runner_deploy, **{**given, **more})
    assert beats.counts() == [14 + bool(more), 14 + bool(more), 8, 8]
    assert "geheim" not in json.dumps(beats.results)


def test_four_beats_with_a_namespace_that_is_not_there(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    new = f"{namespace}-new"
    beats = Beats(control_plane, runner_deploy, **{**given, **FULL, "namespace": new})
    assert beats.counts() == [2, 16, 8, 8], "what would lie in a namespace that is not there is predicted"
    assert actions(beats.results[0]) == actions(beats.results[1])
    assert set(actions(beats.results[1]).values()) == {"created"}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"image": "hub:5000/runner:2"}, {"Deployment"}),
        ({"replicas": 3}, {"Deployment"}),
        ({"replicas": 0}, {"Deployment"}),
        ({"env": {"QUEUE_MATCH": "^x$"}}, {"ConfigMap", "Deployment"}),
        ({"secret_env": {"AMQP_URL": "amqp://runner:anders@hub"}}, {"Secret", "Deployment"}),
        ({"secret_env": {}}, {"Secret", "Deployment"}),
        ({"gpus": 0}, {"Deployment"}),
        ({"tolerations": []}, {"Deployment"}),
        ({"resources": {"limits": {"cpu": "500m", "memory": "2Gi"}}}, {"Deployment"}),
        ({"image_pull_secrets": ["pull-b"]}, {"Deployment"}),
        ({"node_name": None}, {"Deployment"}),
    ],
    ids=lambda value: "-".join(sorted(value)),
)
def test_four_beats_of_a_change(control_plane: ControlPlane, given: dict[str, t.Any], change: dict[str, t.Any], changed: set[str]) -> None:
    call(runner_deploy, **{**given, **FULL})
    beats = Beats(control_plane, runner_deploy, **{**given, **FULL, **change})
    assert {key.split("/")[0] for key, action in actions(beats.results[1]).items() if action != "unchanged"} == changed
    assert "geheim" not in json.dumps(beats.results) and "anders" not in json.dumps(beats.results)


def test_the_same_amount_written_otherwise_is_no_change(given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, resources={"limits": {"cpu": "1500m", "memory": "1Gi"}})
    assert not call(runner_deploy, **given, resources={"limits": {"cpu": 1.5, "memory": "1024Mi"}})["changed"]


def test_the_diff_has_no_noise(given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given)
    diff = call(runner_deploy, **{**given, "image": "hub:5000/runner:2"})["diff"]
    text = json.dumps(diff)
    for noise in ("managedFields", "resourceVersion", "terminationMessagePath", "revisionHistoryLimit", "dnsPolicy", "status", "uid"):
        assert noise not in text
    key = f"Deployment/{namespace}/{DEPLOYMENT}"
    images = [diff[side][key]["spec"]["template"]["spec"]["containers"][0]["image"] for side in ("before", "after")]
    assert images == ["hub:5000/runner:1", "hub:5000/runner:2"]


def test_a_state_that_is_asked_for_stays(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given)
    call(runner_state, kubeconfig=given["kubeconfig"], namespace=namespace, state="DrainAndSuspend")
    assert not call(runner_deploy, **given)["changed"]
    stored = hands.read(admin, namespace, "configmaps", "studioml-go-runner")
    assert stored["data"] == {"STATE": "DrainAndSuspend"}
    assert stored["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "studioml.fleet"}


def test_what_others_set_is_left_alone(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given, env={"OURS": "1"}, env_unchecked=["OURS"])
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{DEPLOYMENT}"
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "x"}]}}}}
    hands.apply(admin, path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": DEPLOYMENT, "labels": {"team": "a"}}, **sidecar}, "injector")
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/studioml-env", body={"data": {"THEIRS": "2"}}, content_type=hands.MERGE)
    assert not call(runner_deploy, **given, env={"OURS": "1"}, env_unchecked=["OURS"])["changed"]
    call(runner_deploy, **given, env={"OURS": "3"}, env_unchecked=["OURS"])
    assert hands.read(admin, namespace, "configmaps", "studioml-env")["data"] == {"OURS": "3", "THEIRS": "2"}
    containers = hands.read(admin, namespace, "deployments", DEPLOYMENT, "/apis/apps/v1")["spec"]["template"]["spec"]["containers"]
    assert {one["name"] for one in containers} == {"sidecar", "studioml-go-runner"}


def test_drift_is_set_right(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given)
    admin.request("PATCH", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/studioml-role", body={"rules": None}, content_type=hands.MERGE)
    with pytest.raises(FleetError, match="rules is set by Python-fleet-tests|rules is set by fleet-tests"):
        call(runner_deploy, **given)
    assert actions(call(runner_deploy, **given, force_conflicts=True))["Role/studioml-role"] == "changed"


def test_a_conflict_names_field_and_owner(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{DEPLOYMENT}"
    hands.apply(admin, path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": DEPLOYMENT}, "spec": {"replicas": 7}}, "autoscaler")
    for check in (True, False):
        with pytest.raises(FleetError, match=r"spec\.replicas is set by autoscaler\. .*force_conflicts: true"):
            call(runner_deploy, check, **given)
    assert hands.read(admin, namespace, "deployments", DEPLOYMENT, "/apis/apps/v1")["spec"]["replicas"] == 7


def test_credentials_lie_in_the_secret_only(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **{**given, **FULL})
    everything = [
        *admin.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"],
        *admin.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"],
    ]
    assert "geheim" not in json.dumps(everything)
    sources = everything[-1]["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    assert [next(iter(source)) for source in sources] == ["configMapRef", "secretRef"]


def test_removal_in_four_beats_leaves_what_is_not_ours(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **{**given, **FULL})
    hands.configmap(admin, namespace, "theirs", {"A": "1"})
    beats = Beats(control_plane, runner_deploy, **given, state="absent")
    assert set(actions(beats.results[1]).values()) == {"deleted"} and len(beats.results[1]["objects"]) == 7
    deletes = [request["objectRef"]["resource"] for request in mutating(beats.requests[1])]
    assert deletes == ["deployments", "rolebindings", "roles", "serviceaccounts", "secrets", "configmaps", "configmaps"]
    assert hands.read(admin, namespace, "configmaps", "theirs")


def test_removal_spares_what_another_runner_shares_and_what_people_made(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given)
    call(runner_deploy, **given, name="second")
    result = call(runner_deploy, **given, state="absent")
    assert actions(result) == {f"Deployment/{DEPLOYMENT}": "deleted"}
    assert "second-deployment in namespace" in result["warnings"][0]


def test_a_map_made_by_a_person_is_not_removed(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    hands.configmap(admin, namespace, "studioml-go-runner", {"STATE": "Running"})
    result = call(runner_deploy, **given, state="absent")
    assert not result["changed"]
    assert f"ConfigMap/{namespace}/studioml-go-runner is left alone" in result["warnings"][0]


def test_a_kubeconfig_that_is_still_to_be_written(given: dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    later = {**given, **FULL, "kubeconfig": str(tmp_path / "later")}
    result = call(runner_deploy, check=True, **later)
    assert result["changed"] and set(actions(result).values()) == {"created"} and len(result["objects"]) == 8
    assert "is taken for one that is still to be written" in result["warnings"][0]
    assert "geheim" not in json.dumps(result)
    real = call(runner_deploy, **{**given, **FULL, "namespace": f"{given['namespace']}-later"})
    assert actions(real) == actions(call(runner_deploy, check=True, **{**later, "namespace": f"{given['namespace']}-later"}))
    for module_check, state in ((False, "present"), (True, "absent")):
        with pytest.raises(FleetError, match="does not exist"):
            call(runner_deploy, module_check, **{**later, "state": state})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image": None}, "image: '' is not an image reference"),
        ({"image": "a b"}, "is not an image reference"),
        ({"replicas": -1}, "replicas: -1 is less than nothing"),
        ({"gpus": -1}, "gpus: -1 is less than nothing"),
        ({"name": "a" * 60}, "name: .* is too long"),
        ({"name": "A"}, "name: 'A' is not a valid name"),
        ({"env": {"A": None}}, "the value of A is empty"),
        ({"env": {"HOSTNAME": "x"}}, "HOSTNAME is set by runner_deploy itself"),
        ({"env": {"A": "1"}, "secret_env": {"A": "2"}}, "A is in env and in secret_env"),
        ({"env": {"AMQP_URL": "amqp://u:geheim@h"}}, "Move AMQP_URL to secret_env"),
        ({"namespace": "a" * 64}, "63 at most"),
        ({"resources": {"limits": {"cpu": "lots"}}}, "resources: limits: cpu: 'lots' is not a quantity"),
        ({"node_selector": {"a": "b c"}}, "422.*node"),
        ({"create_namespace": False, "namespace": "not-there"}, 'namespaces "not-there" not found'),
        ({"cluster_id": "another"}, "leads to another cluster"),
    ],
)
def test_bad_input(given: dict[str, t.Any], wrong: dict[str, t.Any], message: str) -> None:
    for check in (True, False):
        with pytest.raises(FleetError, match=message) as caught:
            call(runner_deploy, check, **{**given, **wrong})
        assert "geheim" not in caught.value.text()


def test_a_namespace_that_is_being_deleted(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    admin.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body={"metadata": {"name": "held", "finalizers": ["fleet.test/hold"]}})
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}")
    for check in (True, False):
        with pytest.raises(FleetError, match=f"Namespace {namespace} is being deleted"):
            call(runner_deploy, check, **given)
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/held", body={"metadata": {"finalizers": None}}, content_type=hands.MERGE)


def test_missing_permissions_are_named(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    path = control_plane.kubeconfig("nobody", "nobody", [])
    with pytest.raises(FleetError, match="lacks the verb 'get' on namespaces"):
        call(runner_deploy, **{**given, "kubeconfig": str(path)})
    with pytest.raises(FleetError, match="lacks the verb 'get' on serviceaccounts"):
        call(runner_deploy, **{**given, "kubeconfig": str(path), "create_namespace": False})
