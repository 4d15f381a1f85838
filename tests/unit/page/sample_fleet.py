# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A made-up fleet with a host of each kind, in the form in which the status playbook hands it to its filters."""

from __future__ import annotations

import typing as t

GENERATED = "2026-01-20T10:30:00Z"
DRAIN = "DrainAndSuspend"
SINCE = "2026-01-20T09:48:00Z"
IMAGE = "hub:5000/leafai/studio-go-runner:0.14.2"


def node(name: str, gpus: int, used: int | None = 0, **more: t.Any) -> dict[str, t.Any]:
    base = {"name": name, "ready": True, "schedulable": True, "gpu_capacity": gpus, "gpu_allocatable": gpus, "gpu_allocated": used, "kubelet": "v1.36.3"}
    return {**base, **more}


def runner(name: str, verdict: str, reason: str, asked: str = "Running", **more: t.Any) -> dict[str, t.Any]:
    """A runner with one pod on the node of this name."""
    experiments = more.pop("experiments", [])
    effective = more.pop("effective", asked)
    running = more.pop("running", len(experiments))
    pod = {
        "name": f"studioml-go-runner-deployment-5f9c7-{name}",
        "node": name,
        "ready": more.get("ready", 1) > 0,
        "node_map": f"studioml-go-runner-{name}",
        "asked_state": asked,
        "asked_since": more.pop("since", SINCE),
        "holds": more.pop("holds", True),
        "running": running,
    }
    base = {
        "name": "studioml-go-runner",
        "namespace": "studioml",
        "deployment": "studioml-go-runner-deployment",
        "image": IMAGE,
        "replicas": 1,
        "ready": 1,
        "asked_state": asked,
        "asked_since": SINCE,
        "effective_state": effective,
        "era": "state",
        "listens": True,
        "listens_reason": "Its log names the state that it follows.",
        "listens_advice": "",
        "verdict": verdict,
        "verdict_reason": reason,
        "running": running,
        "experiments": experiments,
        "unacknowledged": None,
        "queues": [],
        "restarted_since_asked": 0,
        "maps": [],
        "pods": [pod] if more.get("replicas", 1) else [],
    }
    return {**base, **more}


def host(name: str, nodes: list[dict[str, t.Any]], *runners: dict[str, t.Any], simulated: bool = False, cluster: str = "") -> dict[str, t.Any]:
    found = {
        "cluster_id": cluster or f"{sum(map(ord, name)) * 7919:08x}-9d5b-4f6e-8f0a-2c1f6e1f4a11",
        "server": f"https://{name}.example:16443",
        "version": "v1.36.3",
        "namespace": "studioml",
        "nodes": nodes,
        "runners": list(runners),
        "warnings": [],
    }
    return {"host": name, "found": found, "failures": [], "simulated": simulated}


def experiment(name: str, queue: str = "rmq_vision") -> dict[str, str]:
    return {"project": "vision", "experiment": name, "queue": queue}


def lost(name: str, message: str) -> dict[str, t.Any]:
    return {"host": name, "found": {}, "failures": [{"step": "Look at runners, maps and nodes", "message": message}], "simulated": False}


def fleet(simulated: bool = False) -> list[dict[str, t.Any]]:
    """Hosts of each kind."""
    two = [experiment("resnet50-lr3"), experiment("resnet50-lr4")]
    later = {"listens": False, "era": "none", "image": "hub:5000/leafai/studio-go-runner:0.15.0", "effective": ""}
    later["listens_reason"] = f"By the tag of its image {later['image']} it is of a version that reads no map."
    later["listens_advice"] = "Only 0.9 to 0.14 read STATE; enforce: broker or enforce: scale drains it all the same."
    refused = "GET /api/v1/namespaces on https://gpu7.example:16443 failed: no answer in time. Check that the API server runs, and firewalls."
    return [
        host("gpu1", [node("gpu1", 2, 2)], runner("gpu1", "running", "It runs, with 2 experiments.", experiments=two), simulated=simulated),
        host("gpu2", [node("gpu2", 4, 3)], runner("gpu2", "running", "It runs, with 1 experiment.", experiments=[experiment("bert-base-7", "rmq_text")])),
        host("gpu3", [node("gpu3", 4, 2)], runner("gpu3", "busy", "It is to drain, with 1 experiment.", DRAIN, experiments=[experiment("vit-l16-02")])),
        host("gpu4", [node("gpu4", 2, 0)], runner("gpu4", "quiet", "No experiment runs, by its metrics; the broker was not asked.", DRAIN)),
        host("gpu5", [node("gpu5", 8, 5)], runner("gpu5", "not_listening", "It does not read its state, with 1 experiment.", DRAIN, running=1, **later)),
        host("gpu6", [node("gpu6", 2, 1)], runner("gpu6", "asked", "Its metrics cannot be read, so nobody knows.", DRAIN, running=None, effective="Running")),
        lost("gpu7", refused),
        host("cpu1", [node("cpu1", 0)], runner("cpu1", "running", "It runs.")),
        host("spare", [node("spare", 2, 0, schedulable=False)]),
        host("rack2", [node("rack2-a", 8, 8), node("rack2-b", 8, 6)], runner("rack2", "running", "It runs.", replicas=2, ready=2)),
    ]
