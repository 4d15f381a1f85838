# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_job on a real API server with the real job controller: four beats, what becomes of a Job that is there, removal, what stays when making fails."""

from __future__ import annotations

import json
import typing as t

import hands
import pytest
from beats import Beats, call
from control_plane import ControlPlane
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils import _jobs
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job, job_info

pytestmark = pytest.mark.apiserver
BATCH = "/apis/batch/v1"
FULL: dict[str, t.Any] = {
    "container": "train",
    "command": ["sh", "-c", "echo 'one \"two\"'\necho three"],
    "args": ["--lr", "0.1"],
    "env": {"DEBUG": True, "COUNT": 3, "EMPTY": ""},
    "secret_env": {"TOKEN": "geheim-123"},
    "env_from": [{"configmap": "studioml-env", "optional": True}, {"secret": "more", "prefix": "X_", "optional": True}],
    "files": {"/etc/job/run.sh": "#!/bin/sh\necho 'hello'\n", "/etc/job/conf.json": "{}"},
    "working_dir": "/work",
    "gpus": 2,
    "gpu_product": "NVIDIA-A100-SXM4-40GB",
    "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "250m"}},
    "claims": [{"claim": "data", "path": "/data"}, {"claim": "data", "path": "/out", "sub_path": "out"}],
    "mounts": [{"path": "/dev/shm", "memory": True, "empty_dir": "1024Mi"}, {"path": "/tmp"}],
    "pull_secrets": ["pull-a"],
    "retries": 2,
    "restart_policy": "OnFailure",
    "deadline": 600,
    "parallelism": 2,
    "completions": 2,
    "ttl": 3600,
    "labels": {"team": "a"},
    "annotations": {"example.org/why": "a test"},
    "pod_labels": {"app": "x"},
    "node_name": "gpu1",
    "node_selector": {"zone": "b"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "priority_class": "",
}


def job(admin: Api, namespace: str, name: str = "one") -> dict[str, t.Any]:
    return hands.read(admin, namespace, "jobs", name, BATCH)


def names(admin: Api, namespace: str, plural: str, group: str = "/api/v1") -> set[str]:
    items = admin.request("GET", f"{group}/namespaces/{namespace}/{plural}").get("items") or []
    return {item["metadata"]["name"] for item in items} - {"kube-root-ca.crt"}


@pytest.mark.parametrize("more", [{}, FULL], ids=["plain", "everything"])
def test_four_beats(control_plane: ControlPlane, given: dict[str, t.Any], more: dict[str, t.Any]) -> None:
    beats = Beats(control_plane, gpu_job, **{**given, **more})
    # the Job, then for each of ConfigMap and Secret a look and a write, then the Job again, which may begin (no dry run knows it)
    assert beats.counts() == ([6, 7, 1, 1] if more else [2, 2, 1, 1])
    assert "geheim" not in json.dumps(beats.results)


def test_four_beats_in_a_namespace_that_is_not_there(control_plane: ControlPlane, given: dict[str, t.Any], namespace: str) -> None:
    beats = Beats(control_plane, gpu_job, **{**given, **FULL, "namespace": f"{namespace}-new", "create_namespace": True})
    assert [one["kind"] for one in beats.results[1]["objects"]] == ["Namespace", "Job", "ConfigMap", "Secret"]
    assert beats.results[0]["objects"] == beats.results[1]["objects"]


def test_the_objects(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(gpu_job, **{**given, **FULL})
    made = job(admin, namespace)
    assert not made["spec"].get("suspend") and "fleet.studioml.ai/unfinished" not in made["metadata"]["annotations"]
    assert made["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "studioml.fleet", "fleet.studioml.ai/job": "one", "team": "a"}
    pod = made["spec"]["template"]
    assert {"team": "a", "app": "x", "fleet.studioml.ai/job": "one"}.items() <= pod["metadata"]["labels"].items()
    container = pod["spec"]["containers"][0]
    assert container["command"] == FULL["command"] and {one["name"]: one.get("value", "") for one in container["env"]}["DEBUG"] == "true"
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert pod["spec"]["securityContext"]["runAsUser"] == 65532 and pod["spec"]["automountServiceAccountToken"] is False
    for plural, name in (("configmaps", "one-files"), ("secrets", "one-env")):
        assert [owner["uid"] for owner in hands.read(admin, namespace, plural, name)["metadata"]["ownerReferences"]] == [made["metadata"]["uid"]]
    assert "geheim" not in json.dumps(made)


def test_restricted_pods_are_admitted(admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str) -> None:
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}}}
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}", body=enforce, content_type=hands.MERGE)
    assert call(gpu_job, **{**given, "wait": True, "env": {"A": 1}, "mounts": [{"path": "/tmp"}]})["job"]["state"] == "complete"
    assert len(kubelet.seen) == 1


def test_another_job_of_that_name_is_not_touched(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(gpu_job, **{**given, **FULL})
    before = job(admin, namespace)
    change = {"image": "hub:5000/busybox:2", "secret_env": {"TOKEN": "anders"}, "files": {"/etc/job/run.sh": "other", "/etc/job/conf.json": "{}"}, "gpus": 1}
    words = r"differs in pod.containers.train.image, .*nvidia.com.gpu, files, secret_env; a Job cannot be changed.*replace"
    for check in (True, False):
        with pytest.raises(FleetError, match=words) as said:
            call(gpu_job, check, **{**given, **FULL, **change})
        assert "anders" not in said.value.text()
    after = job(admin, namespace)  # its controller writes its status meanwhile
    assert after["metadata"]["uid"] == before["metadata"]["uid"] and after["spec"] == before["spec"]


def test_replace(control_plane: ControlPlane, admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str) -> None:
    kubelet.plan = lambda pod: None if pod["spec"]["containers"][0]["image"].endswith(":1") else 0
    call(gpu_job, **given, secret_env={"TOKEN": "a"})
    first = job(admin, namespace)["metadata"]["uid"]
    beats = Beats(control_plane, gpu_job, **{**given, "image": "hub:5000/busybox:2", "secret_env": {"TOKEN": "b"}, "again": "replace", "wait": True})
    assert job(admin, namespace)["metadata"]["uid"] != first
    assert [one["action"] for one in beats.results[1]["objects"]] == ["replaced", "created"]
    assert hands.read(admin, namespace, "secrets", "one-env")["data"] == {"TOKEN": "Yg=="}
    assert beats.counts(watches=False)[3] == 1, "a Job that is complete is not awaited again"


def test_one_that_has_failed_is_tried_again_by_replace_only(admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str) -> None:
    kubelet.plan = lambda _pod: 3
    with pytest.raises(FleetError, match="exit code 3") as failed:
        call(gpu_job, **{**given, "wait": True})
    assert failed.value.details["job"]["exit_code"] == 3 and failed.value.details["changed"]
    uid = job(admin, namespace)["metadata"]["uid"]
    assert not call(gpu_job, **given)["changed"], "to keep means to keep"
    kubelet.plan = lambda _pod: 0
    result = call(gpu_job, **{**given, "wait": True, "again": "replace"})
    assert result["job"]["state"] == "complete" and job(admin, namespace)["metadata"]["uid"] != uid


def test_new_makes_another_one_each_time(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    made = {call(gpu_job, **given, again="new")["name"] for _time in range(2)}
    assert len(made) == 2 and names(admin, namespace, "jobs", BATCH) == made and all(name.startswith("one-") and len(name) == 9 for name in made)


@pytest.mark.parametrize(("keep", "code", "stays"), [("always", 0, True), ("on_failure", 0, False), ("on_failure", 1, True), ("never", 1, False)])
def test_keep(admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str, keep: str, code: int, stays: bool) -> None:
    kubelet.plan = lambda _pod: code
    arguments = {**given, "wait": True, "keep": keep, "secret_env": {"TOKEN": "a"}}
    if code:
        with pytest.raises(FleetError, match="exit code 1") as failed:
            call(gpu_job, **arguments)
        assert failed.value.details["removed"] is not stays
    else:
        assert call(gpu_job, **arguments)["removed"] is not stays
    assert bool(names(admin, namespace, "jobs", BATCH)) is stays


def test_one_that_is_found_complete_goes_as_keep_says(admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str) -> None:
    """As a controller leaves it that was killed between the end of the Job and its removal."""
    call(gpu_job, **{**given, "wait": True})
    predicted = call(gpu_job, True, **{**given, "wait": True, "keep": "on_failure"})
    assert names(admin, namespace, "jobs", BATCH) == {"one"}
    done = call(gpu_job, **{**given, "wait": True, "keep": "on_failure"})
    assert predicted["changed"] and done["changed"] and predicted["removed"] and done["removed"] and done["job"]["state"] == "complete"
    assert not names(admin, namespace, "jobs", BATCH) and len(kubelet.seen) == 1, "it has not run again"


def test_one_that_cannot_begin_is_removed_again(admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str) -> None:
    kubelet.plan = lambda _pod: "InvalidImageName"
    with pytest.raises(FleetError, match="InvalidImageName") as failed:
        call(gpu_job, **{**given, "wait": True, "files": {"/a": "b"}})
    assert failed.value.details["removed"] and not names(admin, namespace, "jobs", BATCH)


def test_absent_by_name_and_by_selector(control_plane: ControlPlane, admin: Api, controllers: None, given: dict[str, t.Any], namespace: str) -> None:
    for name in ("one", "two", "three"):
        call(gpu_job, **{**given, "name": name, "labels": {"app": "x"} if name != "one" else {}, "secret_env": {"TOKEN": name}})
    foreign = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}
    admin.request("POST", f"{BATCH}/namespaces/{namespace}/jobs", body={"metadata": {"name": "theirs", "labels": {"app": "x"}}, "spec": foreign})
    where = {key: given[key] for key in ("kubeconfig", "namespace")}
    beats = Beats(control_plane, gpu_job, **where, state="absent", name="one")
    assert beats.results[1]["removed_jobs"] == ["one"] and beats.counts(watches=False)[2:] == [1, 1]
    result = call(gpu_job, **where, state="absent", selector="app=x")
    assert result["removed_jobs"] == ["three", "two"] and "theirs is left alone" in result["warnings"][0]
    assert names(admin, namespace, "jobs", BATCH) == {"theirs"}
    assert call(gpu_job, **where, state="absent", selector="app=x", foreign=True)["removed_jobs"] == ["theirs"]


def test_nothing_stays_when_a_part_cannot_be_made(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    user = f"no-secrets-{namespace}"
    hands.grant(admin, namespace, user, ["get", "list", "watch", "create", "patch", "delete"], ["", "batch"], ["jobs", "configmaps"])
    own = {**given, "kubeconfig": str(control_plane.kubeconfig(user, user, []))}
    with pytest.raises(FleetError, match="lacks the verb 'get' on secrets"):
        call(gpu_job, **{**own, **FULL})
    live = names(admin, namespace, "jobs", BATCH)
    assert not live or job(admin, namespace)["metadata"].get("deletionTimestamp"), "the Job is gone, or on its way"


def test_one_that_was_begun_is_finished(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    """As a controller leaves it that was killed between the Job and its Secret."""
    call(gpu_job, **given, secret_env={"TOKEN": "a"})
    path = f"{BATCH}/namespaces/{namespace}/jobs/one"
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/one-env")
    undone = {"metadata": {"annotations": {"fleet.studioml.ai/unfinished": "true"}}, "spec": {"suspend": True}}
    admin.request("PATCH", path, body=undone, content_type=hands.MERGE)
    assert job(admin, namespace)["spec"]["suspend"]
    beats = Beats(control_plane, gpu_job, **given, secret_env={"TOKEN": "a"})
    assert [one["kind"] for one in beats.results[1]["objects"]] == ["Job", "Secret"]
    assert not job(admin, namespace)["spec"].get("suspend") and names(admin, namespace, "secrets") == {"one-env"}


def test_one_that_another_task_has_just_made_is_left(admin: Api, given: dict[str, t.Any], namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call(gpu_job, **given)
    uid = job(admin, namespace)["metadata"]["uid"]
    monkeypatch.setattr(_jobs.Applier, "find", lambda *_arguments: None)  # as it was a moment before
    assert call(gpu_job, **given)["job"]["uid"] == uid
    with pytest.raises(FleetError, match='jobs.batch "one" already exists'):
        call(gpu_job, **{**given, "image": "b"})


def test_status_of_all_in_one_request(control_plane: ControlPlane, admin: Api, kubelet: StandIn, given: dict[str, t.Any], namespace: str) -> None:
    for number in range(5):
        call(gpu_job, **{**given, "name": f"job-{number}"})
    call(gpu_job, **{**given, "name": "job-0", "wait": True})
    where = {key: given[key] for key in ("kubeconfig", "namespace")}
    mark = control_plane.mark()
    found = call(job_info, **where)
    assert [request["verb"] for request in control_plane.requests(mark)] == ["list"]
    assert [one["name"] for one in found["jobs"]] == [f"job-{number}" for number in range(5)]
    assert found["counts"]["total"] == 5 and found["jobs"][0]["state"] == "complete"
    assert call(job_info, **where, selector="fleet.studioml.ai/job=job-3")["counts"]["total"] == 1
    hands.await_event(admin, namespace, "job-0", "SuccessfulCreate")
    one = call(job_info, **where, name="job-0", gather=["pods", "events", "log"])["jobs"][0]
    assert [pod["phase"] for pod in one["pods"]] == ["Succeeded"] and any(event["reason"] == "SuccessfulCreate" for event in one["events"])
    assert call(job_info, **where, name="none")["jobs"] == []
