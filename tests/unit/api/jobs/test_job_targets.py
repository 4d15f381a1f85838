# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job at many targets, on the real API server: everywhere, where there is room, with Kueue; and the playbooks. Nodes and kubelet are simulated."""

from __future__ import annotations

import json
import pathlib
import time
import typing as t
import uuid

import hands
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from beats import Beats, call
from control_plane import ControlPlane
from plays import play
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job, job_info

pytestmark = pytest.mark.apiserver
BATCH = "/apis/batch/v1"
# A resource that no other test's pods want.
RESOURCE = "fleet.test/gpu"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def nodes(admin: Api) -> t.Iterator[tuple[str, str]]:
    """Two simulated nodes with two GPUs each."""
    names = tuple(f"{name}-{uuid.uuid4().hex[:6]}" for name in ("gpu1", "gpu2"))
    for name in names:
        hands.node(admin, name)
        amounts = {"status": {"capacity": {RESOURCE: "2"}, "allocatable": {RESOURCE: "2"}}}
        admin.request("PATCH", f"/api/v1/nodes/{name}/status", body=amounts, content_type=hands.MERGE)
        # a taint for nodes that are not ready, which the controller of nodes would take away
        admin.request("PATCH", f"/api/v1/nodes/{name}", body={"spec": {"taints": None}}, content_type=hands.MERGE)
    yield t.cast("tuple[str, str]", names)
    for name in names:
        admin.request("DELETE", f"/api/v1/nodes/{name}")


@pytest.fixture
def where(kubeconfig: pathlib.Path, namespace: str, nodes: tuple[str, str]) -> dict[str, t.Any]:
    """Both nodes of one cluster as targets."""
    broker = {"url": "http://127.0.0.1:1", "password": "geheim"}  # hosts of a real inventory have one, and a Job needs none
    targets = [{"name": node[:4], "broker": broker, "kubeconfig": str(kubeconfig), "namespace": namespace, "node": node} for node in nodes]
    return {"targets": targets, "name": "one", "image": "hub:5000/a:1", "wait": False, "gpu_resource": RESOURCE}


def taken(admin: Api, namespace: str, node: str, gpus: int) -> None:
    """A pod that has GPUs of a node."""
    container = {"name": "a", "image": "a", "resources": {"limits": {RESOURCE: str(gpus)}}}
    body = {"metadata": {"name": f"taker-{node}"}, "spec": {"nodeName": node, "serviceAccountName": "default", "containers": [container]}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body=body)


def made(admin: Api, namespace: str) -> set[str]:
    return {job["metadata"]["name"] for job in admin.request("GET", f"{BATCH}/namespaces/{namespace}/jobs").get("items") or []}


def test_at_all_targets(
    control_plane: ControlPlane, admin: Api, controllers: None, where: dict[str, t.Any], namespace: str, nodes: tuple[str, str]
) -> None:
    beats = Beats(control_plane, gpu_job, **where, gpus=1)
    assert beats.counts() == [4, 4, 2, 2], "one request a target when nothing changes"
    assert beats.results[1]["where"] == ["gpu1", "gpu2"]
    assert made(admin, namespace) == {f"one-{node}" for node in nodes}
    terms = hands.read(admin, namespace, "jobs", f"one-{nodes[1]}", BATCH)["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    assert nodes[1] in json.dumps(terms)
    found = call(job_info, targets=[{"name": "a", "kubeconfig": where["targets"][0]["kubeconfig"], "namespace": namespace}])
    assert found["targets"][0]["counts"]["total"] == 2
    gone = call(gpu_job, targets=where["targets"], name="one", state="absent")
    assert gone["changed"] and [entry["removed_jobs"] for entry in gone["targets"]] == [[f"one-{node}"] for node in nodes]


def test_one_fails_and_the_other_is_unharmed(kubelet: StandIn, where: dict[str, t.Any], nodes: tuple[str, str]) -> None:
    kubelet.plan = lambda pod: 7 if nodes[0] in json.dumps(pod["spec"].get("affinity")) else 0
    said: list[str] = []
    params = ArgumentSpecValidator(gpu_job.ARGUMENTS).validate({**where, "wait": True}).validated_parameters
    result = gpu_job.perform(params, False, said.append)
    assert result["failed"] and "1 of 2 targets failed: gpu1" in result["msg"] and "exit code 7" in result["msg"]
    first, second = result["targets"]
    assert first["failed"] and first["job"]["exit_code"] == 7 and first["changed"]
    assert not second["failed"] and second["job"]["state"] == "complete" and second["where"] == "gpu2"
    assert said and all(line.startswith(("gpu1: ", "gpu2: ")) for line in said)


def test_where_there_is_room(
    control_plane: ControlPlane, admin: Api, controllers: None, where: dict[str, t.Any], namespace: str, nodes: tuple[str, str]
) -> None:
    wait_for_account(admin, namespace)
    taken(admin, namespace, nodes[0], 2)
    beats = Beats(control_plane, gpu_job, **where, gpus=2, place="free")
    result = beats.results[1]
    assert result["where"] == ["gpu2"] and made(admin, namespace) == {f"one-{nodes[1]}"}
    assert result["targets"][0]["skipped"] and f"0 of 2 free on {nodes[0]}; 2 needed" in result["targets"][0]["msg"]
    assert f"2 of 2 free on {nodes[1]}; 2 needed" in result["targets"][1]["why"]
    looks = [request["objectRef"]["resource"] for request in beats.requests[1] if request["verb"] == "list"]
    assert sorted(looks) == ["nodes", "pods"], "one look at the cluster, for both targets"
    assert beats.results[3]["targets"][1]["why"] == "the Job is there already"


@pytest.mark.parametrize("more", [{"again": "replace"}, {"parameters": [{"args": ["a"]}]}, {"again": "replace", "parameters": [{}]}], ids=str)
def test_what_is_there_already_does_not_run_elsewhere_too(
    admin: Api, controllers: None, where: dict[str, t.Any], namespace: str, nodes: tuple[str, str], more: dict[str, t.Any]
) -> None:
    assert call(gpu_job, **where, **more, place="free")["where"] == ["gpu1"]
    admin.request("PATCH", f"/api/v1/nodes/{nodes[0]}", body={"spec": {"unschedulable": True}}, content_type=hands.MERGE)
    before = made(admin, namespace)
    again = call(gpu_job, **where, **more, place="free")
    assert again["where"] == ["gpu1"] and not again["changed"] and made(admin, namespace) == before


def test_a_selector_at_a_node_means_what_was_made_for_it(
    admin: Api, controllers: None, where: dict[str, t.Any], namespace: str, nodes: tuple[str, str]
) -> None:
    call(gpu_job, **where, labels={"app": "x"})
    one = where["targets"][0]
    call(gpu_job, kubeconfig=one["kubeconfig"], namespace=namespace, name="two", image="a", labels={"app": "x"}, wait=False)
    gone = call(gpu_job, targets=[one], state="absent", selector="app=x")
    assert gone["targets"][0]["removed_jobs"] == [f"one-{nodes[0]}"] and made(admin, namespace) == {f"one-{nodes[1]}", "two"}
    assert f"left alone at the node {nodes[0]}: two (" in json.dumps(gone)
    whole = {key: value for key, value in one.items() if key != "node"}
    call(gpu_job, targets=[whole], state="absent", selector="app=x")
    assert not made(admin, namespace), "a target without a node means all"


def test_no_room_anywhere(admin: Api, where: dict[str, t.Any], namespace: str) -> None:
    with pytest.raises(FleetError, match=r"room at 0 of 1 targets. gpu1: fleet.test/gpu: 2 of 2 free on gpu1-\w+.*; 4 needed; gpu2: .*Nothing was made"):
        call(gpu_job, **where, gpus=4, place="free")
    with pytest.raises(FleetError, match="room at 0 of 2 targets. gpu1: no node will do: .*without the label nvidia.com/gpu.product=H100"):
        call(gpu_job, **where, gpus=1, gpu_product="H100", place="free", copies=2)
    assert not made(admin, namespace)


def wait_for_account(admin: Api, namespace: str) -> None:
    """The service account controller makes it; a pod needs it."""
    end = time.monotonic() + 120  # the controllers may have been started only now
    while not admin.find(f"/api/v1/namespaces/{namespace}/serviceaccounts/default"):
        assert time.monotonic() < end, "nobody makes service accounts"
        time.sleep(0.05)


def test_kueue(admin: Api, where: dict[str, t.Any], namespace: str, nodes: tuple[str, str]) -> None:
    """Its API group alone, by a stand-in for its resource definition: Kueue itself is not there."""
    with pytest.raises(FleetError, match="queue: team-a is asked for, but .* has no Kueue"):
        one = where["targets"][0]
        call(gpu_job, kubeconfig=one["kubeconfig"], namespace=namespace, name="one", image="a", queue="team-a", wait=False)
    names = {"plural": "localqueues", "singular": "localqueue", "kind": "LocalQueue"}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    group = {"group": "kueue.x-k8s.io", "scope": "Namespaced", "names": names, "versions": [version]}
    admin.request("POST", CRDS, body={"metadata": {"name": "localqueues.kueue.x-k8s.io"}, "spec": group})
    try:
        while not _served(admin):
            time.sleep(0.05)
        result = call(gpu_job, **where, queue="team-a", gpus=9, place="free")
        assert result["where"] == ["gpu1"] and "handed over to Kueue, queue team-a" in result["targets"][0]["why"]
        job = hands.read(admin, namespace, "jobs", f"one-{nodes[0]}", BATCH)
        assert job["spec"]["suspend"] and job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
        assert result["targets"][0]["job"]["state"] == "suspended"
    finally:
        admin.request("DELETE", f"{CRDS}/localqueues.kueue.x-k8s.io")


def _served(admin: Api) -> bool:
    try:
        return bool(admin.request("GET", "/apis/kueue.x-k8s.io"))
    except FleetError:
        return False


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"nodes": ["a", "b"]}, "targets: a has nodes, which says nothing of a Job"), ({"pods": ["x"]}, "has pods"), ({"global": True}, "has global")],
)
def test_targets_that_mean_no_place(where: dict[str, t.Any], entry: dict[str, t.Any], words: str) -> None:
    with pytest.raises(FleetError, match=words):
        call(gpu_job, **{**where, "targets": [{"name": "a", "kubeconfig": where["targets"][0]["kubeconfig"], **entry}]})


def test_a_namespace_that_is_being_deleted(admin: Api, where: dict[str, t.Any], namespace: str) -> None:
    name = f"{namespace}-going"
    admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name, "finalizers": ["fleet.test/stays"]}})
    admin.request("DELETE", f"/api/v1/namespaces/{name}")
    one = where["targets"][0]
    with pytest.raises(FleetError, match=f"Namespace {name} is being deleted: wait until it is gone"):
        call(gpu_job, kubeconfig=one["kubeconfig"], namespace=name, name="one", image="a", secret_env={"A": "1"}, wait=False)
    admin.request("PATCH", f"/api/v1/namespaces/{name}", body={"metadata": {"finalizers": None}}, content_type=hands.MERGE)
    with pytest.raises(FleetError, match="(?i)namespace.* (Create namespace|create_namespace)|Create namespace"):
        call(gpu_job, kubeconfig=one["kubeconfig"], namespace=f"{namespace}-none", name="one", image="a", wait=False)


def test_the_playbooks(admin: Api, kubelet: StandIn, kubeconfig: pathlib.Path, namespace: str) -> None:
    """Each with -e alone, as a button gives it: strings."""
    where = {"fleet_kubeconfig": str(kubeconfig), "fleet_namespace": namespace}
    kubelet.plan = lambda pod: int(pod["spec"]["containers"][0]["command"][2].rpartition(" ")[2])
    payload = "echo 'it''s \"quoted\"'\nexit 0"
    given = {**where, "job_name": "smi", "job_image": "hub:5000/a:1", "job_shell": payload, "job_gpus": "1", "job_secret_env": {"T": "geheim"}}
    done = play("job", given, "-vvvv")
    assert done.changed == 1 and "geheim" not in done.output
    assert hands.read(admin, namespace, "jobs", "smi", BATCH)["spec"]["template"]["spec"]["containers"][0]["command"] == ["sh", "-c", payload]
    assert play("job", {**where, "job_name": "bad", "job_image": "hub:5000/a:1", "job_shell": "exit 4"}, passes=False).output.count("exit code 4")
    gone = play("cancel", {**where, "job_selector": "app.kubernetes.io/managed-by=studioml.fleet"})
    assert gone.changed == 1 and not made(admin, namespace)
