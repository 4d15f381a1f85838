# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: job_storage
short_description: Make the namespace and the storage that Jobs share
version_added: 0.1.0
description:
  - Makes a PersistentVolumeClaim that many pods can mount, either of a class of the cluster, or behind an NFS server of its own, as mrunner does.
  - >-
    Makes what is missing and changes nothing that is there, since a claim cannot be changed and the data behind it is not ours. What differs is told in
    RV(drift) and as a warning.
  - A claim that only pods of one node can use is told by a warning.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details: The API server is asked for dry runs. Where the namespace or the kubeconfig does not exist yet, the result is predicted locally.
  diff_mode:
    support: full
  idempotent:
    support: full
    details: One request for each object, and one for the class of a claim that is ReadWriteMany.
  platform:
    platforms: posix
options:
  kind:
    description:
      - V(existing) only looks for the claim, and fails when it is not there.
      - V(claim) makes it with the given class, size and access mode.
      - >-
        V(nfs) makes a server of its own, and with it a claim that is ReadWriteMany on any cluster whose nodes can mount NFS. The objects are the claim
        O(nfs_backing), the Deployment and the Service O(nfs_server), the PersistentVolume C(pvc-nfs-<namespace>), and the claim.
    type: str
    choices: [existing, claim, nfs]
    default: claim
  claim:
    description: Name of the claim. Defaults to V(nfs) for O(kind=nfs), else to V(storage).
    type: str
  size:
    description: Size of the claim; for O(kind=nfs), of the one behind the server.
    type: str
    default: 40Gi
  access_mode:
    description: How the claim can be mounted; of use for O(kind=claim).
    type: str
    choices: [ReadWriteMany, ReadWriteOnce, ReadWriteOncePod, ReadOnlyMany]
    default: ReadWriteMany
  storage_class:
    description:
      - Class of the claim; for O(kind=nfs), of the one behind the server.
      - Without it the cluster's default class is taken. An empty one asks for a volume without a class.
    type: str
  volume:
    description: Name of the PersistentVolume that the claim shall have; of use for O(kind=claim).
    type: str
  create_namespace:
    description: Whether to make the namespace if it does not exist. Needs the permission to read namespaces when the claim is missing.
    type: bool
    default: true
  nfs_server:
    description: Name of the NFS server's Deployment and Service.
    type: str
    default: nfs-server
  nfs_image:
    description: Its image. It has to serve C(/exports), and runs privileged.
    type: str
    default: registry.k8s.io/volume-nfs:0.8
  nfs_backing:
    description: Name of the claim that holds what it serves.
    type: str
    default: storage
  pull_secrets:
    description: Names of Secrets of the namespace with credentials for the registry of O(nfs_image).
    type: list
    elements: str
    default: []
seealso:
  - module: studioml.fleet.gpu_job
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: A claim of a class that many nodes can mount
  studioml.fleet.job_storage:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: sandbox
    claim: ntuples-claim
    storage_class: cephfs
    size: 100Gi

- name: The NFS set of mrunner, where there is no such class
  studioml.fleet.job_storage:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: sandbox
    kind: nfs
    nfs_image: hub:5000/volume-nfs:0.8

- name: Make sure that a claim is there
  studioml.fleet.job_storage: {kubeconfig: /etc/fleet/rack2.yaml, kind: existing, claim: ntuples-claim}
"""

RETURN = r"""
claim:
  description: The claim.
  returned: success
  type: dict
  sample: {name: nfs, phase: Bound, access_modes: [ReadWriteMany], size: 1Mi, storage_class: nfs, volume: pvc-nfs-sandbox}
  contains:
    name:
      description: Its name.
      type: str
      returned: success
    phase:
      description: V(Pending), V(Bound) or V(Lost). One of a class that waits for its first pod is V(Pending) until then.
      type: str
      returned: success
    access_modes:
      description: How it can be mounted.
      type: list
      elements: str
      returned: success
    size:
      description: Its size.
      type: str
      returned: success
    storage_class:
      description: Its class.
      type: str
      returned: success
    volume:
      description: The volume behind it, empty until it has one.
      type: str
      returned: success
drift:
  description: What is there and differs from what was asked for. It is left as it is.
  returned: success
  type: list
  elements: dict
  sample: [{object: PersistentVolumeClaim/sandbox/storage, field: spec.resources.requests.storage, wanted: 40Gi, found: 20Gi}]
objects:
  description: What became of each object; V(created) or V(unchanged).
  returned: success
  type: list
  elements: dict
  sample:
    - {kind: PersistentVolumeClaim, name: storage, namespace: sandbox, action: created}
namespace:
  description: The namespace.
  returned: success
  type: str
  sample: sandbox
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _door, _storage
from ansible_collections.studioml.fleet.plugins.module_utils._storage_objects import Storage

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "kind": {"type": "str", "choices": ["existing", "claim", "nfs"], "default": "claim"},
    "claim": {"type": "str"},
    "size": {"type": "str", "default": "40Gi"},
    "access_mode": {"type": "str", "choices": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany"], "default": "ReadWriteMany"},
    "storage_class": {"type": "str"},
    "volume": {"type": "str"},
    "create_namespace": {"type": "bool", "default": True},
    "nfs_server": {"type": "str", "default": "nfs-server"},
    "nfs_image": {"type": "str", "default": "registry.k8s.io/volume-nfs:0.8"},
    "nfs_backing": {"type": "str", "default": "storage"},
    "pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check and params["kind"] != "existing")
    if target is None:
        result = _storage.present(None, Storage.of(params, params.get("namespace") or "default"), None, check)
    else:
        storage = Storage.of(params, _door.namespace_of(params, target))
        result = _storage.present(_door.connect(params, target), storage, params.get("cluster_id"), check)
    return {**result, "warnings": [*warnings, *result["warnings"]]}


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
