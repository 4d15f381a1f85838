# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drain changes at the objects of a cluster beside STATE, with the annotations that let a resume undo exactly that and nothing else.

Each change and its annotation are one request: whatever interrupts us, there is never the one without the other.
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, path_of
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]

MERGE = "application/merge-patch+json"
MANAGER = "studioml.fleet.drain"
# On the Deployment: how many replicas it had before it was scaled to 0, the nodes for which that was done (none: for all), and the broker's user whose
# read permission was taken away (user@vhost).
REPLICAS = "fleet.studioml.ai/replicas-before-drain"
NODES = "fleet.studioml.ai/scaled-down-for-nodes"
BROKER_USER = "fleet.studioml.ai/broker-user-closed"
# On the state maps, written with STATE: how far the enforcement goes. It tells a resume, which reads the maps anyway, that there is more to undo.
MARKER = "fleet.studioml.ai/enforced"
# On the node: the runner (namespace/name) for which it was cordoned.
CORDONED_FOR = "fleet.studioml.ai/cordoned-for"


def annotation(thing: Thing, name: str) -> str:
    """The value of an annotation, empty when there is none."""
    return str((thing["metadata"].get("annotations") or {}).get(name) or "")


def replicas_of(deployment: Thing) -> int:
    """How many pods it wants."""
    return int(deployment["spec"].get("replicas", 1))


def remembered_replicas(deployment: Thing) -> int | None:
    """How many pods it had before it was scaled to 0 by a drain; None when no drain did."""
    value = annotation(deployment, REPLICAS)
    return int(value) if value.isdigit() else None


def scale_down(api: Api, deployment: Thing, nodes: list[str], check: bool) -> bool:
    """To 0, the former number remembered. One that was at 0 before is not ours to bring back."""
    if replicas_of(deployment) == 0:
        return False
    former = remembered_replicas(deployment)
    notes = {REPLICAS: str(replicas_of(deployment) if former is None else former), NODES: ",".join(nodes) or None}
    _patch(api, deployment, {"spec": {"replicas": 0}}, notes, check)
    return True


def scale_up(api: Api, deployment: Thing, check: bool) -> bool:
    """Back to the number that was remembered, unless somebody has set another one since."""
    former = remembered_replicas(deployment)
    if former is None:
        return False
    _patch(api, deployment, {"spec": {"replicas": former}} if replicas_of(deployment) == 0 else {}, {REPLICAS: None, NODES: None}, check)
    return True


def note_broker_user(api: Api, deployment: Thing, user: str | None, check: bool) -> bool:
    """Write down (or, with None, strike out) whose permission was taken away, so that a resume knows it even where it cannot reach the broker."""
    if annotation(deployment, BROKER_USER) == (user or ""):
        return False
    _patch(api, deployment, {}, {BROKER_USER: user}, check)
    return True


def cordon(api: Api, node: Thing, owner: str, check: bool) -> bool:
    """Let no new pod onto the node. A node that is cordoned already is left to whoever did it."""
    if node["spec"].get("unschedulable"):
        return False
    _patch(api, node, {"spec": {"unschedulable": True}}, {CORDONED_FOR: owner}, check)
    return True


def uncordon(api: Api, node: Thing, owner: str, check: bool) -> bool:
    """Let pods onto a node that was cordoned for this runner."""
    if annotation(node, CORDONED_FOR) != owner:
        return False
    _patch(api, node, {"spec": {"unschedulable": None}}, {CORDONED_FOR: None}, check)
    return True


def evict(api: Api, pod: Thing, check: bool) -> bool:
    """Ask for the pod's eviction; False when a disruption budget does not allow it yet."""
    meta = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    body: Thing = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta, "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}}}
    if check:
        body["deleteOptions"]["dryRun"] = ["All"]
    query = {"dryRun": "All"} if check else None
    try:
        api.request("POST", f"{path('Pod', meta['namespace'], meta['name'])}/eviction", query, body, namespace=meta["namespace"])
    except ApiError as error:
        if error.status == 429 and any(cause.get("reason") == "DisruptionBudget" for cause in error.causes):
            return False
        if error.status not in (404, 409):  # it is gone, or another pod has its name
            raise
    return True


def _patch(api: Api, thing: Thing, change: Thing, annotations: dict[str, str | None], check: bool) -> None:
    query = {"fieldManager": MANAGER}
    if check:
        query["dryRun"] = "All"
    body = {**change, "metadata": {"annotations": annotations}}
    api.request("PATCH", path_of(thing), query, body, MERGE, thing["metadata"].get("namespace", ""))
