# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drain changes at Deployments and nodes is remembered there, and undone to exactly what it was: on the real API server."""

from __future__ import annotations

import pathlib
import typing as t
import uuid

import hands
import pytest
from beats import call

from ansible_collections.studioml.fleet.plugins.module_utils import _ownership, _scope
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed, is_closed, reopened
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_state

RUNNER = "studioml-go-runner"
DEPLOYMENT = f"{RUNNER}-deployment"


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace, "image": "hub:5000/runner:0.14.2", "wait": False}


def live(admin: Api, namespace: str) -> dict[str, t.Any]:
    return {"kind": "Deployment", **hands.read(admin, namespace, "deployments", DEPLOYMENT, "/apis/apps/v1")}


@pytest.mark.parametrize("read", [".*", "", "^(a|b)\\.c$", "ümlaut", "(?!)x"])
def test_a_closed_permission_carries_what_was_there(read: str) -> None:
    assert is_closed(closed(read)) and reopened(closed(read)) == read
    assert not is_closed(read)


def test_what_somebody_else_made_of_it_is_not_taken_for_ours() -> None:
    assert reopened(".*") is None
    assert reopened(closed(".*")[:-1]) is None
    assert reopened("(?!)(?#studioml.fleet read=%%%)") is None


@pytest.mark.apiserver
def test_scaled_down_and_up_again(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, replicas=3)
    assert _ownership.scale_down(admin, live(admin, namespace), ["gpu1"], check=True)
    assert live(admin, namespace)["spec"]["replicas"] == 3
    assert _ownership.scale_down(admin, live(admin, namespace), ["gpu1"], check=False)
    there = live(admin, namespace)
    assert (there["spec"]["replicas"], _ownership.remembered_replicas(there), _ownership.annotation(there, _ownership.NODES)) == (0, 3, "gpu1")
    assert not _ownership.scale_down(admin, there, [], check=False), "a second time changes nothing"
    assert _ownership.scale_up(admin, there, check=False)
    there = live(admin, namespace)
    assert there["spec"]["replicas"] == 3 and _ownership.remembered_replicas(there) is None
    assert not _ownership.scale_up(admin, there, check=False)


@pytest.mark.apiserver
def test_a_number_that_somebody_has_set_since_is_kept(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, replicas=3)
    _ownership.scale_down(admin, live(admin, namespace), [], check=False)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{DEPLOYMENT}"
    admin.request("PATCH", path, body={"spec": {"replicas": 2}}, content_type=hands.MERGE)
    _ownership.scale_up(admin, live(admin, namespace), check=False)
    assert live(admin, namespace)["spec"]["replicas"] == 2
    assert _ownership.remembered_replicas(live(admin, namespace)) is None


@pytest.mark.apiserver
def test_one_that_was_at_0_is_not_brought_back(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, replicas=0)
    assert not _ownership.scale_down(admin, live(admin, namespace), [], check=False)
    assert not _ownership.scale_up(admin, live(admin, namespace), check=False)


@pytest.mark.apiserver
def test_runner_deploy_leaves_a_drained_one_at_0_and_takes_over_after_the_resume(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, replicas=1)
    _ownership.scale_down(admin, live(admin, namespace), [], check=False)
    again = call(runner_deploy, **given, replicas=1)
    assert not again["changed"] and "stays scaled to 0" in again["warnings"][0]
    assert live(admin, namespace)["spec"]["replicas"] == 0
    assert call(runner_deploy, **{**given, "image": "hub:5000/runner:0.14.3"}, replicas=1)["changed"]
    assert live(admin, namespace)["spec"]["replicas"] == 0
    _ownership.scale_up(admin, live(admin, namespace), check=False)
    assert call(runner_deploy, **{**given, "image": "hub:5000/runner:0.14.3"}, replicas=2)["changed"], "our own field is no conflict"
    assert live(admin, namespace)["spec"]["replicas"] == 2


@pytest.mark.apiserver
def test_only_our_own_cordon_is_undone(admin: Api) -> None:
    name = f"n-{uuid.uuid4().hex[:8]}"
    hands.node(admin, name)

    def node() -> dict[str, t.Any]:
        return {"kind": "Node", **admin.request("GET", f"/api/v1/nodes/{name}")}

    assert _ownership.cordon(admin, node(), "a/runner", check=True) and not node()["spec"].get("unschedulable")
    assert _ownership.cordon(admin, node(), "a/runner", check=False) and node()["spec"]["unschedulable"]
    assert not _ownership.cordon(admin, node(), "a/runner", check=False)
    assert not _ownership.uncordon(admin, node(), "b/other", check=False), "it was cordoned for somebody else"
    assert _ownership.uncordon(admin, node(), "a/runner", check=False) and not node()["spec"].get("unschedulable")
    admin.request("PATCH", f"/api/v1/nodes/{name}", body={"spec": {"unschedulable": True}}, content_type=hands.MERGE)
    assert not _ownership.cordon(admin, node(), "a/runner", check=False)
    assert not _ownership.uncordon(admin, node(), "a/runner", check=False) and node()["spec"]["unschedulable"]


@pytest.mark.apiserver
def test_a_deployment_that_is_also_elsewhere_is_not_changed_for_one_node(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, replicas=2)
    names = [f"n-{uuid.uuid4().hex[:8]}" for _index in range(2)]
    for name in names:
        hands.node(admin, name)
        spec = {"containers": [{"name": RUNNER, "image": "x"}], "nodeName": name, "serviceAccountName": "studioml-account"}
        body = {"metadata": {"generateName": "runner-", "labels": {"app": RUNNER}}, "spec": spec}
        admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body=body)
    scope = _scope.find(admin, namespace, RUNNER, names[:1])
    assert not scope.deployments and [pod["spec"]["nodeName"] for pod in scope.pods] == names[:1]
    with pytest.raises(FleetError, match="has pods elsewhere too. Use enforce: evict"):
        scope.unshared("scale")
    assert len(_scope.find(admin, namespace, RUNNER, names).deployments) == 1
    assert len(_scope.find(admin, namespace, RUNNER, []).deployments) == 1


@pytest.mark.apiserver
def test_a_runner_of_another_kind_is_not_said_to_be_drained(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": RUNNER, "uid": str(uuid.uuid4())}
    meta = {"name": "runner-x", "labels": {"app": RUNNER}, "ownerReferences": [owner]}
    place = f"/api/v1/namespaces/{namespace}"
    admin.request("POST", f"{place}/serviceaccounts", body={"metadata": {"name": "runner"}})
    spec = {"serviceAccountName": "runner", "containers": [{"name": "runner", "image": "runner:1"}]}
    admin.request("POST", f"{place}/pods", body={"metadata": meta, "spec": spec})
    for step in ("broker", "scale", "cordon", "evict"):
        with pytest.raises(FleetError) as refused:
            call(runner_state, kubeconfig=given["kubeconfig"], namespace=namespace, state="DrainAndSuspend", enforce=step)
        assert f"enforce: {step} would do nothing to DaemonSet {RUNNER} in namespace {namespace}" in refused.value.message
        assert "broker_user" in refused.value.hint
    assert admin.find(f"{place}/configmaps/{RUNNER}") is None, "nothing was written"
    hands.report(admin, namespace, "runner-x", {"phase": "Succeeded"})
    assert call(runner_state, kubeconfig=given["kubeconfig"], namespace=namespace, state="DrainAndSuspend", enforce="cordon")["changed"], "it has ended"
