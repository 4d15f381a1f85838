# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that an add-on works: its real objects and what they do. That MicroK8s calls it enabled is a text search, and has been wrong."""

from __future__ import annotations

import http.client
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s, Node, node_of

Object = t.Dict[str, t.Any]
KINDS = "nodes,deployments.apps,daemonsets.apps,persistentvolumeclaims,services,storageclasses.storage.k8s.io"
GPU_RESOURCE = "nvidia.com/gpu"
GPU_NAMESPACE = "gpu-operator-resources"
REGISTRY_NAMESPACE = "container-registry"
REGISTRY_PORT = 32000
HTTP_SECONDS = 5.0
STORAGE_CLASS = "microk8s-hostpath"


class Proof(t.NamedTuple):
    """What was found: whether it works, whether there is anything of it at all, and the words for both."""

    ready: bool
    made: bool
    words: str


class Snapshot:
    """The objects that the proofs look at, from one call."""

    def __init__(self, items: t.Sequence[Object], node_name: str) -> None:
        self._items = {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in items}
        self.node_name = node_name

    @classmethod
    def take(cls, microk8s: MicroK8s) -> Snapshot:
        """Ask the API."""
        return cls(microk8s.get(KINDS, "--all-namespaces").get("items") or [], microk8s.node_name())

    def find(self, kind: str, namespace: str, name: str) -> t.Optional[Object]:
        """One object."""
        return self._items.get((kind, namespace, name))

    def all(self, kind: str, namespace: str = "") -> t.List[Object]:
        """The objects of a kind."""
        return [item for (its, where, _name), item in self._items.items() if its == kind and namespace in ("", where)]

    def schedulable(self) -> bool:
        """Whether any node is Ready and not cordoned; without one MicroK8s' own command calls the cluster not running."""
        nodes = [node_of(item) for item in self.all("Node")]
        return any(node.ready and not node.cordoned for node in nodes)

    def node(self) -> t.Optional[Node]:
        """This host's node."""
        found = self.find("Node", "", self.node_name)
        return node_of(found) if found else None


def look(name: str, snapshot: Snapshot) -> t.Optional[Proof]:
    """The proof for an add-on by its newest name; None for one that is only known to MicroK8s."""
    prove = PROOFS.get(name)
    return prove(snapshot) if prove else None


def _workload(snapshot: Snapshot, kind: str, namespace: str, name: str) -> Proof:
    found = snapshot.find(kind, namespace, name)
    if found is None:
        return Proof(False, False, f"there is no {kind} {namespace}/{name}")
    status = found.get("status") or {}
    if kind == "DaemonSet":
        wanted, fresh, up = (status.get(key) or 0 for key in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"))
    else:
        wanted = found["spec"].get("replicas", 1)
        fresh, up = (status.get(key) or 0 for key in ("updatedReplicas", "availableReplicas"))
    current = (status.get("observedGeneration") or 0) >= (found["metadata"].get("generation") or 0)
    ready = current and wanted > 0 and fresh >= wanted and up >= wanted
    return Proof(ready, True, f"{kind} {namespace}/{name} has {up} of {wanted} pods available")


def _dns(snapshot: Snapshot) -> Proof:
    return _workload(snapshot, "Deployment", "kube-system", "coredns")


def _metrics_server(snapshot: Snapshot) -> Proof:
    return _workload(snapshot, "Deployment", "kube-system", "metrics-server")


def _storage(snapshot: Snapshot) -> Proof:
    workload = _workload(snapshot, "Deployment", "kube-system", "hostpath-provisioner")
    storage_class = snapshot.find("StorageClass", "", STORAGE_CLASS)
    if storage_class is None:
        return Proof(False, workload.made, f"{workload.words}, and there is no StorageClass {STORAGE_CLASS}")
    return workload


def _registry(snapshot: Snapshot) -> Proof:
    workload = _workload(snapshot, "Deployment", REGISTRY_NAMESPACE, "registry")
    claim = snapshot.find("PersistentVolumeClaim", REGISTRY_NAMESPACE, "registry-claim")
    phase = ((claim or {}).get("status") or {}).get("phase") or "missing"
    if not workload.ready or phase != "Bound":
        return Proof(False, workload.made, f"{workload.words}, the claim registry-claim is {phase}")
    ready, words = _answers(_node_port(snapshot))
    return Proof(ready, True, f"{workload.words}, the claim registry-claim is {phase}, {words}")


def _node_port(snapshot: Snapshot) -> int:
    service = snapshot.find("Service", REGISTRY_NAMESPACE, "registry") or {}
    ports = (service.get("spec") or {}).get("ports") or [{}]
    return int(ports[0].get("nodePort") or REGISTRY_PORT)


def _answers(port: int) -> t.Tuple[bool, str]:
    connection = http.client.HTTPConnection("localhost", port, timeout=HTTP_SECONDS)
    try:
        connection.request("GET", "/v2/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return False, f"http://localhost:{port}/v2/ does not answer: {error}"
    finally:
        connection.close()
    return status == 200, f"http://localhost:{port}/v2/ answers {status}"


def _gpu(snapshot: Snapshot) -> Proof:
    node = snapshot.node()
    offered = int((node.allocatable if node else {}).get(GPU_RESOURCE, "0"))
    workloads = snapshot.all("DaemonSet", GPU_NAMESPACE) + snapshot.all("Deployment", GPU_NAMESPACE)
    made = bool(workloads or offered)
    words = f"the node {snapshot.node_name} offers {offered} {GPU_RESOURCE}"
    return Proof(offered > 0, made, words if made else f"{words}, and nothing runs in {GPU_NAMESPACE}")


PROOFS: t.Dict[str, t.Callable[[Snapshot], Proof]] = {
    "dns": _dns,
    "hostpath-storage": _storage,
    "metrics-server": _metrics_server,
    "nvidia": _gpu,
    "registry": _registry,
}
