# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes as results show them: what they offer, and how much of it pods have. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

Thing = t.Dict[str, t.Any]


def entry(node: Thing, gpu_resource: str, allocated: dict[str, int] | None) -> Thing:
    """One node; C(allocated) by its name, None when nobody knows."""
    status, name = node.get("status") or {}, node["metadata"]["name"]
    return {
        "name": name,
        "ready": any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or []),
        "schedulable": not node["spec"].get("unschedulable", False),
        "gpu_capacity": _number(status.get("capacity"), gpu_resource),
        "gpu_allocatable": _number(status.get("allocatable"), gpu_resource),
        "gpu_allocated": None if allocated is None else allocated.get(name, 0),
        "kubelet": (status.get("nodeInfo") or {}).get("kubeletVersion") or "",
    }


def gpus_of_pod(pod: Thing, gpu_resource: str) -> int:
    """GPUs that a pod has from the scheduler's point of view: what its containers have together, or the greediest of those that run before them."""
    spec = pod["spec"]
    together = sum(_limit(one, gpu_resource) for one in spec.get("containers") or [])
    before = 0
    for one in spec.get("initContainers") or []:
        if one.get("restartPolicy") == "Always":  # it stays, beside the others
            together += _limit(one, gpu_resource)
        else:
            before = max(before, _limit(one, gpu_resource))
    return max(together, before)


def allocated_by_node(pods: t.Iterable[Thing], gpu_resource: str) -> dict[str, int]:
    """The sum over all pods that have a node and have not ended."""
    found: dict[str, int] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            found[node] = found.get(node, 0) + gpus_of_pod(pod, gpu_resource)
    return found


def _limit(container: Thing, gpu_resource: str) -> int:
    return _number((container.get("resources") or {}).get("limits"), gpu_resource)


def _number(amounts: t.Any, gpu_resource: str) -> int:
    value = str((amounts or {}).get(gpu_resource, 0))
    return int(value) if value.isdigit() else 0
