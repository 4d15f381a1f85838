# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Jobs stand: one request a cluster for all of them, one more for each further kind of facts that is asked for. Only reads."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._apply import same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_run import chosen
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import counted, main_container, newest_pod, state_of
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._pool import each
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._workload import MANAGED_BY

Thing = t.Dict[str, t.Any]
Params = t.Dict[str, t.Any]

GATHER = ["pods", "events", "log"]
OURS = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
PARALLEL = 8


def look(api: Api, params: Params, namespace: str) -> Thing:
    """The Jobs that are meant, all of this collection when none are named, and what else is asked for of them."""
    same_cluster(api, params.get("cluster_id"))
    jobs = chosen(api, params if params["name"] else {**params, "selector": _selector(params["selector"])}, namespace)
    gather = set(params["gather"])
    pods = _pods(api, namespace, jobs) if gather & {"pods", "log"} else {}
    events = _events(api, namespace, jobs, pods) if "events" in gather else {}
    logs = _logs(api, namespace, jobs, pods, params["log_lines"]) if "log" in gather else {}
    states = []
    for job in sorted(jobs, key=lambda job: job["metadata"]["name"]):
        name = job["metadata"]["name"]
        found = state_of(job, pods.get(name, []))
        found.update({key: of.get(name, []) for key, of in (("events", events), ("log", logs)) if key in gather})
        states.append(found)
    return {"changed": False, "namespace": namespace, "jobs": states, "counts": counted(states)}


def _selector(given: str | None) -> str:
    """None is all that this collection has made; an empty one is all there are."""
    return OURS if given is None else given


def _pods(api: Api, namespace: str, jobs: list[Thing]) -> dict[str, list[Thing]]:
    """Pods by the name of their Job."""
    if not jobs:
        return {}
    selector = f"job-name={jobs[0]['metadata']['name']}" if len(jobs) == 1 else "job-name"
    listed = api.request("GET", path("Pod", namespace), {"labelSelector": selector}, namespace=namespace).get("items") or []
    owners = {job["metadata"]["uid"]: job["metadata"]["name"] for job in jobs}
    found: dict[str, list[Thing]] = {}
    for pod in listed:
        for reference in pod["metadata"].get("ownerReferences") or []:
            if reference.get("uid") in owners:
                found.setdefault(owners[reference["uid"]], []).append(pod)
    return found


def _events(api: Api, namespace: str, jobs: list[Thing], pods: dict[str, list[Thing]]) -> dict[str, list[Thing]]:
    """Events of Jobs and of their pods, the last one last."""
    listed = api.request("GET", path("Event", namespace), namespace=namespace).get("items") or []
    owner = {job["metadata"]["name"]: job["metadata"]["name"] for job in jobs}
    owner.update({pod["metadata"]["name"]: name for name, own in pods.items() for pod in own})
    found: dict[str, list[Thing]] = {}
    for event in sorted(listed, key=_when):
        about = event.get("involvedObject") or {}
        # without its pods at hand, a pod of a Job is known by its name
        name = owner.get(about.get("name", "")) or owner.get(str(about.get("name", "")).rpartition("-")[0])
        if name and about.get("kind") in ("Job", "Pod"):
            entry = {"about": f"{about['kind']}/{about['name']}", "type": event.get("type") or "", "reason": event.get("reason") or ""}
            words = " ".join(str(event.get("message") or "").split())
            found.setdefault(name, []).append({**entry, "message": words, "count": event.get("count") or 1, "time": _when(event)})
    return found


def _when(event: Thing) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _logs(api: Api, namespace: str, jobs: list[Thing], pods: dict[str, list[Thing]], lines: int) -> dict[str, list[str]]:
    """The last lines of the newest pod of each Job; none where it has not begun."""
    from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import tail  # seldom asked for

    def read(job: Thing) -> list[str]:
        pod = newest_pod(pods.get(job["metadata"]["name"], []))
        if pod is None:
            return []
        try:
            return tail(api, namespace, pod["metadata"]["name"], main_container(job), lines)
        except FleetError:
            return []

    return dict(zip([job["metadata"]["name"] for job in jobs], each(jobs, read, PARALLEL)))
