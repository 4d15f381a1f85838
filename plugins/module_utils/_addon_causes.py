# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an add-on does not come up: what its pods wait for, their events and claims, in one paragraph; and what to do."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._addon_proof import GPU_NAMESPACE, REGISTRY_NAMESPACE
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s

Object = t.Dict[str, t.Any]
# Where an add-on's pods live, and how their names begin.
PLACES = {
    "dns": ("kube-system", "coredns"),
    "hostpath-storage": ("kube-system", "hostpath-provisioner"),
    "metrics-server": ("kube-system", "metrics-server"),
    "nvidia": (GPU_NAMESPACE, ""),
    "registry": (REGISTRY_NAMESPACE, ""),
}
ADVICE = {
    "nvidia": "See 'microk8s kubectl get pods -n gpu-operator-resources'; then 'microk8s disable nvidia', correct what the pods name, and run again."
    " MicroK8s 1.33 and 1.34 ship it broken: there arguments have to be [--gpu-operator-version, v25.10.0, --gpu-operator-values, FILE], with a file that"
    " sets RUNTIME_CONFIG_SOURCE of the toolkit to file=/var/snap/microk8s/current/args/containerd.toml.",
    "registry": "It needs the add-on hostpath-storage (or --storageclass) and an image that the node can pull.",
}
OTHERWISE = "See the pods with 'microk8s kubectl describe pods', correct what they name, then run again: nothing else is needed."
EVENTS = 3


def explain(name: str, microk8s: MicroK8s) -> t.List[str]:
    """One sentence for each pod that is not ready, and the newest warnings."""
    if name not in PLACES:
        return []
    namespace, prefix = PLACES[name]
    try:
        items = microk8s.get("pods,events,replicasets.apps", "--namespace", namespace).get("items") or []
    except FleetError as error:
        return [error.message]
    pods = [item for item in items if item["kind"] == "Pod" and item["metadata"]["name"].startswith(prefix)]
    said = [f"the pod {pod['metadata']['name']} {_pod(pod)}" for pod in pods if _pod(pod)]
    warnings = [
        item
        for item in items
        if item["kind"] == "Event" and item.get("type") == "Warning" and (item.get("involvedObject") or {}).get("name", "").startswith(prefix)
    ]
    warnings.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    said += [f"event {event.get('reason')}: {' '.join(str(event.get('message') or '').split())[:300]}" for event in warnings[-EVENTS:]]
    return list(dict.fromkeys(said)) or [f"{namespace} has no pod of it and no event that says why"]


def advice(name: str) -> str:
    """What to do about it."""
    return ADVICE.get(name, OTHERWISE)


def _pod(pod: Object) -> str:
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"is not scheduled: {condition.get('message', '')}"
    for title, key in (("init container", "initContainerStatuses"), ("container", "containerStatuses")):
        for container in status.get(key) or []:
            words = _container(container, title)
            if words:
                return f"{words} ({title} {container.get('name')})"
    return ""


def _container(container: Object, title: str) -> str:
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if waiting.get("reason") and waiting["reason"] != "PodInitializing":
        return f"waits: {waiting['reason']} {' '.join(str(waiting.get('message') or '').split())[:300]}".strip()
    if ended.get("exitCode"):
        return f"ended with exit code {ended['exitCode']} ({ended.get('reason', '')})"
    if title == "init container" and state.get("running"):
        return "is still initialising"
    return "runs but is not ready" if state.get("running") and not container.get("ready") else ""
