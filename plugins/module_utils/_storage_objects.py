# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a storage that Jobs share, built from plain values. Pure functions, no I/O."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils import _names
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import is_quantity, quantity
from ansible_collections.studioml.fleet.plugins.module_utils._workload import MANAGED_BY

Thing = t.Dict[str, t.Any]
NFS_CLASS = "nfs"
PORTS = (("nfs", 2049), ("mountd", 20048), ("rpcbind", 111))
EXPORTS = "/exports"


@dataclass
class Storage:
    """What is wanted. C(storage_class) None is the cluster's default class, and an empty one a volume that is made by hand."""

    namespace: str
    kind: str
    claim: str
    size: str
    access_mode: str = "ReadWriteMany"
    storage_class: str | None = None
    volume: str = ""
    create_namespace: bool = True
    nfs_server: str = "nfs-server"
    nfs_image: str = ""
    nfs_backing: str = "storage"
    pull_secrets: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, params: dict[str, t.Any], namespace: str) -> Storage:
        """The module's options, checked before anything is sent."""
        if not is_quantity(params["size"]) or str(params["size"]).startswith("-"):
            raise FleetError(f"size: {params['size']!r} is no amount of storage.", "Write it as Kubernetes does: 40Gi, 500Mi.")
        nfs = params["kind"] == "nfs"
        if nfs and not params["nfs_image"].strip():
            raise FleetError("nfs_image is empty.", "Name the image of the NFS server, with its tag.")
        claim = _names.dns_name(params["claim"] or (NFS_CLASS if nfs else "storage"), "claim")
        backing = _names.dns_name(params["nfs_backing"], "nfs_backing")
        if nfs and claim == backing:
            raise FleetError(f"nfs_backing: {backing!r} is the name of the claim, too.", "Give them two names.")
        if params["storage_class"]:
            _names.dns_name(params["storage_class"], "storage_class")
        return cls(
            namespace=_names.dns_label(namespace, "namespace"),
            kind=params["kind"],
            claim=claim,
            size=quantity(params["size"]),
            access_mode=params["access_mode"],
            storage_class=params["storage_class"],
            volume=_names.dns_name(params["volume"], "volume") if params["volume"] else "",
            create_namespace=params["create_namespace"],
            nfs_server=_names.dns_label(params["nfs_server"], "nfs_server"),
            nfs_image=params["nfs_image"].strip(),
            nfs_backing=backing,
            pull_secrets=[_names.dns_name(name, "pull_secrets") for name in params["pull_secrets"]],
        )

    @property
    def nfs_volume(self) -> str:
        """Volumes belong to no namespace, so that the name has to tell them apart."""
        return f"pvc-nfs-{self.namespace}"


def namespace(storage: Storage) -> Thing:
    """The namespace, when it is ours to make."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": storage.namespace, "labels": dict(MANAGED_BY)}}


def claim(storage: Storage) -> Thing:
    """The claim that Jobs mount."""
    if storage.kind == "nfs":
        # The volume takes this claim and no other, so it needs no size worth mentioning.
        spec = {"storageClassName": NFS_CLASS, "volumeName": storage.nfs_volume, **_request("ReadWriteMany", "1Mi")}
        return _object(storage, "PersistentVolumeClaim", storage.claim, spec=spec)
    more = {"volumeName": storage.volume} if storage.volume else {}
    return _object(storage, "PersistentVolumeClaim", storage.claim, spec={**_class(storage), **more, **_request(storage.access_mode, storage.size)})


def backing_claim(storage: Storage) -> Thing:
    """Where the NFS server keeps what it serves; no one else mounts it."""
    return _object(storage, "PersistentVolumeClaim", storage.nfs_backing, spec={**_class(storage), **_request("ReadWriteOnce", storage.size)})


def deployment(storage: Storage) -> Thing:
    """The NFS server. The kernel's server needs a privileged container."""
    labels = {"role": storage.nfs_server}
    container = {
        "name": storage.nfs_server,
        "image": storage.nfs_image,
        "ports": [{"name": name, "containerPort": port} for name, port in PORTS],
        "securityContext": {"privileged": True},
        "volumeMounts": [{"name": "exports", "mountPath": EXPORTS}],
    }
    pod: Thing = {"containers": [container], "volumes": [{"name": "exports", "persistentVolumeClaim": {"claimName": storage.nfs_backing}}]}
    pod["automountServiceAccountToken"] = False
    if storage.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in storage.pull_secrets]
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},  # two servers over one folder would corrupt it
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return _object(storage, "Deployment", storage.nfs_server, "apps/v1", spec=spec)


def service(storage: Storage) -> Thing:
    """Its address within the cluster, which stays when the pod is replaced."""
    ports = [{"name": name, "port": port, "protocol": "TCP"} for name, port in PORTS]
    return _object(storage, "Service", storage.nfs_server, spec={"selector": {"role": storage.nfs_server}, "ports": ports})


def volume(storage: Storage, address: str) -> Thing:
    """The volume behind the claim. It is kept when the claim goes: nothing could delete it but a provisioner, and it has none."""
    made = _object(storage, "PersistentVolume", storage.nfs_volume)
    del made["metadata"]["namespace"]
    made["spec"] = {
        "capacity": {"storage": "1Mi"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": NFS_CLASS,
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": storage.namespace, "name": storage.claim},
        "nfs": {"server": address, "path": EXPORTS},
    }
    return made


def compared(wanted: Thing) -> Thing:
    """What of an object has to be as we would make it; the rest may be as somebody has made it."""
    made = copy.deepcopy(wanted)
    del made["metadata"], made["apiVersion"]
    for key in ("persistentVolumeReclaimPolicy", "strategy"):
        made.get("spec", {}).pop(key, None)
    if made["kind"] == "Deployment":
        made["spec"]["template"]["spec"].pop("automountServiceAccountToken")
        made["spec"].pop("replicas")
    return made


def _class(storage: Storage) -> Thing:
    return {} if storage.storage_class is None else {"storageClassName": storage.storage_class}


def _request(access_mode: str, size: str) -> Thing:
    return {"accessModes": [access_mode], "resources": {"requests": {"storage": size}}}


def _object(storage: Storage, kind: str, name: str, version: str = "v1", **body: t.Any) -> Thing:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": storage.namespace, "labels": dict(MANAGED_BY)}, **body}
