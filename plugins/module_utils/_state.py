# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a runner state to its maps: one LIST when nothing changes, one more request for each map that does."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _pool
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._apply import same_cluster, server_side_apply
from ansible_collections.studioml.fleet.plugins.module_utils._contract import STATE_KEY, TOUCHED, state_of, typed_by_hand
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER, extracted, owners_of
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import MARKER, NOTE, annotation
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._state_plan import DROP, SET, TOUCH, Maps, Plan, Step, Wanted, as_expected, overrides, plan

__all__ = ["Maps", "Plan", "Wanted", "converge", "overrides", "plan", "read_maps", "read_pods", "write"]

MERGE = "application/merge-patch+json"
# So often a map is read again that others write to at the same moment.
TRIES = 4


def converge(api: Api, wanted: Wanted, check: bool) -> dict[str, t.Any]:
    """Read, compare, and where something differs make sure that it is the right cluster and write."""
    maps = read_maps(api, wanted.namespace)
    if wanted.needs_pods:
        wanted = wanted.with_maps_of(read_pods(api, wanted.namespace, wanted.name), maps)
    planned = plan(maps, wanted)
    if planned.steps:
        same_cluster(api, wanted.cluster_id)
    return write(api, planned, check)


def read_maps(api: Api, namespace: str) -> Maps:
    """All ConfigMaps of the namespace by name: what a runner watches."""
    listed = api.request("GET", path("ConfigMap", namespace), namespace=namespace)
    return {item["metadata"]["name"]: item for item in listed.get("items") or []}


def read_pods(api: Api, namespace: str, name: str) -> list[dict[str, t.Any]]:
    """The runner's pods, by their label."""
    return api.request("GET", path("Pod", namespace), {"labelSelector": f"app={name}"}, namespace=namespace).get("items") or []


def write(api: Api, planned: Plan, check: bool) -> dict[str, t.Any]:
    """Do what is planned: the global map alone and first, then the node maps, which have nothing to do with each other, side by side."""
    written: list[str] = []
    wanted, version = planned.wanted, ""
    above = [step for step in planned.steps if step.name == wanted.configmap]
    below = [step for step in planned.steps if step.name != wanted.configmap]
    try:
        for step in above:
            version = _set(api, planned, step, check)
            written.append(step.name)
        problems = _pool.each(below, lambda step: _below(api, planned, step, version, check, written), wanted.parallel, gently=True)
        for problem in problems:
            if problem is not None:
                raise problem
    except FleetError as error:
        if written and not check:  # what is done is done, and a second run goes on from there
            error.details.update(changed=True, written=sorted(written))
        raise
    return planned.result()


def _below(api: Api, planned: Plan, step: Step, version: str, check: bool, written: list[str]) -> FleetError | None:
    try:
        if step.action == SET:
            _set(api, planned, step, check)
        elif step.action == TOUCH:
            _touch(api, planned, step, version, check)
        elif step.action == DROP:
            _drop(api, planned, step, check)
    except FleetError as error:
        return error
    written.append(step.name)
    return None


def _set(api: Api, planned: Plan, step: Step, check: bool) -> str:
    """Set STATE, keep all other keys; the version of the map after that."""
    return _version(_take_over(api, planned, step, check))


def _touch(api: Api, planned: Plan, step: Step, version: str, check: bool) -> None:
    """Make an event for a node map, its state as it is: after the write to the global map, its runner must hear it last."""
    version = version or _version(planned.maps.get(planned.wanted.configmap) or {"metadata": {}})
    _take_over(api, planned, step, check, {TOUCHED: version})


def _drop(api: Api, planned: Plan, step: Step, check: bool) -> None:
    """First equal to the global map, then away: to a runner the end of a map is one more event with the state that the map had."""
    live, wanted = planned.maps[step.name], planned.wanted
    if state_of(live) != step.state:
        after = _take_over(api, planned, step, check)
        live = live if check else after
    elif not (wanted.force or _by_hand(live)):
        raise FleetError(
            f"The map {step.name} in {wanted.namespace} is kept by {', '.join(_owners(live))}, which would make it again.",
            "Remove it there, or set force_conflicts: true.",
        )
    place = path("ConfigMap", wanted.namespace, step.name)
    query = {"dryRun": "All"} if check else {}
    if set(live.get("data") or {}) != {STATE_KEY} or live.get("binaryData"):
        body: dict[str, t.Any] = {"data": {STATE_KEY: None}}  # somebody keeps other things in it
        api.request("PATCH", place, {**query, "fieldManager": FIELD_MANAGER}, body, MERGE, wanted.namespace)
        return
    meta = live["metadata"]
    body = {"preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}, **({"dryRun": ["All"]} if check else {})}
    try:
        api.request("DELETE", place, query, body, namespace=wanted.namespace)
    except ApiError as error:
        if error.status != 404:
            raise


def _take_over(api: Api, planned: Plan, step: Step, check: bool, annotations: dict[str, str] | None = None) -> dict[str, t.Any]:
    """Apply the state, over what people have typed; a map that somebody has written to since it was read is read again, so that nothing of that is lost."""
    for attempt in range(TRIES):
        live = planned.maps.get(step.name)
        typed = step.action != TOUCH and bool(_owners(live)) and _by_hand(live)
        try:
            return _apply(api, planned, step, check, typed or planned.wanted.force, annotations, _version(live) if live else "")
        except ApiError as error:
            if live is None or error.status != 409 or error.causes or attempt == TRIES - 1:
                raise
        now = api.find(path("ConfigMap", planned.wanted.namespace, step.name), planned.wanted.namespace)
        if step.action == SET and planned.wanted.marker == "" and now and annotation(now, MARKER) and not annotation(live, MARKER):
            raise FleetError(
                f"The map {step.name} in {planned.wanted.namespace} was written by a drain that began at the same moment; it is left to that one.",
                "Run again: a resume that finds the drain in the map undoes it.",
            )
        if step.action == TOUCH:
            if not now or not state_of(now):
                return now or {"metadata": {}}
            step = step._replace(state=str(state_of(now)))
        planned.maps.pop(step.name)
        planned.maps.update({step.name: now} if now else {})
        if step.action != TOUCH:
            as_expected(planned.maps, step.name, planned.wanted)
    raise AssertionError("the loop ends by a return or a raise")


def _owners(live: dict[str, t.Any] | None) -> list[str]:
    return owners_of(live, "data", STATE_KEY) if live else []


def _by_hand(live: dict[str, t.Any] | None) -> bool:
    """Whether nobody but ourselves and people with their tools has set the state."""
    return all(typed_by_hand(owner) for owner in _owners(live))


def _apply(
    api: Api, planned: Plan, step: Step, check: bool, force: bool, annotations: dict[str, str] | None = None, version: str = ""
) -> dict[str, t.Any]:
    # What an apply leaves out of the fields that it owns is removed: begin with all that is ours.
    live, wanted = planned.maps.get(step.name), planned.wanted
    body = extracted(live) if live else {}
    body.update(apiVersion="v1", kind="ConfigMap", metadata={**body.get("metadata", {}), "name": step.name, "namespace": wanted.namespace})
    body["data"] = {**body.get("data", {}), STATE_KEY: step.state}
    if step.action == SET:
        said = {MARKER: wanted.marker, NOTE: wanted.note}
        annotations = {**(annotations or {}), **{name: value for name, value in said.items() if value is not None}}
    if annotations:
        kept = {**body["metadata"].get("annotations", {}), **annotations}
        body["metadata"]["annotations"] = {name: value for name, value in kept.items() if value}
    if step.name in wanted.owners:
        body["metadata"]["ownerReferences"] = [wanted.owners[step.name]]
    if version:
        body["metadata"]["resourceVersion"] = version  # refused if somebody has written since
    return server_side_apply(api, body, check, force)


def _version(thing: dict[str, t.Any]) -> str:
    return str(thing["metadata"].get("resourceVersion", ""))  # a dry run that would make it has none
