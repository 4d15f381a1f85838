# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollouts with the real controllers; a test plays scheduler and kubelet, for every way in which a pod can fail to come up."""

from __future__ import annotations

import pathlib
import threading
import time
import typing as t

import hands
import pytest
from beats import Result, call
from control_plane import ControlPlane
from faults import FaultServer, answer

from ansible_collections.studioml.fleet.plugins.module_utils import _causes
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy

pytestmark = pytest.mark.apiserver
# Long for a loaded machine, and half of it is still much more than any grace; nothing here waits for its end.
TIMEOUT = 120
LOG = b"\n".join([b"starting", b"connecting to amqp://runner:geheim@hub:5672/", b"the word is losung-1234", b"panic: no broker"])


@pytest.fixture(scope="module", autouse=True)
def controllers(control_plane: ControlPlane) -> t.Iterator[None]:
    control_plane.start_controllers()
    yield
    control_plane.stop_program("kube-controller-manager")


@pytest.fixture(scope="module")
def worker(admin: Api, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    """A node with a stand-in kubelet that knows one log."""
    kubelet = FaultServer(tmp_path_factory.mktemp("kubelet"))
    kubelet.behaviours = [answer(LOG)]
    hands.node(admin, "worker", kubelet)
    yield "worker"
    admin.request("DELETE", "/api/v1/nodes/worker")
    kubelet.stop()


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_causes, "SHORT_GRACE", 0.5)


@pytest.fixture
def given(admin: Api, kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    where = {"kubeconfig": str(kubeconfig), "namespace": namespace, "image": "hub:5000/runner:1"}
    return {**where, "wait_timeout": TIMEOUT, "image_pull_grace": 1, "schedule_grace": 1}


def test_a_rollout_is_followed_by_watch(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    with hands.Kubelet(admin, namespace, hands.waiting("ContainerCreating"), hands.running(), node_name=worker):
        mark = control_plane.mark()
        result = call(runner_deploy, **given, replicas=2)
        requests = control_plane.requests(mark)
        assert result["rollout"]["ready"] and len(result["rollout"]["pods"]) == 2
        lists = [request["verb"] for request in requests if request["verb"] in ("list", "watch")]
        assert sorted(lists) == ["list", "list", "watch", "watch"], "no polling"
        mark = control_plane.mark()
        again = call(runner_deploy, **given, replicas=2)
        assert not again["changed"] and again["rollout"]["ready"]
        assert len(control_plane.requests(mark)) == 8, "an unchanged run that is rolled out waits for nothing"


def test_an_update_waits_for_the_new_pods(admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    with hands.Kubelet(admin, namespace, hands.running(), node_name=worker):
        first = call(runner_deploy, **given)["rollout"]["pods"]
        second = call(runner_deploy, **{**given, "image": "hub:5000/runner:2"})["rollout"]["pods"]
        assert first and second and not set(first) & set(second)
        assert call(runner_deploy, **{**given, "image": "hub:5000/runner:2", "replicas": 0})["rollout"]["ready"]


def failure(given: dict[str, t.Any], **more: t.Any) -> tuple[str, Result, float]:
    began = time.monotonic()
    with pytest.raises(FleetError) as caught:
        call(runner_deploy, **{**given, **more})
    return caught.value.text(), caught.value.result(), time.monotonic() - began


def test_an_image_that_cannot_be_pulled(admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    words = 'Back-off pulling image "hub:5000/runner:1": http: server gave HTTP response to HTTPS client'
    statuses = [hands.waiting("ErrImagePull", words), hands.waiting("ImagePullBackOff", words), hands.waiting("ErrImagePull", words)]
    with hands.Kubelet(admin, namespace, *statuses, node_name=worker):
        text, result, took = failure(given)
    assert 1 <= took < TIMEOUT / 2, "after its grace and long before the timeout"
    assert "is not rolled out (0 of 1 pods available)" in text and words in text and "role registry_trust" in text
    assert result["cause"]["reason"] in ("ErrImagePull", "ImagePullBackOff") and result["cause"]["log"] == []
    assert result["rollout"]["ready"] is False and result["rollout"]["pods"] == [result["cause"]["pod"]]


def test_a_pull_that_recovers_within_its_grace(admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    statuses = [hands.waiting("ErrImagePull", "no"), hands.waiting("ImagePullBackOff", "no"), hands.waiting("ImagePullBackOff", "still"), hands.running()]
    with hands.Kubelet(admin, namespace, *statuses, node_name=worker):
        assert call(runner_deploy, **{**given, "image_pull_grace": TIMEOUT})["rollout"]["ready"]


def test_a_crash_tells_exit_code_and_log_without_credentials(admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    ended = {"terminated": {"exitCode": 2, "reason": "Error", "containerID": "containerd://x"}}
    crash = hands.waiting("CrashLoopBackOff", "back-off 10s restarting", restarts=1, lastState=ended, containerID="containerd://x")
    with hands.Kubelet(admin, namespace, crash, node_name=worker):
        text, result, took = failure(given, secret_env={"TOKEN": "losung-1234"})
    assert took < TIMEOUT / 2
    assert "CrashLoopBackOff" in text and "exit code 2 (Error)" in text and "panic: no broker" in text
    assert result["cause"]["terminated"]["exit_code"] == 2 and len(result["cause"]["log"]) == 4
    assert "geheim" not in str(result) and "losung" not in str(result)


@pytest.mark.parametrize(
    ("reason", "words", "advice"),
    [
        ("CreateContainerConfigError", 'secret "studioml-x" not found', "Make the ConfigMap or Secret that it names"),
        ("InvalidImageName", "couldn't parse image name", "Correct image"),
        ("RunContainerError", "nvidia-container-cli: initialization error", "NVIDIA runtime"),
    ],
)
def test_a_container_that_cannot_start(
    admin: Api, given: dict[str, t.Any], namespace: str, worker: str, reason: str, words: str, advice: str
) -> None:
    with hands.Kubelet(admin, namespace, hands.waiting(reason, words), node_name=worker):
        text, result, took = failure(given)
    assert took < TIMEOUT / 2 and reason in text and words in text and advice in text and result["cause"]["reason"] == reason


def test_no_node_has_what_it_needs(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    words = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    unschedulable = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}]}
    with hands.Kubelet(admin, namespace, unschedulable):
        text, _result, took = failure(given, gpus=1)
    assert 1 <= took < TIMEOUT / 2 and words in text and "ask for less (gpus, resources)" in text


def test_pods_that_may_not_be_made(given: dict[str, t.Any]) -> None:
    text, result, took = failure(given, runtime_class="missing")
    assert took < TIMEOUT / 2 and 'RuntimeClass "missing" not found' in text and result["cause"]["reason"] == "FailedCreate"


def test_nothing_happens_until_the_time_is_up(admin: Api, given: dict[str, t.Any], namespace: str, worker: str, patient_watches: None) -> None:
    with hands.Kubelet(admin, namespace, hands.waiting("ContainerCreating"), node_name=worker):
        text, result, took = failure(given, wait_timeout=8)
    assert 8 <= took < 60 and "after 8 s" in text and "wait_timeout" in text and result["rollout"]["ready"] is False


def test_a_second_run_after_a_failure_waits_again(admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    with hands.Kubelet(admin, namespace, hands.waiting("ErrImagePull", "no"), node_name=worker):
        failure(given)
    (pod,) = hands.pods(admin, namespace)
    threading.Timer(0.5, hands.report, (admin, namespace, pod["metadata"]["name"], hands.running())).start()
    result = call(runner_deploy, **{**given, "image_pull_grace": TIMEOUT})
    assert not result["changed"] and result["rollout"]["ready"]


def test_old_pods_do_not_count_as_failures_of_the_new_ones(admin: Api, given: dict[str, t.Any], namespace: str, worker: str) -> None:
    with hands.Kubelet(admin, namespace, hands.waiting("CrashLoopBackOff", "old"), node_name=worker):
        failure(given)
    kubelet = hands.Kubelet(admin, namespace, hands.running(), node_name=worker)
    kubelet.served.update(pod["metadata"]["name"] for pod in hands.pods(admin, namespace))
    with kubelet:
        assert call(runner_deploy, **{**given, "image": "hub:5000/runner:2"})["rollout"]["ready"]


def test_a_deployment_that_is_deleted_meanwhile(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/studioml-go-runner-deployment"
    threading.Timer(1.5, admin.request, ("DELETE", path)).start()
    text, _result, _took = failure(given)
    assert "was deleted while its rollout was awaited" in text
