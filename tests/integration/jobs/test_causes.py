# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs that cannot begin, and Jobs that are ended: one clear message each, with what to do, and nothing half-made left."""

from __future__ import annotations

import threading
import time
import typing as t
import uuid
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from job_runs import fails, jobs, make_job, pods

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import to_end
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.sandbox

CLAIM = {"spec": {"storageClassName": "nowhere", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
# what is given, then words of the message
CANNOT_BEGIN: dict[str, tuple[dict[str, t.Any], list[str]]] = {
    "an image that is nowhere": ({"image": "127.0.0.1:1/nothing:1"}, ["ImagePull", "connection refused", "role registry_trust"]),
    "a claim that does not bind": ({"claims": [{"claim": "unbound", "path": "/data"}]}, ["unbound immediate PersistentVolumeClaims", "kubectl describe pvc"]),
    "a claim that is not there": ({"claims": [{"claim": "absent", "path": "/data"}]}, ['"absent" not found', "Make the claim first"]),
    "too many GPUs": ({"gpus": 9}, ["Insufficient nvidia.com/gpu", "ask for less (gpus)"]),
    "an env map that is not there": ({"env_from": [{"configmap": "absent"}]}, ['configmap "absent" not found', "Make the ConfigMap"]),
}


@pytest.fixture
def given(kubeconfig: str, namespace: str, image: str) -> dict[str, t.Any]:
    patience = {"image_pull_grace": 3, "schedule_grace": 3}
    return {"kubeconfig": kubeconfig, "namespace": namespace, "image": image, "gpus": 0, "command": ["sh", "-c", "exit 0"], **patience}


@pytest.fixture(scope="module", autouse=True)
def outgrown(apis: dict[str, Api], image: str) -> t.Iterator[Future[dict[str, t.Any]]]:
    """A Job on the second host that fills its folder. The kubelet takes its time to see it: it begins with the first test here, the last one looks."""
    api, name = apis["gpu2"], f"outgrown-{uuid.uuid4().hex[:8]}"
    api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    pod = {"volumes": [{"name": "small", "emptyDir": {"sizeLimit": "1Mi"}}]}
    script = "echo begun; dd if=/dev/zero of=/small/file bs=1M count=8 2>/dev/null; sleep 1000"
    make_job(api, name, "build", script, image, pod, volumeMounts=[{"name": "small", "mountPath": "/small"}])
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(to_end, api, name, "build", timeout=600, follow=True)
        api.request("DELETE", f"/api/v1/namespaces/{name}")


def test_jobs_that_cannot_begin(api: Api, given: dict[str, t.Any], namespace: str) -> None:
    api.request("POST", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body={"metadata": {"name": "unbound"}, **CLAIM})
    with ThreadPoolExecutor(len(CANNOT_BEGIN)) as pool:  # most of it is waiting
        results = pool.map(lambda case: fails("build_workload", **{**given, **case[0]}), CANNOT_BEGIN.values())
    for (case, (_options, words)), result in zip(CANNOT_BEGIN.items(), results, strict=True):
        assert "cannot begin" in result["msg"] and not [word for word in words if word not in result["msg"]], (case, result["msg"])
        assert result["cause"]["reason"], case
    assert jobs(api, namespace) == []


def test_a_quota(api: Api, given: dict[str, t.Any], namespace: str) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    api.request("POST", f"/api/v1/namespaces/{namespace}/resourcequotas", body=quota)
    result = fails("build_workload", **given)
    assert "exceeded quota: none" in result["msg"] and "kubectl describe quota" in result["msg"] and jobs(api, namespace) == []


def test_a_namespace_that_is_being_deleted(api: Api, given: dict[str, t.Any], namespace: str) -> None:
    held = {"metadata": {"name": "held", "finalizers": ["example.org/held"]}}
    api.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=held)
    api.request("DELETE", f"/api/v1/namespaces/{namespace}")
    try:
        result = fails("build_workload", **given)
        assert "is being terminated" in result["msg"] and f"Namespace {namespace} is being deleted" in result["msg"]
    finally:
        free = {"metadata": {"finalizers": None}}
        api.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/held", body=free, content_type="application/merge-patch+json")


def test_its_namespace_goes_while_it_runs(api: Api, namespace: str, image: str) -> None:
    make_job(api, namespace, "build", "echo begun; sleep 600", image)
    with pytest.raises(FleetError) as caught:
        awaited(api, namespace, lambda: api.request("DELETE", f"/api/v1/namespaces/{namespace}"))
    assert "went away, because its namespace is being deleted" in caught.value.message and caught.value.details["log"] == ["begun"]


def test_it_is_deleted_while_it_runs(api: Api, namespace: str, image: str) -> None:
    make_job(api, namespace, "build", "echo begun; sleep 600", image)
    job = f"/apis/batch/v1/namespaces/{namespace}/jobs/build"
    with pytest.raises(FleetError) as caught:
        awaited(api, namespace, lambda: api.request("DELETE", job, {"propagationPolicy": "Background"}))
    assert "was deleted while it was awaited. Find out who deletes it" in caught.value.text()


def test_its_pod_is_evicted(api: Api, namespace: str, image: str) -> None:
    """As a drain of the node does it: the pod and its log are gone, what was followed is not."""
    make_job(api, namespace, "build", "echo begun; sleep 600", image)

    def evict() -> None:
        (pod,) = pods(api, namespace)
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod["metadata"]["name"]}}
        api.request("POST", f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/eviction", body=body)

    found = awaited(api, namespace, evict)
    assert found["state"]["state"] == "failed" and found["log"] == ["begun"] and found["cause"]["reason"] == "EvictionByEvictionAPI"
    assert "evicted, as a drain of the node does" in found["hint"]


def test_its_node_runs_short(outgrown: Future[dict[str, t.Any]]) -> None:
    """The kubelet's own eviction, for a folder that outgrew its limit; the log is gone from the node too."""
    found = outgrown.result(600)
    assert found["cause"]["reason"] == "Evicted" and 'EmptyDir volume "small" exceeds the limit' in found["message"] and found["log"] == ["begun"]
    assert "short of what the message names" in found["hint"]


def awaited(api: Api, namespace: str, then: t.Callable[[], t.Any]) -> dict[str, t.Any]:
    """Follow Job build to its end; when its first line is there, something happens."""
    heard: list[str] = []

    def when_it_runs() -> None:
        deadline = time.monotonic() + 240
        while not any("begun" in line for line in heard) and time.monotonic() < deadline:
            time.sleep(0.1)
        then()

    thread = threading.Thread(target=when_it_runs)
    thread.start()
    try:
        return to_end(api, namespace, "build", timeout=500, follow=True, report=heard.append)
    finally:
        thread.join()
