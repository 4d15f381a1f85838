# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for scheduler and kubelet: it gives the pods of Jobs a simulated node and lets them run and end as a test says. Nothing runs."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

import hands

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = dict[str, t.Any]
# Exit code of a pod; None: it runs on; a text: what its container waits for.
Plan = t.Callable[[Thing], int | None | str]


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def containers(pod: Thing, state: Thing, ready: bool = False) -> list[Thing]:
    names = [container["name"] for container in pod["spec"]["containers"]]
    return [{"name": name, "ready": ready, "restartCount": 0, "image": "x", "imageID": "", "containerID": "x://1", "state": state} for name in names]


def running(pod: Thing) -> Thing:
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now()} for kind in ("PodScheduled", "ContainersReady", "Ready")]
    return {"phase": "Running", "startTime": now(), "conditions": conditions, "containerStatuses": containers(pod, {"running": {"startedAt": now()}}, True)}


def ended(pod: Thing, code: int) -> Thing:
    terminated = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": now(), "finishedAt": now()}
    conditions = [{"type": "Ready", "status": "False", "reason": "PodCompleted", "lastTransitionTime": now()}]
    statuses = containers(pod, {"terminated": terminated})
    return {"phase": "Failed" if code else "Succeeded", "startTime": now(), "conditions": conditions, "containerStatuses": statuses}


def waiting(pod: Thing, reason: str) -> Thing:
    status = containers(pod, {"waiting": {"reason": reason, "message": f"the stand-in says {reason}"}})
    return {"phase": "Pending", "startTime": now(), "containerStatuses": [{key: value for key, value in one.items() if key != "containerID"} for one in status]}


class StandIn(threading.Thread):
    """Serves the pods of one namespace until it is left. C(most) is how many it has seen unfinished at one time, C(seen) all pods by their UID."""

    def __init__(self, admin: Api, namespace: str, plan: Plan = lambda _pod: 0, node: str = "") -> None:
        super().__init__(daemon=True)
        self.admin, self.namespace, self.plan, self.node = admin, namespace, plan, node
        self.stopped = threading.Event()
        self.seen: dict[str, str] = {}
        self.most = 0
        self._served: set[str] = set()

    def __enter__(self) -> StandIn:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopped.set()
        self.join(10)

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            with contextlib.suppress(FleetError):  # a slow API server, for one
                self._look()

    def _look(self) -> None:
        pods = self.admin.request("GET", f"/api/v1/namespaces/{self.namespace}/pods", {"resourceVersion": "0"}).get("items") or []
        open_pods = [pod for pod in pods if (pod.get("status") or {}).get("phase") in (None, "Pending", "Running")]
        self.most = max(self.most, len(open_pods))
        for pod in pods:
            self.seen[pod["metadata"]["uid"]] = (pod["metadata"].get("labels") or {}).get("job-name", "")
        for pod in open_pods:
            with contextlib.suppress(ApiError):  # it was deleted meanwhile
                self._serve(pod)

    def _serve(self, pod: Thing) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        if pod["metadata"].get("deletionTimestamp"):
            self.admin.request("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{name}", body={"gracePeriodSeconds": 0})
            return
        if uid in self._served:
            return
        if self.node and not pod["spec"].get("nodeName"):
            hands.bind(self.admin, self.namespace, name, self.node)
        plan = self.plan(pod)
        hands.report(self.admin, self.namespace, name, waiting(pod, plan) if isinstance(plan, str) else running(pod))
        if isinstance(plan, int):
            hands.report(self.admin, self.namespace, name, ended(pod, plan))
        self._served.add(uid)
