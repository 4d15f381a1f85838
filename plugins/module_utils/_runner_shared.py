# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The other runners of a namespace, and which objects each of them uses: what is shared is not removed with one of them."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
Key = t.Tuple[str, str]
SELECTOR = ",".join(f"{key}={value}" for key, value in workload.MANAGED_BY.items())


def all_of(api: Api, namespace: str) -> list[Thing]:
    """Every runner that this collection has made in the namespace, of whichever kind: one list each."""
    found = []
    for kind in workload.KINDS:
        for item in api.request("GET", path(kind, namespace), {"labelSelector": SELECTOR}, namespace=namespace).get("items") or []:
            if state_map_of(item):
                found.append({**item, "kind": kind})
    return found


def others(api: Api, runner: workload.Runner) -> list[Thing]:
    """The same without this one, whichever kind it is."""
    own = {(kind, runner.named(kind)) for kind in workload.KINDS}
    return [item for item in all_of(api, runner.namespace) if (item["kind"], item["metadata"]["name"]) not in own]


def state_map_of(item: Thing) -> str:
    """The global state map that its pods follow; empty for what is no runner (a Job of another kind)."""
    env = [entry for container in _pod(item).get("containers") or [] for entry in container.get("env") or []]
    return next((str(entry.get("value") or "") for entry in env if entry.get("name") == "K8S_CONFIGMAP"), "")


def used_by(item: Thing) -> set[Key]:
    """Kind and name of each object that its pods need."""
    spec = _pod(item)
    account = str(spec.get("serviceAccountName") or "")
    role = workload.role_of(account)
    used: set[Key] = {("ServiceAccount", account), ("Role", role), ("RoleBinding", f"{role}-bind"), ("ConfigMap", state_map_of(item))}
    for container in spec.get("containers") or []:
        for source in container.get("envFrom") or []:
            for kind, reference in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if source.get(reference):
                    used.add((kind, str(source[reference].get("name"))))
    used |= data_of(item)
    return used


def data_of(item: Thing) -> set[Key]:
    """Claims and mounted Secrets: what outlives a runner."""
    used: set[Key] = set()
    for volume in _pod(item).get("volumes") or []:
        if volume.get("persistentVolumeClaim"):
            used.add(("PersistentVolumeClaim", str(volume["persistentVolumeClaim"].get("claimName"))))
        if volume.get("secret"):
            used.add(("Secret", str(volume["secret"].get("secretName"))))
    return used


def refuse_overlap(runner: workload.Runner, there: t.Sequence[Thing]) -> None:
    """A runner without a group would take the pods of the groups of its name for its own."""
    for item in there:
        labels = ((_template(item).get("metadata") or {}).get("labels")) or {}
        if labels.get("app") == runner.name and bool(labels.get(workload.GROUP)) != bool(runner.group):
            one, other = ("has no group", f"the group {runner.group}") if runner.group else (f"is the group {labels[workload.GROUP]}", "one without a group")
            raise FleetError(
                f"group: {item['kind']} {item['metadata']['name']} in namespace {runner.namespace} {one}, and {other} of the same name would share its pods.",
                "Give every runner of this name a group, or another name.",
            )


def _template(item: Thing) -> Thing:
    template: Thing = (item.get("spec") or {}).get("template") or {}
    return template


def _pod(item: Thing) -> Thing:
    spec: Thing = _template(item).get("spec") or {}
    return spec
