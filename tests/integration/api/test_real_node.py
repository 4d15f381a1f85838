# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""runner_deploy, runner_state and runner_info on a cluster whose scheduler, kubelet and containerd are real."""

from __future__ import annotations

import typing as t
import uuid

import pytest
from module_runs import Hosts

pytestmark = pytest.mark.sandbox


@pytest.fixture
def given(hosts: Hosts, kubeconfig: str) -> t.Iterator[dict[str, t.Any]]:
    namespace = f"api-{uuid.uuid4().hex[:8]}"
    image = hosts.on("gpu1", "microk8s ctr images ls -q | grep pause: | head -n 1").strip()  # on every node, and it runs without arguments
    assert image
    yield {"kubeconfig": kubeconfig, "namespace": namespace, "image": image, "image_pull_grace": 10, "schedule_grace": 10, "wait_timeout": 120}
    hosts.on("gpu1", f"microk8s kubectl delete namespace {namespace} --ignore-not-found --wait=false")


def fails(hosts: Hosts, **arguments: t.Any) -> dict[str, t.Any]:
    return hosts.fails("gpu1", "runner_deploy", **arguments)


def test_a_runner_in_four_beats(hosts: Hosts, given: dict[str, t.Any]) -> None:
    results = [hosts.passes("gpu1", "runner_deploy", check, **given) for check in (True, False, True, False)]
    assert [result["changed"] for result in results] == [True, True, False, False]
    assert results[0]["diff"] == results[1]["diff"]
    assert results[1]["rollout"]["ready"] and len(results[1]["rollout"]["pods"]) == 1
    where = {"kubeconfig": given["kubeconfig"], "namespace": given["namespace"]}
    (runner,) = hosts.passes("gpu1", "runner_info", **where)["runners"]
    (pod,) = runner["pods"]
    assert (pod["phase"], pod["ready"], pod["asked_state"], runner["ready"]) == ("Running", True, "Running", 1)
    hosts.passes("gpu1", "runner_state", state="DrainAndSuspend", nodes=[pod["node"]], **where)
    (runner,) = hosts.passes("gpu1", "runner_info", **where)["runners"]
    assert (runner["asked_state"], runner["pods"][0]["asked_state"]) == ("Running", "DrainAndSuspend")
    shown = hosts.on("gpu1", f"microk8s kubectl get configmap studioml-go-runner-{pod['node']} -n {given['namespace']} -o 'jsonpath={{.data.STATE}}'")
    assert shown == "DrainAndSuspend"


def test_the_pod_knows_its_node_map(hosts: Hosts, given: dict[str, t.Any]) -> None:
    (name,) = hosts.passes("gpu1", "runner_deploy", **given)["rollout"]["pods"]
    sandbox = hosts.on("gpu1", f"microk8s kubectl get pod {name} -n {given['namespace']} -o 'jsonpath={{.status.containerStatuses[0].containerID}}'")
    shown = hosts.on("gpu1", f"microk8s ctr task ls | grep {sandbox.rpartition('/')[2]} | awk '{{print $2}}' | xargs -I% cat /proc/%/environ").split("\0")
    node = hosts.on("gpu1", "microk8s kubectl get nodes -o 'jsonpath={.items[0].metadata.name}'")
    assert f"HOSTNAME=studioml-go-runner-{node}" in shown and f"K8S_NAMESPACE={given['namespace']}" in shown and "K8S_CONFIGMAP=studioml-go-runner" in shown


def test_an_image_that_is_nowhere(hosts: Hosts, given: dict[str, t.Any]) -> None:
    result = fails(hosts, **{**given, "image": "127.0.0.1:1/nothing:1"})
    assert "ImagePull" in result["cause"]["reason"] and "connection refused" in result["msg"] and "role registry_trust" in result["msg"]


def test_a_runner_that_ends_at_once(hosts: Hosts, given: dict[str, t.Any]) -> None:
    result = fails(hosts, **{**given, "image": "sandbox.local/busybox:1"})
    assert "CrashLoopBackOff" in result["cause"]["reason"] and "is not rolled out" in result["msg"]


def test_more_gpus_than_there_are(hosts: Hosts, given: dict[str, t.Any]) -> None:
    result = fails(hosts, **given, gpus=99)
    assert result["cause"]["reason"] == "Unschedulable" and "Insufficient nvidia.com/gpu" in result["msg"]


def test_a_runtime_class_that_is_not_there(hosts: Hosts, given: dict[str, t.Any]) -> None:
    result = fails(hosts, **given, runtime_class="nowhere")
    assert 'RuntimeClass "nowhere" not found' in result["msg"]


def test_the_next_run_mends_a_failed_one(hosts: Hosts, given: dict[str, t.Any]) -> None:
    fails(hosts, **{**given, "image": "127.0.0.1:1/nothing:1"})
    assert hosts.passes("gpu1", "runner_deploy", **given)["rollout"]["ready"]
