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
# What to change, and the annotations that go with it; None where there is nothing to do.
Patch = t.Optional[t.Tuple[Thing, t.Dict[str, t.Optional[str]]]]

MERGE = "application/merge-patch+json"
MANAGER = "studioml.fleet.drain"
# So often a change is worked out anew for an object that others write to at the same moment.
TRIES = 6
# On the Deployment: how many replicas it had before it was scaled to 0, the nodes for which that was done (none: for all), and the broker's user whose
# read permission was taken away (user@vhost).
REPLICAS = "fleet.studioml.ai/replicas-before-drain"
NODES = "fleet.studioml.ai/scaled-down-for-nodes"
BROKER_USER = "fleet.studioml.ai/broker-user-closed"
# On the state maps, written with STATE: how far the enforcement goes. It tells a resume, which reads the maps anyway, that there is more to undo.
MARKER = "fleet.studioml.ai/enforced"
# On the state maps, written with STATE: why it was asked for, in the words of whoever asked.
NOTE = "fleet.studioml.ai/note"
# On the node: the runner (namespace/name) for which it was cordoned.
CORDONED_FOR = "fleet.studioml.ai/cordoned-for"


def annotation(thing: Thing, name: str) -> str:
    """The value of an annotation, empty when there is none."""
    return str((thing["metadata"].get("annotations") or {}).get(name) or "")


def replicas_of(deployment: Thing) -> int:
    """How many pods it wants. A DaemonSet says it by its status alone, a Job by its parallelism."""
    spec = deployment["spec"]
    if deployment.get("kind") == "DaemonSet":
        return int((deployment.get("status") or {}).get("desiredNumberScheduled", 0))
    return int(spec.get("replicas", spec.get("parallelism", 1)))


def remembered_replicas(deployment: Thing) -> int | None:
    """How many pods it had before it was scaled to 0 by a drain; None when no drain did."""
    value = annotation(deployment, REPLICAS)
    return int(value) if value.isdigit() else None


def scale_down(api: Api, deployment: Thing, nodes: list[str], check: bool) -> bool:
    """To 0, the former number remembered. One that was at 0 before is not ours to bring back."""

    def change(live: Thing) -> Patch:
        if replicas_of(live) == 0:
            return None
        former = remembered_replicas(live)
        return {"spec": {"replicas": 0}}, {REPLICAS: str(replicas_of(live) if former is None else former), NODES: ",".join(nodes) or None}

    return _exactly(api, deployment, change, check)


def scale_up(api: Api, deployment: Thing, check: bool) -> bool:
    """Back to the number that was remembered, unless somebody has set another one since."""

    def change(live: Thing) -> Patch:
        former = remembered_replicas(live)
        return None if former is None else ({"spec": {"replicas": former}} if replicas_of(live) == 0 else {}, {REPLICAS: None, NODES: None})

    return _exactly(api, deployment, change, check)


def note_broker_user(api: Api, deployment: Thing, user: str | None, check: bool) -> None:
    """Write down (or, with None, strike out) whose permission was taken away, so that a resume knows it even where it cannot reach the broker."""
    _patch(api, deployment, {}, {BROKER_USER: user}, check)


def cordon(api: Api, node: Thing, owner: str, check: bool) -> bool:
    """Let no new pod onto the node. A node that is cordoned already is left to whoever did it."""

    def change(live: Thing) -> Patch:
        return None if live["spec"].get("unschedulable") else ({"spec": {"unschedulable": True}}, {CORDONED_FOR: owner})

    return _exactly(api, node, change, check)


def uncordon(api: Api, node: Thing, owner: str, check: bool) -> bool:
    """Let pods onto a node that was cordoned for this runner."""

    def change(live: Thing) -> Patch:
        return ({"spec": {"unschedulable": None}}, {CORDONED_FOR: None}) if annotation(live, CORDONED_FOR) == owner else None

    return _exactly(api, node, change, check)


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


def _exactly(api: Api, thing: Thing, change: t.Callable[[Thing], Patch], check: bool) -> bool:
    """Change an object as it is at that moment: what follows from an older look would take back what somebody has done since.

    :returns: whether it has changed; also where the change is found done because its answer was lost, or because another controller was quicker.
    """
    for attempt in range(TRIES):
        wanted = change(thing)
        if wanted is None:
            return attempt > 0
        try:
            _patch(api, thing, *wanted, check, str(thing["metadata"].get("resourceVersion") or ""))
            return True
        except ApiError as error:
            if error.status != 409 or attempt == TRIES - 1:
                raise
        thing = {"kind": thing["kind"], **api.request("GET", path_of(thing), namespace=thing["metadata"].get("namespace", ""))}
    raise AssertionError("the loop ends by a return or a raise")


def _patch(api: Api, thing: Thing, change: Thing, annotations: dict[str, str | None], check: bool, version: str = "") -> None:
    query = {"fieldManager": MANAGER}
    if check:
        query["dryRun"] = "All"
    body = {**change, "metadata": {"annotations": annotations, **({"resourceVersion": version} if version else {})}}
    api.request("PATCH", path_of(thing), query, body, MERGE, thing["metadata"].get("namespace", ""))
