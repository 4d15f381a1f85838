# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of object that this collection handles, and where an API server keeps them. A table in place of discovery requests."""

from __future__ import annotations

import typing as t

# kind: (apiVersion, plural, namespaced)
KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "ConfigMap": ("v1", "configmaps", True),
    "Secret": ("v1", "secrets", True),
    "Service": ("v1", "services", True),
    "Pod": ("v1", "pods", True),
    "Event": ("v1", "events", True),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", True),
    "PersistentVolume": ("v1", "persistentvolumes", False),
    "StorageClass": ("storage.k8s.io/v1", "storageclasses", False),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "Deployment": ("apps/v1", "deployments", True),
    "DaemonSet": ("apps/v1", "daemonsets", True),
    "Job": ("batch/v1", "jobs", True),
}


def path(kind: str, namespace: str = "", name: str = "") -> str:
    """The path of one object, or of the collection when no name is given."""
    version, plural, namespaced = KINDS[kind]
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    place = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{base}{place}/{plural}" + (f"/{name}" if name else "")


def path_of(thing: dict[str, t.Any]) -> str:
    """The path of an object that is at hand."""
    return path(thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"])


def title(thing: dict[str, t.Any]) -> str:
    """How results and diffs name an object."""
    place = thing["metadata"].get("namespace")
    return "/".join([thing["kind"], *([place] if place else []), thing["metadata"]["name"]])
