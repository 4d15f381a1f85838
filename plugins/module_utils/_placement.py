# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a Job has room: the free GPUs of a cluster by one look at its nodes and pods. It does not schedule: who comes first is the cluster's to say."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._node_entry import allocated_by_node, entry, gpus_of_pod
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]

PAGE = 500
NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"
KEEPS_AWAY = ("NoSchedule", "NoExecute")


class Room(t.NamedTuple):
    """Whether a Job finds room at a target, and why (not)."""

    fits: bool
    why: str
    nodes: t.Tuple[str, ...] = ()


def look(api: Api) -> tuple[list[Thing], list[Thing]]:
    """The nodes and the pods that have not ended, of the whole cluster."""
    return _pages(api, path("Node"), {}), _pages(api, path("Pod"), {"fieldSelector": NOT_ENDED})


def room(nodes: t.Sequence[Thing], pods: t.Sequence[Thing], spec: JobSpec) -> Room:
    """Room for all pods of the Job that run at a time. Pods that the scheduler has not looked at yet come before it, those that it refused do not."""
    resource, needed = spec.gpu_resource, max(1, spec.parallelism if spec.parallelism is not None else 1)
    reasons: dict[str, list[str]] = {}
    fitting = []
    if spec.node_name and not any(node["metadata"]["name"] == spec.node_name for node in nodes):
        return Room(False, f"there is no node {spec.node_name}")
    for node in nodes:
        if spec.node_name and node["metadata"]["name"] != spec.node_name:
            continue
        reason = unfit(node, spec)
        if reason:
            reasons.setdefault(reason, []).append(node["metadata"]["name"])
        else:
            fitting.append(node)
    if not fitting:
        said = "; ".join(f"{', '.join(sorted(names))} {reason}" for reason, names in sorted(reasons.items()))
        return Room(False, f"no node will do: {said or 'there is none'}")
    if not spec.gpus:
        names = sorted(node["metadata"]["name"] for node in fitting)
        return Room(True, f"no GPU is asked for, and {', '.join(names)} may run it", tuple(names))
    taken = allocated_by_node(pods, resource)
    offered = {node["metadata"]["name"]: entry(node, resource, None)["gpu_allocatable"] for node in fitting}
    free = {name: max(0, count - taken.get(name, 0)) for name, count in offered.items()}
    waiting = sum(gpus_of_pod(pod, resource) for pod in pods if not pod["spec"].get("nodeName") and not _was_refused(pod))
    places = sum(count // spec.gpus for count in free.values()) - -(-waiting // spec.gpus)
    shown = ", ".join(f"{free[name]} of {offered[name]} free on {name}" for name in sorted(free))
    why = f"{resource}: {shown}" + (f", {waiting} wanted by pods that are being placed" if waiting else "")
    asked = f"{spec.gpus} needed" + (f" by each of {needed} pods" if needed > 1 else "")
    if places >= needed:
        return Room(True, f"{why}; {asked}", tuple(sorted(name for name, count in free.items() if count >= spec.gpus)))
    return Room(False, f"{why}; {asked}")


def unfit(node: Thing, spec: JobSpec) -> str:
    """Why the scheduler would not put a pod of the Job there, however empty it is."""
    labels, seen = node["metadata"].get("labels") or {}, entry(node, spec.gpu_resource, None)
    if not seen["ready"]:
        return "not Ready"
    if not seen["schedulable"]:
        return "cordoned"
    other = [f"{key}={value}" for key, value in spec.node_selector.items() if labels.get(key) != value]
    if other:
        return f"without the label {', '.join(other)}"
    taints = (node.get("spec") or {}).get("taints") or []
    kept = [taint for taint in taints if taint.get("effect") in KEEPS_AWAY and not any(tolerates(one, taint) for one in spec.tolerations)]
    return f"with the taint {kept[0].get('key')}:{kept[0].get('effect')}" if kept else ""


def _was_refused(pod: Thing) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one.get("type") == "PodScheduled" and one.get("status") == "False" for one in conditions)


def tolerates(toleration: Thing, taint: Thing) -> bool:
    """The scheduler's rule."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def _pages(api: Api, where: str, query: dict[str, str]) -> list[Thing]:
    found: list[Thing] = []
    query = {**query, "limit": str(PAGE)}
    while True:
        page = api.request("GET", where, query)
        found += page.get("items") or []
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            return found
        query = {**query, "continue": more}
