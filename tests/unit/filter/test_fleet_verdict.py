"""The verdict over a host follows what failed and what its cluster says."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.fleet_verdict import fleet_failure, fleet_verdict

NODE = {"name": "gpu1", "ready": True, "gpu_allocatable": 2}
RUNNER = {"name": "studioml-go-runner", "namespace": "studioml", "image": "hub:5000/r:1", "replicas": 1, "ready": 1, "asked_state": "Running"}
WANTED = {"runner": True, "gpus": 2, "simulated": True}


def judge(node: dict[str, t.Any] | None = None, runner: dict[str, t.Any] | None = None, **wanted: t.Any) -> dict[str, t.Any]:
    info = {"nodes": [{**NODE, **(node or {})}], "runners": [{**RUNNER, **(runner or {})}]}
    return fleet_verdict("gpu1", [], info, {**WANTED, **wanted})


def test_a_host_without_complaint_is_ok() -> None:
    verdict = judge()
    assert verdict["ok"] and verdict["failures"] == [] and verdict["simulated"]
    assert verdict["gpus"] == {"found": 2, "offered": 2}
    assert json.loads(json.dumps(verdict)) == verdict


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"node": {"ready": False}}, "Node gpu1 is not ready"),
        ({"node": {"gpu_allocatable": 1}}, "has 2 GPU(s), but its cluster offers 1"),
        ({"runner": {"ready": 0}}, "has 0 of 1 pods ready"),
        ({"runner": {"asked_state": None}}, "has no STATE"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(change: dict[str, t.Any], words: str) -> None:
    verdict = judge(**change)
    assert not verdict["ok"]
    assert words in verdict["failures"][0]["message"]


def test_a_cluster_without_a_runner() -> None:
    verdict = fleet_verdict("gpu1", [], {"nodes": [], "runners": []}, {"runner": True})
    assert [failure["message"].split(".")[0] for failure in verdict["failures"]] == ["The cluster has no runner in the namespace that was asked"]


def test_a_host_that_failed_before_is_not_asked_for_more() -> None:
    verdict = fleet_verdict("gpu1", [{"step": "Reach the machine", "message": "no route"}], {}, WANTED)
    assert verdict["failures"] == [{"step": "Reach the machine", "message": "no route"}]


def test_a_build_host_needs_no_cluster() -> None:
    assert fleet_verdict("hub", [], {}, {"runner": False})["ok"]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"failed": True, "msg": "broken"}, "broken"),
        ({"unreachable": True, "msg": "no route"}, "no route"),
        ({"msg": "One or more items failed", "results": [{"msg": "fine"}, {"failed": True, "msg": "second"}]}, "second"),
        ({"failed": True}, "The task failed without a message."),
    ],
)
def test_a_failure_is_its_message(result: dict[str, t.Any], message: str) -> None:
    assert fleet_failure(result, "docker : Merge the settings") == {"step": "Merge the settings", "message": message}


def test_a_failure_needs_a_result() -> None:
    with pytest.raises(AnsibleFilterError, match="needs the result of a task"):
        fleet_failure(t.cast("dict[str, t.Any]", "text"), "step")
