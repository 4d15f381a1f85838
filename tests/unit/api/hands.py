# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test does by hand on the real API server: be the scheduler, the kubelet, another user."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from faults import FaultServer

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._apply import APPLY
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

MERGE = "application/merge-patch+json"


def configmap(admin: Api, namespace: str, name: str, data: dict[str, str], manager: str = "kubectl-client-side-apply") -> None:
    """Make a ConfigMap as somebody else."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"fieldManager": manager}, body)


def read(admin: Api, namespace: str, plural: str, name: str, group: str = "/api/v1") -> dict[str, t.Any]:
    return admin.request("GET", f"{group}/namespaces/{namespace}/{plural}/{name}")


def grant(admin: Api, namespace: str, user: str, verbs: t.Sequence[str], groups: t.Sequence[str], resources: t.Sequence[str]) -> None:
    """Give a user some rights in a namespace."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [{"apiGroups": list(groups), "resources": list(resources), "verbs": list(verbs)}]
    admin.request("POST", f"{rbac}/roles", body={"metadata": {"name": user}, "rules": rules})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user}
    admin.request("POST", f"{rbac}/rolebindings", body={"metadata": {"name": user}, "roleRef": ref, "subjects": [{"kind": "User", "name": user}]})
    await_rights(admin, user, rules, namespace)


def await_rights(admin: Api, user: str, rules: t.Sequence[dict[str, t.Any]], namespace: str = "", allowed: bool = True) -> None:
    """Until the API server has heard of new rights, or (not C(allowed)) that they are gone; it does so a moment after they were written."""
    rule = rules[-1]
    asked = {"namespace": namespace, "group": rule["apiGroups"][-1], "verb": rule["verbs"][-1], "name": (rule.get("resourceNames") or [""])[-1]}
    asked["resource"], _slash, asked["subresource"] = rule["resources"][-1].partition("/")
    review = {"spec": {"user": user, "resourceAttributes": asked}}
    end = time.monotonic() + 120
    while admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=review)["status"]["allowed"] is not allowed:
        assert time.monotonic() < end, "the API server has not heard of the new rights"
        time.sleep(0.02)


def apply(admin: Api, path: str, body: dict[str, t.Any], manager: str, force: bool = True) -> None:
    """Server-side apply as another field manager."""
    admin.request("PATCH", path, {"fieldManager": manager, "force": str(force).lower()}, body, APPLY)


def pods(admin: Api, namespace: str) -> list[dict[str, t.Any]]:
    return admin.request("GET", f"/api/v1/namespaces/{namespace}/pods").get("items") or []


def node(admin: Api, name: str, kubelet: FaultServer | None = None, gpus: int = 0) -> None:
    """A node object; with a stand-in kubelet that the API server can ask for logs."""
    admin.request("POST", "/api/v1/nodes", body={"metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}}})
    status: dict[str, t.Any] = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        "capacity": {"nvidia.com/gpu": str(gpus)},
        "allocatable": {"nvidia.com/gpu": str(gpus)},
    }
    if kubelet:
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": int(kubelet.url.rsplit(":", 1)[1])}}
    admin.request("PATCH", f"/api/v1/nodes/{name}/status", body={"status": status}, content_type=MERGE)


def bind(admin: Api, namespace: str, pod: str, name: str) -> None:
    """What the scheduler does."""
    target = {"apiVersion": "v1", "kind": "Node", "name": name}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods/{pod}/binding", body=body)


def report(admin: Api, namespace: str, pod: str, status: dict[str, t.Any]) -> None:
    """What the kubelet does: say how a pod is."""
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{pod}/status", body={"status": status}, content_type=MERGE)


def running() -> dict[str, t.Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    container = {"name": "studioml-go-runner", "ready": True, "restartCount": 0, "image": "x", "imageID": "", "state": {"running": {"startedAt": now}}}
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("PodScheduled", "ContainersReady", "Ready")]
    return {"phase": "Running", "startTime": now, "conditions": conditions, "containerStatuses": [container]}


def waiting(reason: str, message: str = "", restarts: int = 0, **more: t.Any) -> dict[str, t.Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    container = {"name": "studioml-go-runner", "ready": False, "restartCount": restarts, "image": "x", "imageID": "", "state": state, **more}
    return {"phase": "Pending", "containerStatuses": [container]}


def await_event(admin: Api, namespace: str, name: str, reason: str) -> None:
    """Until it is told of an object: controllers write their events beside their work, so that one may come after all that it is about."""
    end = time.monotonic() + 120
    asked = {"fieldSelector": f"involvedObject.name={name},reason={reason}"}
    while not admin.request("GET", f"/api/v1/namespaces/{namespace}/events", asked).get("items"):
        assert time.monotonic() < end, f"no event {reason} of {name}"
        time.sleep(0.05)


class Kubelet(threading.Thread):
    """Gives every new pod of a namespace one status after the other, until stopped."""

    def __init__(self, admin: Api, namespace: str, *statuses: dict[str, t.Any], node_name: str = "") -> None:
        super().__init__(daemon=True)
        self.admin, self.namespace, self.statuses, self.node_name = admin, namespace, statuses, node_name
        self.stopped = threading.Event()
        self.served: set[str] = set()

    def __enter__(self) -> Kubelet:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopped.set()
        self.join(10)

    def run(self) -> None:
        while not self.stopped.wait(0.1):
            with contextlib.suppress(FleetError):  # a slow API server, for one
                for pod in pods(self.admin, self.namespace):
                    with contextlib.suppress(ApiError):  # it was deleted meanwhile
                        self._serve(pod)

    def _serve(self, pod: dict[str, t.Any]) -> None:
        name = pod["metadata"]["name"]
        if pod["metadata"].get("deletionTimestamp"):
            if pod["spec"].get("nodeName"):  # it ends at once
                self.admin.request("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/{name}", body={"gracePeriodSeconds": 0})
            return
        if name in self.served:
            return
        if self.node_name and not pod["spec"].get("nodeName"):
            bind(self.admin, self.namespace, name, self.node_name)
        for status in self.statuses:
            report(self.admin, self.namespace, name, status)
            self.stopped.wait(0.3)
        self.served.add(name)
