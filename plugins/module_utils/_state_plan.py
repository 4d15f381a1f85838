# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was asked of the state maps, and what has to be written for it. Pure functions, no I/O."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._contract import (
    RUNNER,
    STATE_KEY,
    STATES,
    checked_maps,
    checked_name,
    checked_state,
    node_map,
    state_of,
    wins,
)
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import owned_by
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import MARKER, NOTE, annotation

Maps = t.Dict[str, t.Dict[str, t.Any]]

SET, TOUCH, DROP = "set", "touch", "drop"
RUN = STATES[0]


class Expected(t.NamedTuple):
    """What somebody has seen in the maps, and what they have to say still; None where it does not matter."""

    state: t.Optional[str] = None
    note: t.Optional[str] = None
    global_state: t.Optional[str] = None


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
    name: str = RUNNER
    nodes: list[str] = field(default_factory=list)
    pods: list[str] = field(default_factory=list)
    nodes_with_pods: list[str] = field(default_factory=list)
    drop: bool = False
    parallel: int = 1
    owners: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    # What the maps say of an enforcement (_ownership.MARKER): None leaves that as it is, an empty text takes it away.
    marker: str | None = None
    # Why it is asked for (_ownership.NOTE), in the same way.
    note: str | None = None
    expected: Expected = Expected()

    @classmethod
    def of(cls, params: dict[str, t.Any], namespace: str) -> Wanted:
        configmap = checked_name(params["configmap"], "configmap")
        through_pods = params.get("nodes_through") == "pods"
        nodes = list(params.get("nodes") or [])
        named = [] if through_pods else [node_map(configmap, node) for node in nodes]
        drop = bool(params.get("drop_overrides"))
        maps = checked_maps(named + list(params.get("map_names") or []), configmap, losers=drop)
        pods, write_global = list(params.get("pods") or []), params.get("global")
        return cls(
            state=checked_state(params["state"]),
            namespace=namespace,
            configmap=configmap,
            write_global=not (maps or pods or nodes) if write_global is None else write_global,
            node_maps=maps,
            force=bool(params.get("force_conflicts")),
            cluster_id=params.get("cluster_id") or "",
            name=params.get("name") or RUNNER,
            pods=pods,
            nodes=list(dict.fromkeys(nodes)),
            nodes_with_pods=nodes if through_pods else [],
            drop=drop,
            parallel=params.get("parallel") or 1,
            note=_note(params),
            expected=Expected(**(params.get("expect") or {})),
        )

    @property
    def needs_pods(self) -> bool:
        """Whether the names of maps follow from the pods that there are."""
        return bool(self.pods or self.nodes_with_pods)

    def with_maps_of(self, pods: t.Sequence[dict[str, t.Any]], maps: Maps) -> Wanted:
        """The same, with the maps of the pods that were named, by themselves or by their nodes."""
        from ansible_collections.studioml.fleet.plugins.module_utils import _pod_maps  # few runs need it, and it is compiled anew in each

        names, owners = list(self.node_maps), {}
        for pod in _pod_maps.chosen(pods, self.name, self.pods, self.nodes_with_pods):
            name = _pod_maps.map_of_pod(pod, self.name, maps)
            if not name:
                raise FleetError(f"pods: the pod {pod['metadata']['name']} is not on a node yet, so its map has no name.", "Wait until it is scheduled.")
            names.append(name)
            if _pod_maps.named_after(pod, name):
                owners[name] = _pod_maps.owner_of_map(pod)
        checked = checked_maps(names, self.configmap, losers=self.drop)
        return dataclasses.replace(self, node_maps=checked, owners=owners, pods=[], nodes_with_pods=[])


def _note(params: dict[str, t.Any]) -> str | None:
    """A drain without a note takes the note of the one before away, and so does a resume; who has no such option leaves it as it is."""
    if "note" not in params:
        return None
    return "" if params["state"] == RUN else str(params["note"] or "").strip()


class Step(t.NamedTuple):
    """One map that has to be written."""

    action: str
    name: str
    state: str


@dataclass
class Plan:
    """What has to be written, in order: first the global map, then node maps, each for itself; and what the result says of the maps."""

    wanted: Wanted
    maps: Maps
    steps: list[Step]
    entries: list[dict[str, t.Any]]

    def names(self, action: str) -> list[str]:
        """The maps with which this is to be done."""
        return [step.name for step in self.steps if step.action == action]

    def result(self) -> dict[str, t.Any]:
        """What the module returns when all of it is done."""
        changing = [entry for entry in self.entries if entry["changed"]]
        return {
            "changed": bool(self.steps),
            "maps": self.entries,
            "touched": self.names(TOUCH),
            "dropped": self.names(DROP),
            "namespace": self.wanted.namespace,
            "diff": {
                "before": {entry["name"]: _shown(entry["previous"]) for entry in changing},
                "after": {entry["name"]: _shown(entry["state"]) for entry in changing},
            },
        }


def plan(maps: Maps, wanted: Wanted) -> Plan:
    """Global map first, then the node maps: of two events the last one wins, whichever map it is from."""
    if not wanted.write_global and not wanted.node_maps:
        raise FleetError("There is no map to write: global is false and neither nodes, pods nor map_names name one.", "Give one of them, or global: true.")
    steps: list[Step] = []
    entries: list[dict[str, t.Any]] = []
    dropped = _to_drop(maps, wanted)
    for name in [*([wanted.configmap] if wanted.write_global else []), *(dropped if wanted.drop else wanted.node_maps)]:
        as_expected(maps, name, wanted)
    rewritten = wanted.write_global and _differs(maps.get(wanted.configmap), wanted)
    overriding = [name for name in overrides(maps, wanted) if name not in dropped] if wanted.write_global else []
    if wanted.write_global:
        reason = f"its runner follows another state in: {', '.join(overriding)}" if overriding else ""
        entries.append(_entry(maps, wanted.configmap, "global", wanted.state, rewritten, reason))
    if rewritten:
        steps.append(Step(SET, wanted.configmap, wanted.state))
    for name in [] if wanted.drop else wanted.node_maps:
        changes = _differs(maps.get(name), wanted)
        entries.append(_entry(maps, name, "node", wanted.state, changes))
        if changes:
            steps.append(Step(SET, name, wanted.state))
        elif not wanted.write_global and _overruled(maps, name, wanted.configmap):
            steps.append(Step(TOUCH, name, wanted.state))
    for name in dropped:
        entries.append(_entry(maps, name, "node", None, True))
        steps.append(Step(DROP, name, wanted.state))
    if rewritten:
        steps += [Step(TOUCH, name, str(state_of(maps[name]))) for name in overriding]
    needed = {wanted.configmap, *(step.name for step in steps)}  # the rest may be much, and there may be a thousand plans
    return Plan(wanted, {name: maps[name] for name in needed if name in maps}, steps, entries)


def note_of(configmap: dict[str, t.Any] | None) -> str:
    """Why its state was asked for, in the words of whoever asked. They are about a state of ours, and not about one that somebody has written over it."""
    ours = f"f:{STATE_KEY}" in (owned_by(configmap).get("f:data") or {})
    return annotation({"metadata": {}, **(configmap or {})}, NOTE) if ours else ""


def as_expected(maps: Maps, name: str, wanted: Wanted) -> None:
    """FleetError where a map that is to be written says something else than what was seen. A node map without a state says what the global one does."""
    expected, above = wanted.expected, maps.get(wanted.configmap)
    says = maps.get(name) if state_of(maps.get(name)) else above
    seen = ((name, "state", expected.state, state_of(says) or ""), (name, "note", expected.note, note_of(says)))
    for where, what, before, now in (*seen, (wanted.configmap, "global_state", expected.global_state, state_of(above) or "")):
        if before is not None and before != now:
            raise FleetError(
                f"expect: the {what} of the map {where} in {wanted.namespace} is {now!r} by now, and not {before!r}; it is left as it is.",
                "Somebody has changed it meanwhile. Look again (runner_info), and decide anew.",
            )


def _differs(live: dict[str, t.Any] | None, wanted: Wanted) -> bool:
    if live is None or state_of(live) != wanted.state:
        return True
    if wanted.note and note_of(live) != wanted.note:
        return True
    return any(value is not None and annotation(live, name) != value for name, value in ((MARKER, wanted.marker), (NOTE, wanted.note)))


def overrides(maps: Maps, wanted: Wanted) -> list[str]:
    """Node maps, not named in this call, that say something else than the global map and win on their runner."""
    skipped = {wanted.configmap, *wanted.node_maps}
    found = [name for name, item in maps.items() if name not in skipped and wins(name, wanted.configmap) and state_of(item)]
    return sorted(name for name in found if state_of(maps[name]) != wanted.state)


def _to_drop(maps: Maps, wanted: Wanted) -> list[str]:
    """The node maps that are to go: those that were named, or all that are called as ours are."""
    if not wanted.drop:
        return []
    below = state_of(maps.get(wanted.configmap))
    if not wanted.write_global and below != wanted.state:
        says = f"says {below}" if below else "does not exist or says nothing"
        raise FleetError(
            f"drop_overrides: without its own map a runner follows the global map {wanted.configmap}, which {says}, and state is {wanted.state}.",
            f"Use state: {below}, or global: true to write {wanted.state} there too." if below else "Use global: true to write it.",
        )
    named = wanted.node_maps or sorted(name for name in maps if name.startswith(f"{wanted.configmap}-"))
    return [name for name in named if state_of(maps.get(name)) is not None]


def _overruled(maps: Maps, name: str, configmap: str) -> bool:
    """Whether somebody wrote another state to the global map after this node map: until its watch ends, the runner follows that one."""
    above = maps.get(configmap)
    if state_of(above) in (None, "", state_of(maps[name])):
        return False
    versions = [item["metadata"].get("resourceVersion", "") for item in (above or {}, maps[name])]
    return all(version.isdigit() for version in versions) and int(versions[0]) > int(versions[1])


def _entry(maps: Maps, name: str, scope: str, state: str | None, changed: bool, reason: str = "") -> dict[str, t.Any]:
    return {"name": name, "scope": scope, "previous": state_of(maps.get(name)), "state": state, "changed": changed, "holds": not reason, "reason": reason}


def _shown(state: str | None) -> dict[str, str]:
    return {} if state is None else {STATE_KEY: state}
