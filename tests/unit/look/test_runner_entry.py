# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner's entry: pods that were asked different things, what the broker adds, what a drain has left behind. The rest is in test_runner_info."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._listening import Listening
from ansible_collections.studioml.fleet.plugins.module_utils._messages import Messages
from ansible_collections.studioml.fleet.plugins.module_utils._metrics import Metrics
from ansible_collections.studioml.fleet.plugins.module_utils._node_share import Share, share
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import BROKER_USER, NODES, NOTE, REPLICAS
from ansible_collections.studioml.fleet.plugins.module_utils._runner_entry import Seen, entry

GLOBAL = "studioml-go-runner"
DRAIN, RUN = "DrainAndSuspend", "Running"
READY = [{"type": "Ready", "status": "True"}]


def deployment(replicas: int = 1, node: str = "", **annotations: str) -> dict[str, t.Any]:
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    affinity = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}} if node else {}
    template = {"metadata": {"labels": {"app": GLOBAL}}, "spec": {"containers": [{"name": "r", "image": "hub/r:0.14.2"}], **affinity}}
    spec = {"replicas": replicas, "template": template}
    return {"metadata": {"name": "d", "namespace": "ns", "annotations": annotations}, "spec": spec, "status": {"readyReplicas": replicas}}


def pod(name: str, node: str = "n1", **status: t.Any) -> dict[str, t.Any]:
    spec = {"nodeName": node, "containers": [{"name": "r"}]}
    return {"metadata": {"name": f"{GLOBAL}-{name}", "namespace": "ns"}, "spec": spec, "status": {"phase": "Running", "conditions": READY, **status}}


def seen(state: str = DRAIN, running: tuple[int | None, ...] = (0,), listens: bool | None = True, **more: t.Any) -> Seen:
    pods = [pod(str(number)) for number in range(len(running))]
    metrics = {one["metadata"]["name"]: Metrics(count, [], 0, 0, 0) for one, count in zip(pods, running, strict=True) if count is not None}
    maps = {GLOBAL: {"data": {"STATE": state}}, **more.pop("maps", {})}
    listening = Listening(listens, "state", "", "", {}, [])
    made = more.pop("deployment", deployment(len(pods)))
    return Seen(made, Share(pods, len(pods), len(pods)), maps, GLOBAL, listening, metrics, **more)


@pytest.mark.parametrize(
    ("more", "verdict", "reason"),
    [
        ({}, "quiet", "No experiment runs, by its metrics; the broker was not asked."),
        ({"broker_asked": True, "messages": Messages(0, [])}, "quiet", "No experiment runs, and the broker waits for no message."),
        ({"broker_asked": True, "messages": Messages(2, [])}, "busy", "It is to drain, with 2 unacknowledged messages."),
        ({"broker_asked": True}, "asked", "No experiment runs; whether the broker waits for a message is not known."),
        ({"running": (None,), "broker_asked": True, "messages": Messages(0, [])}, "asked", "Its metrics cannot be read"),
        ({"listens": False}, "not_listening", "It does not read its state."),
    ],
)
def test_what_the_broker_adds(more: dict[str, t.Any], verdict: str, reason: str) -> None:
    made = entry(seen(**more))
    assert made["verdict"] == verdict and reason in made["verdict_reason"]
    assert made["unacknowledged"] == (more["messages"].unacknowledged if more.get("messages") else None)


@pytest.mark.parametrize(
    ("running", "held", "verdict"), [((None,), 0, "quiet"), ((None,), 1, "busy"), ((0,), 0, "quiet"), ((None,), None, "asked"), ((1,), None, "busy")]
)
def test_whose_permission_was_taken_need_not_listen(running: tuple[int | None, ...], held: int | None, verdict: str) -> None:
    messages = None if held is None else Messages(held, [])
    made = entry(seen(running=running, listens=False, deployment=deployment(**{BROKER_USER: "u@/"}), broker_asked=True, messages=messages))
    assert (made["verdict"], made["enforced"]) == (verdict, ["broker"])


def test_what_a_drain_has_left_behind() -> None:
    assert entry(seen(deployment=deployment(0, **{BROKER_USER: "u@/", REPLICAS: "1"})))["enforced"] == ["broker", "scale"]
    assert entry(seen())["enforced"] == []


@pytest.mark.parametrize(
    ("running", "held", "verdict"),
    [((0, 1), 1, "asked"), ((0, 0), 0, "quiet"), ((0, 0), 1, "busy"), ((1, 0), 0, "busy"), ((0, 1), 0, "quiet")],
)
def test_a_message_may_belong_to_the_pod_that_is_to_run(running: tuple[int, ...], held: int, verdict: str) -> None:
    made = entry(seen(RUN, running, maps={f"{GLOBAL}-0": {"data": {"STATE": DRAIN}}}, broker_asked=True, messages=Messages(held, [])))
    assert [one["asked_state"] for one in made["pods"]] == [DRAIN, RUN]
    assert made["verdict"] == verdict


def noted(manager: str, operation: str = "Apply") -> dict[str, t.Any]:
    """A map with a note, its STATE owned by this manager."""
    fields = [{"manager": manager, "operation": operation, "time": "2026-01-20T10:00:00Z", "fieldsV1": {"f:data": {"f:STATE": {}}}}]
    return {"metadata": {"annotations": {NOTE: "alert: A"}, "managedFields": fields}, "data": {"STATE": DRAIN}}


@pytest.mark.parametrize(("manager", "operation", "note"), [("studioml.fleet", "Apply", "alert: A"), ("kubectl-edit", "Update", ""), ("argocd", "Apply", "")])
def test_a_note_is_about_a_state_of_ours(manager: str, operation: str, note: str) -> None:
    own = f"{GLOBAL}-n1"
    shown = {one["name"]: one["note"] for one in entry(seen(maps={own: noted(manager, operation)}))["maps"]}
    assert shown == {GLOBAL: "", own: note}


def test_pods_that_have_ended_do_not_count() -> None:
    looked = seen(running=(0, None))
    looked.part.pods[1]["status"] = {"phase": "Failed", "reason": "Evicted"}
    assert entry(looked._replace(part=Share(looked.part.pods, 1, 1)))["verdict"] == "quiet"


@pytest.mark.parametrize(
    ("made", "pods", "found"),
    [
        (deployment(2), [pod("a"), pod("b", "n2")], (1, 1, 1)),
        (deployment(2), [pod("a", "n2"), pod("b", "n2")], None),
        (deployment(2), [pod("a", "n2")], (0, 1, 0)),
        (deployment(2), [pod("a", "n2"), pod("b", "")], (0, 1, 0)),
        (deployment(1, "n1"), [], (0, 1, 1)),
        (deployment(1, "n2"), [], None),
        (deployment(0), [], (0, 0, 0)),
        (deployment(0, "n2", **{NODES: "n1,n3"}), [], (0, 0, 0)),
    ],
)
def test_the_part_of_a_deployment_that_a_node_has(made: dict[str, t.Any], pods: list[dict[str, t.Any]], found: tuple[int, int, int] | None) -> None:
    part = share(made, pods, ["n1"])
    assert (part and (len(part.pods), part.replicas, part.ready)) == found
    whole = share(made, pods, [])
    assert whole is not None and whole.pods == pods
