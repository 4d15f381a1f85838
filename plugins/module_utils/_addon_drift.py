# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Differences between what is asked of an enabled add-on and what it has. They are only reported: MicroK8s ignores arguments of an enabled add-on."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._addon_proof import REGISTRY_NAMESPACE, STORAGE_CLASS, Snapshot
from ansible_collections.studioml.fleet.plugins.module_utils._addon_words import Wanted, value
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s


def look(wanted: Wanted, snapshot: Snapshot, microk8s: MicroK8s) -> t.List[str]:
    """Each difference as one sentence with what to do."""
    if not wanted.arguments:
        return []
    if wanted.canonical == "registry":
        return _registry(wanted, snapshot)
    if wanted.canonical == "hostpath-storage":
        return _storage(wanted, snapshot)
    if wanted.canonical == "dns":
        return _dns(wanted, microk8s)
    return []


def _registry(wanted: Wanted, snapshot: Snapshot) -> t.List[str]:
    claim = snapshot.find("PersistentVolumeClaim", REGISTRY_NAMESPACE, "registry-claim") or {}
    spec = claim.get("spec") or {}
    found = []
    has = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "")
    size = value(wanted.arguments, "--size")
    if size and has and size != has:
        found.append(f"registry: the size {size} is asked for, it has {has}. Ask for what it has, or disable and enable it anew (its images are lost).")
    storage_class, used = value(wanted.arguments, "--storageclass"), spec.get("storageClassName", "")
    if storage_class and used and storage_class != used:
        found.append(f"registry: the storage class {storage_class} is asked for, it has {used}. Disable and enable it anew (its images are lost).")
    return found


def _storage(wanted: Wanted, snapshot: Snapshot) -> t.List[str]:
    has = (snapshot.find("StorageClass", "", STORAGE_CLASS) or {}).get("reclaimPolicy", "")
    policy = value(wanted.arguments, "--reclaim-policy")
    if policy and has and policy != has:
        return [f"hostpath-storage: the reclaim policy {policy} is asked for, it has {has}. Delete the storage class and enable the add-on anew."]
    return []


def _dns(wanted: Wanted, microk8s: MicroK8s) -> t.List[str]:
    asked = [server for server in wanted.arguments[0].split(",") if server]
    if not all(re.match(r"^[0-9a-fA-F.:]+$", server) for server in asked):
        return []
    try:
        text = ((microk8s.get("configmap", "coredns", "--namespace", "kube-system")).get("data") or {}).get("Corefile", "")
    except FleetError:  # somebody else's DNS has no such map
        return []
    found = re.search(r"^\s*forward\s+\.\s+([^\n{]+)", text, re.MULTILINE)
    has = found.group(1).split() if found else []
    if has and sorted(has) != sorted(asked):
        return [f"dns: {', '.join(asked)} asked for, but it forwards to {', '.join(has)}. Edit the ConfigMap kube-system/coredns, or enable it anew."]
    return []
