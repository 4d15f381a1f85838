# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a Job stands, from what the API server says; and where there is room for one."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.studioml.fleet.plugins.module_utils import _placement
from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec, objects, spec_of
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import counted, newest_pod, state_of, word
from ansible_collections.studioml.fleet.plugins.modules import gpu_job

Thing = dict[str, t.Any]
TAINT = {"key": "k", "value": "v", "effect": "NoExecute"}
BEGIN, END = "2026-01-20T10:00:00Z", "2026-01-20T10:05:30Z"


def job(status: Thing, suspend: bool = False, deleting: bool = False) -> Thing:
    meta = {"name": "one", "namespace": "ns", "uid": "u", **({"deletionTimestamp": BEGIN} if deleting else {})}
    containers = [{"name": "main", "image": "hub/a:1"}, {"name": "artefacts"}]
    return {"metadata": meta, "spec": {"suspend": suspend, "template": {"spec": {"containers": containers}}}, "status": status}


def condition(kind: str, reason: str = "Why", message: str = "in words") -> Thing:
    return {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": END}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (job({}), "pending"),
        (job({"active": 1, "ready": 0}), "pending"),
        (job({"active": 1, "ready": 1}), "running"),
        (job({"active": 1}), "running"),
        (job({}, suspend=True), "suspended"),
        (job({"succeeded": 1, "conditions": [condition("Complete")]}), "complete"),
        (job({"active": 0, "conditions": [condition("FailureTarget"), condition("Failed")]}), "failed"),
        (job({"active": 1, "ready": 1, "conditions": [condition("FailureTarget")]}), "running"),
        (job({"conditions": [condition("Complete")]}, deleting=True), "deleting"),
    ],
)
def test_the_state_in_one_word(made: Thing, expected: str) -> None:
    assert word(made) == expected


def pod(name: str, code: int | None, phase: str, begin: str = BEGIN, node: str = "gpu1") -> Thing:
    ended = {"exitCode": code, "reason": "Error", "startedAt": begin, "finishedAt": END}
    state = {"terminated": ended} if code is not None else {"running": {"startedAt": begin}}
    statuses = [{"name": "artefacts", "state": {"running": {}}}, {"name": "main", "state": state}]
    return {"metadata": {"name": name, "creationTimestamp": begin}, "spec": {"nodeName": node}, "status": {"phase": phase, "containerStatuses": statuses}}


def test_a_job_that_has_failed() -> None:
    status = {"startTime": BEGIN, "failed": 2, "conditions": [condition("Failed", "BackoffLimitExceeded", "Job has\nreached")]}
    found = state_of(job(status), [pod("b", 3, "Failed", "2026-01-20T10:01:00Z"), pod("a", 1, "Failed")])
    assert (found["state"], found["reason"], found["message"], found["exit_code"]) == ("failed", "BackoffLimitExceeded", "Job has reached", 3)
    assert (found["start"], found["end"], found["seconds"]) == (BEGIN, END, 330.0)
    assert [one["name"] for one in found["pods"]] == ["a", "b"] and found["image"] == "hub/a:1"


def test_a_complete_job_after_a_failed_pod_ended_well() -> None:
    found = state_of(job({"succeeded": 1, "failed": 1, "conditions": [condition("Complete")]}), [pod("a", 1, "Failed"), pod("b", 0, "Succeeded")])
    assert found["exit_code"] == 0


def test_a_pod_that_was_evicted_says_so() -> None:
    evicted = {"metadata": {"name": "a"}, "spec": {"nodeName": "gpu1"}, "status": {"phase": "Failed", "reason": "Evicted", "message": "disk"}}
    assert state_of(job({"failed": 1}), [evicted])["pods"][0]["reason"] == "Evicted"


def test_counts_and_the_newest_pod() -> None:
    assert counted([state_of(job({})), state_of(job({}, suspend=True))])["total"] == 2
    newest = newest_pod([pod("a", None, "Running"), pod("b", None, "Running", END)])
    assert newest and newest["metadata"]["name"] == "b" and newest_pod([]) is None


def node(name: str, gpus: int, **more: t.Any) -> Thing:
    status = {"allocatable": {"nvidia.com/gpu": str(gpus)}, "conditions": [{"type": "Ready", "status": more.pop("ready", "True")}]}
    return {"metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", **more.pop("labels", {})}}, "spec": more, "status": status}


def taker(gpus: int, name: str = "", phase: str = "Running") -> Thing:
    container = {"name": "a", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    return {"metadata": {"name": "x"}, "spec": {"nodeName": name, "containers": [container]}, "status": {"phase": phase}}


# one that the scheduler cannot place, for whatever reason
REFUSED = {**taker(2), "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}


@pytest.mark.parametrize(("amount", "asked"), [("2", 2), (1, 1), ("0", 0)])
def test_gpus_among_the_limits_want_room_too(amount: t.Any, asked: int) -> None:
    checked = ArgumentSpecValidator(gpu_job.ARGUMENTS).validate({"name": "one", "image": "a", "resources": {"limits": {"nvidia.com/gpu": amount, "cpu": 1}}})
    wanted = spec_of(checked.validated_parameters, "ns")
    assert wanted.gpus == asked and _placement.room([node("a", 0)], [], wanted).fits is not bool(asked)
    assert objects(wanted)[0]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": str(amount), "cpu": "1"}


def spec(**given: t.Any) -> JobSpec:
    return JobSpec("one", "ns", **given)


@pytest.mark.parametrize(
    ("nodes", "pods", "wanted", "fits", "why"),
    [
        ([node("a", 4)], [taker(2, "a")], spec(gpus=2), True, "2 of 4 free on a; 2 needed"),
        ([node("a", 4)], [taker(3, "a")], spec(gpus=2), False, "1 of 4 free on a; 2 needed"),
        ([node("a", 4)], [taker(4, "a", "Succeeded"), taker(4, "a", "Failed")], spec(gpus=4), True, "4 of 4 free on a"),
        ([node("a", 1), node("b", 1)], [], spec(gpus=2), False, "1 of 1 free on a, 1 of 1 free on b; 2 needed"),
        ([node("a", 2), node("b", 2)], [], spec(gpus=2, parallelism=2), True, "2 needed by each of 2 pods"),
        ([node("a", 2), node("b", 2)], [taker(1, "b")], spec(gpus=2, parallelism=2), False, "by each of 2 pods"),
        ([node("a", 2)], [taker(2)], spec(gpus=1), False, "2 of 2 free on a, 2 wanted by pods that are being placed; 1 needed"),
        ([node("a", 2)], [REFUSED], spec(gpus=2), True, "2 of 2 free on a; 2 needed"),
        ([node("a", 2, ready="False"), node("b", 2, unschedulable=True)], [], spec(gpus=1), False, "b cordoned; a not Ready"),
        ([node("a", 2)], [], spec(gpus=1, node_selector={"nvidia.com/gpu.product": "A100"}), False, "a without the label nvidia.com/gpu.product=A100"),
        ([node("a", 2, labels={"z": "1"})], [], spec(gpus=1, node_selector={"z": "1"}), True, "2 of 2 free"),
        ([node("a", 2, taints=[{"key": "gpu", "effect": "NoSchedule"}])], [], spec(gpus=1), False, "a with the taint gpu:NoSchedule"),
        ([node("a", 2, taints=[{"key": "gpu", "effect": "PreferNoSchedule"}])], [], spec(gpus=1), True, ""),
        ([node("a", 2, taints=[{"key": "gpu", "effect": "NoSchedule"}])], [], spec(gpus=1, tolerations=[{"key": "gpu", "operator": "Exists"}]), True, ""),
        ([node("a", 2, taints=[TAINT])], [], spec(tolerations=[{"key": "k", "value": "w"}]), False, "taint k:NoExecute"),
        ([node("a", 2, taints=[TAINT])], [], spec(tolerations=[{"key": "k", "value": "v"}]), True, ""),
        ([node("a", 0)], [], spec(), True, "no GPU is asked for, and a may run it"),
        ([node("a", 2), node("b", 2)], [taker(2, "b")], spec(gpus=1, node_name="b"), False, "0 of 2 free on b"),
        ([node("a", 2)], [], spec(node_name="c"), False, "there is no node c"),
        ([], [], spec(), False, "no node will do: there is none"),
    ],
)
def test_room(nodes: list[Thing], pods: list[Thing], wanted: JobSpec, fits: bool, why: str) -> None:
    found = _placement.room(nodes, pods, wanted)
    assert found.fits is fits and why in found.why, found.why
