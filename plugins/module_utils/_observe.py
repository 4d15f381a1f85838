# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the runners of a namespace: what is deployed, what was asked of it, where it runs, what the nodes offer. Only reads."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._apply import compared_cluster_id, read_cluster_id
from ansible_collections.studioml.fleet.plugins.module_utils._contract import state_of, wins
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._state import Maps, read_maps

Thing = t.Dict[str, t.Any]


def look(api: Api, namespace: str, name: str, configmap: str, gpu_resource: str, cluster_id: str) -> Thing:
    """Everything about the runners called C(name), in at most six requests. What the user may not see is left out with a warning."""
    warnings: list[str] = []
    found_id = _allowed(lambda: read_cluster_id(api), "", "the cluster's id", warnings)
    if cluster_id and found_id:
        compared_cluster_id(api, cluster_id, found_id)
    selector = {"labelSelector": f"app={name}"}
    deployments = _list(api, "Deployment", namespace)
    pods = _list(api, "Pod", namespace, selector)
    maps = read_maps(api, namespace)
    nodes = _allowed(lambda: _list(api, "Node"), [], "the nodes", warnings)
    chosen = [deployment for deployment in deployments if _labels(deployment).get("app") == name]
    return {
        "changed": False,
        "warnings": warnings,
        "cluster_id": found_id,
        "version": str(api.request("GET", "/version").get("gitVersion") or ""),
        "namespace": namespace,
        "runners": [_runner(deployment, pods, maps, configmap) for deployment in chosen],
        "nodes": [_node(node, gpu_resource) for node in nodes],
    }


def _list(api: Api, kind: str, namespace: str = "", query: dict[str, str] | None = None) -> list[Thing]:
    return api.request("GET", path(kind, namespace), query, namespace=namespace).get("items") or []


def _allowed(read: t.Callable[[], t.Any], otherwise: t.Any, what: str, warnings: list[str]) -> t.Any:
    try:
        return read()
    except ApiError as error:
        if error.status != 403:
            raise
        warnings.append(f"The kubeconfig's user may not read {what}; it is left out.")
        return otherwise


def _labels(deployment: Thing) -> dict[str, str]:
    return deployment["spec"]["template"]["metadata"].get("labels") or {}


def _runner(deployment: Thing, pods: list[Thing], maps: Maps, configmap: str) -> Thing:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    global_map = _env(container, "K8S_CONFIGMAP") or configmap
    wanted = deployment["spec"]["selector"].get("matchLabels") or {}
    labelled = [pod for pod in pods if wanted.items() <= (pod["metadata"].get("labels") or {}).items()]
    return {
        "name": _labels(deployment)["app"],
        "namespace": deployment["metadata"]["namespace"],
        "deployment": deployment["metadata"]["name"],
        "image": container.get("image", ""),
        "replicas": deployment["spec"].get("replicas", 1),
        "ready": (deployment.get("status") or {}).get("readyReplicas", 0),
        "asked_state": state_of(maps.get(global_map)) or "",
        "maps": _state_maps(maps, global_map),
        "pods": [_pod(pod, maps, global_map) for pod in sorted(labelled, key=lambda pod: pod["metadata"]["name"])],
    }


def _state_maps(maps: Maps, global_map: str) -> list[Thing]:
    """The global map and every other map that holds a STATE (a runner follows the one that its HOSTNAME names)."""
    entries = []
    for name, item in sorted(maps.items()):
        state = state_of(item)
        if state is None and name != global_map:
            continue
        scope = "global" if name == global_map else "node"
        entries.append({"name": name, "scope": scope, "state": state or "", "holds": scope == "global" or wins(name, global_map)})
    return entries


def _pod(pod: Thing, maps: Maps, global_map: str) -> Thing:
    status, node = pod.get("status") or {}, pod["spec"].get("nodeName") or ""
    container = pod["spec"]["containers"][0]
    hostname = _env(container, "HOSTNAME") or pod["metadata"]["name"]
    own_map = hostname.replace("$(NODE_NAME)", node) if node or "$(NODE_NAME)" not in hostname else ""
    own_state = state_of(maps.get(own_map)) if wins(own_map, global_map) else None
    return {
        "name": pod["metadata"]["name"],
        "node": node,
        "phase": "Terminating" if pod["metadata"].get("deletionTimestamp") else status.get("phase") or "",
        "ready": any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or []),
        "restarts": sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or []),
        "started": status.get("startTime") or "",
        "node_map": own_map,
        "asked_state": own_state or state_of(maps.get(global_map)) or "",
    }


def _env(container: Thing, name: str) -> str:
    return next((one.get("value") or "" for one in container.get("env") or [] if one.get("name") == name), "")


def _node(node: Thing, gpu_resource: str) -> Thing:
    status = node.get("status") or {}
    return {
        "name": node["metadata"]["name"],
        "ready": any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or []),
        "schedulable": not node["spec"].get("unschedulable", False),
        "gpu_capacity": int((status.get("capacity") or {}).get(gpu_resource, 0)),
        "gpu_allocatable": int((status.get("allocatable") or {}).get(gpu_resource, 0)),
    }
