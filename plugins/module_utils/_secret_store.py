# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets of a runner as a cluster has them, and how they are written. One request reads all that this collection has made."""

from __future__ import annotations

import base64
import binascii
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER, owned_by, owners_of
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._workload import MANAGED_BY

Thing = t.Dict[str, t.Any]

# Tells the Secrets of this file from others that the collection makes, so that one LIST brings these alone.
COMPONENT = {"app.kubernetes.io/component": "runner-secrets"}
LABELS = {**MANAGED_BY, **COMPONENT}
OPAQUE = "Opaque"


class Store:
    """The Secrets of one namespace by name, as they were when it was made. Without an API there is none."""

    def __init__(self, api: Api | None, namespace: str, names: t.Iterable[str], ours: t.Iterable[str] = ()) -> None:
        """C(names) are looked for whoever made them; C(ours) only if this collection has."""
        self.namespace = namespace
        self.live: dict[str, Thing] = {}
        if api is not None:
            self._read(api, list(dict.fromkeys(names)), list(dict.fromkeys(ours)))

    def text(self, name: str, key: str) -> str:
        """One entry of a Secret, decoded; empty when there is none."""
        value = ((self.live.get(name) or {}).get("data") or {}).get(key) or ""
        try:
            return base64.b64decode(value).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return base64.b64decode(value).decode("latin-1")

    def stored_by_us(self, name: str, key: str) -> bool:
        """Whether the entry is what this collection has stored (and so has proven): nobody else has set it since."""
        live = self.live.get(name)
        if live is None:
            return False
        data = owned_by(live).get("f:data") or {}
        # (a run that was stopped while it wrote has left its claim, which begins with our name)
        return f"f:{key}" in data and all(owner.startswith(FIELD_MANAGER) for owner in owners_of(live, "data", key))

    def made_by_us(self, name: str) -> bool:
        """Whether the Secret is ours to remove."""
        labels = ((self.live.get(name) or {}).get("metadata") or {}).get("labels") or {}
        return all(labels.get(key) == value for key, value in MANAGED_BY.items())

    def _read(self, api: Api, names: list[str], ours: list[str]) -> None:
        selector = ",".join(f"{key}={value}" for key, value in LABELS.items())
        try:
            listed = api.request("GET", path("Secret", self.namespace), {"labelSelector": selector}, namespace=self.namespace)
            self._keep(listed.get("items") or [])
        except ApiError as error:
            if error.status != 403:
                raise
            names = list(dict.fromkeys([*names, *ours]))  # a user with rights to these names alone
        for name in names:
            if name not in self.live:
                found = api.find(path("Secret", self.namespace, name), self.namespace)
                self._keep([found] if found else [])

    def _keep(self, found: t.Iterable[Thing]) -> None:
        for thing in found:
            thing["kind"] = "Secret"  # the entries of a list do not say it
            self.live[thing["metadata"]["name"]] = thing


def secret(namespace: str, name: str, data: t.Mapping[str, str], kind: str = OPAQUE) -> Thing:
    """A Secret as it should be."""
    encoded = {key: base64.b64encode(value.encode()).decode("ascii") for key, value in data.items()}
    meta = {"name": name, "namespace": namespace, "labels": dict(LABELS)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind, "data": encoded}


def written_at(thing: Thing) -> str:
    """When this collection has last written it, by the API server's clock."""
    times = [str(entry.get("time") or "") for entry in thing["metadata"].get("managedFields") or [] if entry.get("manager") == FIELD_MANAGER]
    return max(times, default="")


def pods_from_before(api: Api, namespace: str, names: t.Collection[str], since: str) -> list[str]:
    """Pods that mount one of the Secrets and whose containers have run since before a time: such a runner has the former content, for it reads it once."""
    found = []
    for pod in api.request("GET", path("Pod", namespace), namespace=namespace).get("items") or []:
        started = [((one.get("state") or {}).get("running") or {}).get("startedAt") for one in (pod.get("status") or {}).get("containerStatuses") or []]
        if _mounted(pod) & set(names) and any(time and time <= since for time in started):
            found.append(pod["metadata"]["name"])
    return sorted(found)


def _mounted(pod: Thing) -> set[str]:
    names: set[str] = set()
    for volume in pod["spec"].get("volumes") or []:
        names.add(str((volume.get("secret") or {}).get("secretName")))
        names.update(str((source.get("secret") or {}).get("name")) for source in (volume.get("projected") or {}).get("sources") or [])
    return names
