# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a runner state to its maps: one LIST when nothing changes, one more request for each map that does."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._apply import same_cluster, server_side_apply
from ansible_collections.studioml.fleet.plugins.module_utils._contract import (
    STATE_KEY,
    TOUCHED,
    checked_maps,
    checked_name,
    checked_state,
    node_map,
    state_of,
    typed_by_hand,
    wins,
)
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import extracted, owners_of
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Maps = t.Dict[str, t.Dict[str, t.Any]]


@dataclass
class Wanted:
    """What was asked for, checked."""

    state: str
    namespace: str
    configmap: str
    write_global: bool
    node_maps: list[str] = field(default_factory=list)
    force: bool = False
    cluster_id: str = ""

    @classmethod
    def of(cls, params: dict[str, t.Any], namespace: str) -> Wanted:
        configmap = checked_name(params["configmap"], "configmap")
        named = [node_map(configmap, node) for node in params.get("nodes") or []]
        maps = checked_maps(named + list(params.get("map_names") or []), configmap)
        write_global = params.get("global")
        return cls(
            state=checked_state(params["state"]),
            namespace=namespace,
            configmap=configmap,
            write_global=not maps if write_global is None else write_global,
            node_maps=maps,
            force=bool(params.get("force_conflicts")),
            cluster_id=params.get("cluster_id") or "",
        )


def converge(api: Api, wanted: Wanted, check: bool) -> dict[str, t.Any]:
    """Global map first, then the node maps: of two events the last one wins, whichever map it is from."""
    if not wanted.write_global and not wanted.node_maps:
        raise FleetError("There is no map to write: global is false and neither nodes nor map_names name one.", "Give nodes, map_names or global: true.")
    same_cluster(api, wanted.cluster_id)
    maps = read_maps(api, wanted.namespace)
    entries, touched, written = [], [], ""
    if wanted.write_global:
        changed = state_of(maps.get(wanted.configmap)) != wanted.state
        if changed:
            written = _write(api, wanted, wanted.configmap, maps, check)
        overriding = overrides(maps, wanted)
        reason = f"its runner follows another state in: {', '.join(overriding)}" if overriding else ""
        entries.append(_entry(maps, wanted, wanted.configmap, changed, not overriding, reason))
        touched = overriding if changed else []
    for name in wanted.node_maps:
        changed = state_of(maps.get(name)) != wanted.state
        if changed:
            _write(api, wanted, name, maps, check)
        entries.append(_entry(maps, wanted, name, changed, True, ""))
    for name in touched:
        _touch(api, wanted, name, maps, written, check)
    return {
        "changed": any(entry["changed"] for entry in entries),
        "maps": entries,
        "touched": touched,
        "namespace": wanted.namespace,
        "diff": {
            "before": {entry["name"]: {STATE_KEY: entry["previous"]} if entry["previous"] is not None else {} for entry in entries if entry["changed"]},
            "after": {entry["name"]: {STATE_KEY: entry["state"]} for entry in entries if entry["changed"]},
        },
    }


def read_maps(api: Api, namespace: str) -> Maps:
    """All ConfigMaps of the namespace by name: what a runner watches."""
    listed = api.request("GET", path("ConfigMap", namespace), namespace=namespace)
    return {item["metadata"]["name"]: item for item in listed.get("items") or []}


def overrides(maps: Maps, wanted: Wanted) -> list[str]:
    """Node maps, not named in this call, that say something else than the global map and win on their runner."""
    skipped = {wanted.configmap, *wanted.node_maps}
    found = [name for name, item in maps.items() if name not in skipped and wins(name, wanted.configmap) and state_of(item)]
    return sorted(name for name in found if state_of(maps[name]) != wanted.state)


def _entry(maps: Maps, wanted: Wanted, name: str, changed: bool, holds: bool, reason: str) -> dict[str, t.Any]:
    scope = "global" if name == wanted.configmap else "node"
    return {"name": name, "scope": scope, "previous": state_of(maps.get(name)), "state": wanted.state, "changed": changed, "holds": holds, "reason": reason}


def _write(api: Api, wanted: Wanted, name: str, maps: Maps, check: bool) -> str:
    """Set STATE, keep all other keys; the version of the map after that."""
    owners = owners_of(maps[name], "data", STATE_KEY) if name in maps else []
    by_hand = bool(owners) and all(typed_by_hand(owner) for owner in owners)
    return _send(api, wanted, name, maps, wanted.state, check, force=wanted.force or by_hand)


def _touch(api: Api, wanted: Wanted, name: str, maps: Maps, version: str, check: bool) -> None:
    """Make an event for a node map, its state as it is: after the write to the global map, its runner must hear it last."""
    _send(api, wanted, name, maps, str(state_of(maps[name])), check, wanted.force, {TOUCHED: version})


def _send(
    api: Api, wanted: Wanted, name: str, maps: Maps, state: str, check: bool, force: bool, annotations: dict[str, str] | None = None
) -> str:
    # What an apply leaves out of the fields that it owns is removed: begin with all that is ours.
    body = extracted(maps[name]) if name in maps else {}
    body.update(apiVersion="v1", kind="ConfigMap", metadata={**body.get("metadata", {}), "name": name, "namespace": wanted.namespace})
    body["data"] = {**body.get("data", {}), STATE_KEY: state}
    if annotations:
        body["metadata"]["annotations"] = {**body["metadata"].get("annotations", {}), **annotations}
    return str(server_side_apply(api, body, check, force)["metadata"].get("resourceVersion", ""))  # a dry run that would make it has none
