# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making and removing one Job: Jobs cannot be changed, so what becomes of one that is there is for the caller to say. Nothing half-made stays."""

from __future__ import annotations

import contextlib
import random
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome, diff_of
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER, masked
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import UNFINISHED, Made, begun, differences, hash_of, owned_of, unfinished
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import word
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, path_of, title
from ansible_collections.studioml.fleet.plugins.module_utils._pool import each
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._workload import MANAGED_BY
from ansible_collections.studioml.fleet.plugins.module_utils._workload import namespace as namespace_object

Thing = t.Dict[str, t.Any]
# A name to the Job of that name and what belongs to it: C(again: new) chooses the name itself.
Build = t.Callable[[str], Made]

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
MERGE = "application/merge-patch+json"
KUEUE = "/apis/kueue.x-k8s.io"
# Changes of one cluster at a time.
PARALLEL = 8


@dataclass
class Kept:
    """What became of one Job, or of several that were removed."""

    name: str
    live: t.Optional[Thing] = None
    outcomes: t.List[Outcome] = field(default_factory=list)
    warnings: t.List[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return any(outcome.changed for outcome in self.outcomes)

    def result(self) -> Thing:
        """The part of a module's result that all have."""
        said: Thing = {"changed": self.changed, "objects": [outcome.result() for outcome in self.outcomes], "diff": diff_of(self.outcomes)}
        return {**said, "warnings": self.warnings} if self.warnings else said


def present(
    api: Api, build: Build, name: str, namespace: str, again: str = "keep", check: bool = False, delete_timeout: float = 120, create_namespace: bool = False
) -> Kept:
    """Have the Job that C(build) makes: one request when it is there, two when it is not, some more when a ConfigMap or a Secret goes with it."""
    applier = Applier(api, check)
    before = [applier.create(namespace_object(namespace))] if create_namespace else []
    if again == "new":
        name = new_name(name)
    wanted, owned = build(name)
    live = applier.find(wanted)
    if live is not None and live["metadata"].get("deletionTimestamp"):
        if not check:
            await_gone(api, [live], delete_timeout)
        return _kept(name, before + create(applier, wanted, owned, live))
    if live is not None and is_same(live, wanted, again):
        if unfinished(live):
            return _kept(name, before + finish(applier, live, wanted, owned))
        return Kept(name, live, [*before, Outcome(wanted, "unchanged", live=live)])
    if live is not None:
        from ansible_collections.studioml.fleet.plugins.module_utils._job_replace import make_way  # seldom needed

        refuse_other(live, wanted, again)
        make_way(api, [live], delete_timeout, check)
    # in a namespace that would only be made there is nobody to ask
    nowhere = check and any(outcome.changed for outcome in before)
    return _kept(name, before + (predicted(wanted, owned) if nowhere else create(applier, wanted, owned, live)))


def new_name(name: str) -> str:
    """A name that nobody has had."""
    return f"{name}-{''.join(random.choices(LETTERS, k=5))}"


def is_same(live: Thing, wanted: Thing, again: str) -> bool:
    """Whether a Job that is there is the one that is asked for. To replace one that has failed is to try again."""
    return hash_of(live) == hash_of(wanted) and not (again == "replace" and word(live) == "failed")


def refuse_other(live: Thing, wanted: Thing, again: str) -> None:
    """FleetError unless the Job that is there may be replaced."""
    if again == "replace":
        return
    name, namespace = live["metadata"]["name"], live["metadata"]["namespace"]
    if not hash_of(live):
        words = f"Job {name} in namespace {namespace} is there already, and was not made by this collection."
    else:
        fields = differences(live, wanted)
        shown = ", ".join(fields[:8]) + (f" and {len(fields) - 8} more" if len(fields) > 8 else "")
        words = f"Job {name} in namespace {namespace} is there already and differs in {shown or 'a field that was taken out'}; a Job cannot be changed."
    raise FleetError(words, "Set again: replace to delete it and make it anew, or again: new to make another one beside it; or give another name.")


def create(applier: Applier, wanted: Thing, owned: t.List[Thing], former: Thing | None = None) -> list[Outcome]:
    """Make a Job that is not there. Where it needs a ConfigMap or a Secret it is suspended until it has them; it goes again when they cannot be made."""
    if applier.check and former:  # to the server it is there still, and cannot be changed
        return predicted(wanted, owned, former)
    api = t.cast(Api, applier.api)
    if not owned:
        return [_made(wanted, _posted(api, wanted, applier.check), former)]
    live = _posted(api, begun(wanted), applier.check)
    try:
        return finish(applier, live, wanted, owned, former)
    except BaseException:
        if not applier.check:
            with contextlib.suppress(FleetError):
                delete(api, live, "Background")
        raise


def predicted(wanted: Thing, owned: t.List[Thing], former: Thing | None = None) -> list[Outcome]:
    """What would be made, where the server cannot be asked for a dry run."""
    return [_made(wanted, wanted, former), *(_made(thing, thing, None) for thing in owned)]


def finish(applier: Applier, live: Thing, wanted: Thing, owned: t.List[Thing], former: Thing | None = None) -> list[Outcome]:
    """Make what belongs to a Job, and let it begin."""
    for thing in owned:
        there = applier.find(thing)
        if there is not None and not applier.check:
            there = _ours(t.cast(Api, applier.api), there, live)
        applier.apply_over(there, owned_of(thing, live))
    if not applier.check:
        ready: Thing = {"metadata": {"annotations": {UNFINISHED: None}}}
        if not wanted["spec"].get("suspend"):  # in a queue it goes on to wait
            ready["spec"] = {"suspend": False}
        where = path_of(wanted)
        live = t.cast(Api, applier.api).request("PATCH", where, {"fieldManager": FIELD_MANAGER}, ready, MERGE, wanted["metadata"]["namespace"])
    return [_made(wanted, live, former), *(_made(thing, thing, None) for thing in owned)]


def _posted(api: Api, wanted: Thing, check: bool) -> Thing:
    """Made, but never changed: unlike an apply, which costs the server twice the time, and would touch a Job that somebody else has just made."""
    namespace = wanted["metadata"]["namespace"]
    query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if check else {})}
    try:
        return api.request("POST", path("Job", namespace), query, wanted, namespace=namespace)
    except ApiError as error:
        live = api.find(path_of(wanted), namespace) if error.status == 409 else None
        # the answer to our first try was lost, or another task makes the same Job at this moment
        if live is None or hash_of(live) != hash_of(wanted):
            raise
        return live


def absent(api: Api, found: t.List[Thing], check: bool = False, delete_timeout: float = 120, foreign: bool = False) -> Kept:
    """Remove these Jobs with their pods and what belongs to them, and wait until they are gone. One of somebody else is left, with a warning."""
    kept, gone = Kept(""), []
    for live in found:
        labels = live["metadata"].get("labels") or {}
        if not foreign and any(labels.get(key) != value for key, value in MANAGED_BY.items()):
            kept.warnings.append(f"{title(_named(live))} is left alone: it was not made by this collection (foreign: true removes it all the same).")
        else:
            gone.append(live)
            kept.outcomes.append(Outcome(_named(live), "deleted", {"labels": labels, "job-hash": hash_of(live)}, {}, live))
    remove(api, gone, delete_timeout, check)
    return kept


def remove(api: Api, found: t.List[Thing], timeout: float, check: bool = False) -> None:
    """Delete Jobs of one namespace, side by side, and wait until they are gone."""
    each(found, lambda live: delete(api, live, check=check), PARALLEL)
    if found and not check:
        await_gone(api, found, timeout)


def delete(api: Api, live: Thing, policy: str = "Foreground", check: bool = False) -> None:
    """Ask for the end of this very Job. One that is gone is no failure."""
    meta = live["metadata"]
    body: Thing = {"propagationPolicy": policy, "preconditions": {"uid": meta["uid"]}, **({"dryRun": ["All"]} if check else {})}
    try:
        api.request("DELETE", path("Job", meta["namespace"], meta["name"]), {"dryRun": "All"} if check else None, body, namespace=meta["namespace"])
    except ApiError as error:
        if error.status not in (404, 409):  # 409: another one of that name has taken its place
            raise


def await_gone(api: Api, found: t.List[Thing], timeout: float) -> None:
    """Wait until Jobs that are being deleted are gone, and their pods with them: a Job goes last."""
    from ansible_collections.studioml.fleet.plugins.module_utils._watch import Watch  # an unchanged run needs none

    namespace = found[0]["metadata"]["namespace"]
    left = {job["metadata"]["uid"]: job["metadata"]["name"] for job in found}
    query = {"fieldSelector": f"metadata.name={found[0]['metadata']['name']}"} if len(found) == 1 else {}
    for event in Watch(api, path("Job", namespace), query, time.monotonic() + timeout, namespace):
        if event.type == "LISTED":
            there = {job["metadata"]["uid"] for job in event.objects}
            left = {uid: name for uid, name in left.items() if uid in there}
        elif event.type == "DELETED":
            left.pop(event.objects[0]["metadata"]["uid"], None)
        if not left:
            return
    names = sorted(left.values())
    words = f"{names[0]} in namespace {namespace} was" if len(names) == 1 else f"{', '.join(names[:5])} ({len(names)} Jobs) in namespace {namespace} were"
    raise FleetError(
        f"{words} deleted, but not gone after {timeout:g} s: pods are still ending, or somebody's finalizer keeps them.",
        f"See kubectl get pods -n {namespace} -l job-name={names[0]}; a node that is gone keeps its pods. Give it more time with delete_timeout.",
    )


def listed(api: Api, namespace: str, selector: str = "") -> list[Thing]:
    """Jobs in one request."""
    found = api.request("GET", path("Job", namespace), {"labelSelector": selector} if selector else None, namespace=namespace)
    return found.get("items") or []


def has_kueue(api: Api) -> bool:
    """Whether the cluster has Kueue: its API group is there."""
    try:
        api.request("GET", KUEUE)
        return True
    except ApiError as error:
        if error.status != 404:
            raise
        return False


def require_kueue(api: Api, queue: str) -> None:
    """A suspended Job that nobody starts would wait for ever."""
    if not has_kueue(api):
        raise FleetError(
            f"queue: {queue} is asked for, but {api.target.name} has no Kueue (no API group kueue.x-k8s.io), so nobody would start the Job.",
            "Install Kueue there, or leave out queue; place: free finds room among the targets without it.",
        )


def _kept(name: str, outcomes: list[Outcome]) -> Kept:
    job = next(outcome for outcome in outcomes if outcome.wanted["kind"] == "Job")
    return Kept(name, job.live, outcomes)


def _made(wanted: Thing, live: Thing, former: Thing | None) -> Outcome:
    """What a result tells of an object that was made: the object as it was asked for, the same in check mode, and nothing of the steps in between."""
    after = masked(wanted)
    return Outcome(wanted, "replaced" if former else "created", {"job-hash": hash_of(former)} if former else {}, after, live)


def _ours(api: Api, there: Thing, job: Thing) -> Thing | None:
    """What belongs to this Job already; what belonged to a former one of its name, and is about to be collected as garbage, is deleted first."""
    meta = there["metadata"]
    if any((meta.get("labels") or {}).get(key) != value for key, value in MANAGED_BY.items()):
        raise FleetError(f"{title(there)} is there already, and was not made by this collection.", "Give the Job another name, or remove that object.")
    if any(owner.get("uid") == job["metadata"]["uid"] for owner in meta.get("ownerReferences") or []):
        return there
    try:
        api.request("DELETE", path_of(there), None, {"preconditions": {"uid": meta["uid"]}}, namespace=meta["namespace"])
    except ApiError as error:
        if error.status not in (404, 409):
            raise
    return None


def _named(live: Thing) -> Thing:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": live["metadata"]["name"], "namespace": live["metadata"].get("namespace", "")}}
