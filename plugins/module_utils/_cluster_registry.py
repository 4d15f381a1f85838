# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry that lives inside a cluster (MicroK8s's add-on): where pods, nodes and outsiders reach it. Only reads."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]


def look(api: Api, namespace: str, name: str) -> Thing:
    """The service of the registry and every address of it; one request when there is none."""
    service = api.find(path("Service", namespace, name), namespace)
    if service is None:
        return absent(namespace, name)
    spec = service["spec"]
    port = (spec.get("ports") or [{}])[0]
    pod = _serving_pod(api, namespace, spec.get("selector") or {})
    node_port = int(port.get("nodePort") or 0)
    result: Thing = {
        **absent(namespace, name),
        "present": True,
        "ready": _is_ready(pod),
        "cluster_ip": "" if spec.get("clusterIP") == "None" else spec.get("clusterIP") or "",
        "cluster_host": f"{name}.{namespace}.svc.cluster.local:{port.get('port', 0)}",
        "port": int(port.get("port") or 0),
        "node_port": node_port,
        "pod_ip": ((pod or {}).get("status") or {}).get("podIP") or "",
    }
    if node_port:
        try:
            result["addresses"] = _addresses(api, node_port)
        except ApiError as error:
            if error.status != 403:
                raise
            result["warnings"] = ["The kubeconfig's user may not read the nodes; addresses is left empty."]
    return result


def absent(namespace: str, name: str) -> Thing:
    """The result where there is no such registry."""
    words = {"namespace": namespace, "service": name, "cluster_ip": "", "cluster_host": "", "pod_ip": ""}
    return {"changed": False, "present": False, "ready": False, **words, "port": 0, "node_port": 0, "addresses": []}


def _serving_pod(api: Api, namespace: str, selector: dict[str, str]) -> Thing | None:
    """A pod behind the service, a ready one if there is any."""
    if not selector:
        return None
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    pods = api.request("GET", path("Pod", namespace), {"labelSelector": labels}, namespace=namespace).get("items") or []
    return next((pod for pod in pods if _is_ready(pod)), pods[0] if pods else None)


def _is_ready(pod: Thing | None) -> bool:
    conditions = ((pod or {}).get("status") or {}).get("conditions") or []
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _addresses(api: Api, node_port: int) -> list[dict[str, str]]:
    """Where every node answers for the registry: a node port is open on all of them."""
    found = []
    for node in api.request("GET", path("Node")).get("items") or []:
        listed = (node.get("status") or {}).get("addresses") or []
        internal = next((one["address"] for one in listed if one.get("type") == "InternalIP"), "")
        if internal:
            host = f"[{internal}]" if ":" in internal else internal
            found.append({"node": node["metadata"]["name"], "address": f"{host}:{node_port}"})
    return found
