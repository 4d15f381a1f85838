# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The storage that Jobs share: a claim, or a claim behind an NFS server of its own. Made where it is missing, never changed: what differs is told."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _storage_objects as objects
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome, diff_of, same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, title
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import quantity
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._storage_objects import Storage

Result = t.Dict[str, t.Any]
# Provisioners whose volumes are folders of one node, whatever access mode a claim has.
OF_ONE_NODE = ("microk8s.io/hostpath", "rancher.io/local-path", "k8s.io/minikube-hostpath", "docker.io/hostpath", "kubernetes.io/no-provisioner")


def present(api: Api | None, storage: Storage, cluster_id: str | None, check: bool) -> Result:
    """Look for the claim; make what is missing of it."""
    if api:
        same_cluster(api, cluster_id)
    applier = Applier(api, check)
    claim = objects.claim(storage)
    live = applier.find(claim)
    if live is not None and live["metadata"].get("deletionTimestamp"):
        raise FleetError(f"{title(claim)} is being deleted.", "Wait until it is gone (a pod that uses it holds it), then run this again.")
    if live is None and storage.kind == "existing":
        raise _missing(api, storage)
    outcomes: list[Outcome] = []
    try:
        for outcome in _made(applier, storage, claim, live):
            outcomes.append(outcome)
    except FleetError:
        _undo(applier, outcomes)
        raise
    drift = [] if storage.kind == "existing" else [entry for outcome in outcomes if not outcome.changed for entry in _drift(outcome)]
    there = outcomes[-1].live or claim
    warnings = [f"{entry['object']}: {entry['field']} is {entry['found']!r}, not {entry['wanted']!r}. It is left as it is." for entry in drift]
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        "namespace": storage.namespace,
        "claim": _told(there),
        "objects": [outcome.result() for outcome in outcomes],
        "drift": drift,
        "diff": diff_of(outcomes),
        "warnings": warnings if storage.kind == "nfs" else [*warnings, *_one_node(api, there)],
    }


def _made(applier: Applier, storage: Storage, claim: dict[str, t.Any], live: dict[str, t.Any] | None) -> t.Iterator[Outcome]:
    """Each object in an order in which nothing refers to what is not there yet; a claim that is there needs no look at its namespace."""
    if live is None and storage.create_namespace:
        yield _namespace(applier, storage)
    if storage.kind == "nfs":
        yield applier.create(objects.backing_claim(storage))
        yield applier.create(objects.deployment(storage))
        service = applier.create(objects.service(storage))
        yield service
        yield _volume(applier, storage, service)
    yield Outcome(claim, "unchanged", live=live) if live is not None else applier.create(claim)


def _volume(applier: Applier, storage: Storage, service: Outcome) -> Outcome:
    """The volume has to know the address that the cluster gives to the Service."""
    address = str(((service.live or {}).get("spec") or {}).get("clusterIP") or "0.0.0.0")  # noqa: S104  in check mode: any address
    volume = applier.create(objects.volume(storage, address))
    if volume.changed and service.changed:
        # The address is the cluster's to choose, and another one in each dry run.
        volume.after["spec"]["nfs"]["server"] = f"(address of {title(service.wanted)})"
    return volume


def _undo(applier: Applier, outcomes: t.Sequence[Outcome]) -> None:
    """Remove what this run has made before it failed, but for the namespace: others may have put something into it since."""
    for outcome in reversed(outcomes):
        if outcome.changed and not applier.check and outcome.live and outcome.wanted["kind"] != "Namespace":
            with contextlib.suppress(FleetError):  # the failure that led here is the one to tell
                applier.delete(outcome.wanted, outcome.live)


def _namespace(applier: Applier, storage: Storage) -> Outcome:
    outcome = applier.create(objects.namespace(storage))
    if ((outcome.live or {}).get("status") or {}).get("phase") == "Terminating":
        raise FleetError(
            f"Namespace {storage.namespace} is being deleted, and nothing can be made in it.",
            f"Wait until it is gone; if it does not go, see its conditions: kubectl get namespace {storage.namespace} -o yaml.",
        )
    return outcome


def _missing(api: Api | None, storage: Storage) -> FleetError:
    there = ""
    with contextlib.suppress(ApiError):  # who may not list claims is not told their names
        listed = api.request("GET", path("PersistentVolumeClaim", storage.namespace), namespace=storage.namespace) if api else {}
        there = f" (there: {', '.join(item['metadata']['name'] for item in listed.get('items') or []) or 'none'})"
    return FleetError(
        f"claim: there is no PersistentVolumeClaim {storage.claim} in the namespace {storage.namespace}{there}.",
        "Name one that is there, or have it made with kind: claim.",
    )


def _drift(outcome: Outcome) -> list[dict[str, t.Any]]:
    found = differences(objects.compared(outcome.wanted), outcome.live or {})
    return [{"object": title(outcome.wanted), "field": field, "wanted": wanted, "found": live} for field, wanted, live in found]


def differences(wanted: t.Any, live: t.Any, field: str = "") -> list[tuple[str, t.Any, t.Any]]:
    """The fields of C(wanted) that are another value in C(live). Items of a list are told apart by their name, amounts are compared as such."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        steps = ((key, f"{field}.{key}" if field else key) for key in wanted)
        return [entry for key, place in steps for entry in differences(wanted[key], live.get(key), place)]
    if isinstance(wanted, list) and isinstance(live, list) and all(isinstance(one, dict) and "name" in one for one in [*wanted, *live]):
        named = {one["name"]: one for one in live}
        return [entry for one in wanted for entry in differences(one, named.get(one["name"]), f"{field}[{one['name']}]")]
    same = wanted == live or (isinstance(wanted, str) and isinstance(live, str) and quantity(wanted) == quantity(live))
    return [] if same else [(field, wanted, live)]


def _told(claim: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    return {
        "name": claim["metadata"]["name"],
        "phase": status.get("phase") or "Pending",
        "access_modes": status.get("accessModes") or spec.get("accessModes") or [],
        "size": (status.get("capacity") or {}).get("storage") or ((spec.get("resources") or {}).get("requests") or {}).get("storage") or "",
        "storage_class": spec.get("storageClassName") or "",
        "volume": spec.get("volumeName") or "",
    }


def _one_node(api: Api | None, claim: t.Mapping[str, t.Any]) -> list[str]:
    """What several nodes cannot share, whatever its access mode says."""
    spec, name = claim.get("spec") or {}, claim["metadata"]["name"]
    if not any(mode in ("ReadWriteMany", "ReadOnlyMany") for mode in spec.get("accessModes") or []):
        return [f"The claim {name} is {', '.join(spec.get('accessModes') or [])}: all pods that use it run on one node."]
    storage_class = spec.get("storageClassName")
    if api is None or not storage_class:
        return []
    try:
        found = api.find(path("StorageClass", name=storage_class)) or {}
    except ApiError as error:
        if error.status != 403:  # who may not look at classes gets no warning
            raise
        return []
    if found.get("provisioner") not in OF_ONE_NODE:
        return []
    return [
        f"The claim {name} is of the class {storage_class} ({found['provisioner']}), whose volumes are folders of one node: on a cluster of several nodes "
        "all pods that use it run on the same one, also with ReadWriteMany."
    ]
