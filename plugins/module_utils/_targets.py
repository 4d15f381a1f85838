# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the entries of C(targets) to what the task's own options would be, were each target the only one. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Params = t.Dict[str, t.Any]

# The options that say which maps are meant; an entry that gives one of them gives all.
MAPS = ("nodes", "map_names", "pods", "global")
TEXTS = ("name", "kubeconfig", "context", "namespace", "cluster_id", "node")
LISTS = ("nodes", "map_names", "pods")
KEYS = (*TEXTS, *LISTS, "global", "broker")
# What makes two targets the same without asking any cluster.
SAME = ("kubeconfig", "context", "namespace", *MAPS)
ADVICE = f"An entry is the name of an inventory host, or a mapping of some of: {', '.join(KEYS)}."


class Target(t.NamedTuple):
    """One target: what results call it, and the task's options with its own in their place."""

    name: str
    params: Params


def each(params: Params) -> list[Target]:
    """The targets in the order given, checked; two that cannot be told apart are refused."""
    if params.get("kubeconfig_on") == "target":
        raise FleetError("targets: many clusters are reached from the controller only.", "Leave out kubeconfig_on: target.")
    found = [_target(params, entry) for entry in params["targets"]]
    for what, of in (("are called", lambda one: one.name), ("lead to", lambda one: repr([one.params.get(key) for key in SAME]))):
        seen: dict[str, Target] = {}
        for one in found:
            other = seen.setdefault(of(one), one)
            if other is not one:
                same = f"two entries are called {one.name}" if what == "are called" else f"{other.name} and {one.name} mean the same maps of the same cluster"
                raise FleetError(f"targets: {same}. Nothing was read or written.", "Name each target once.")
    return found


def secrets(params: Params) -> list[str]:
    """What must not be shown of the entries."""
    brokers = [entry["broker"] for entry in params.get("targets") or [] if isinstance(entry, dict) and isinstance(entry.get("broker"), dict)]
    return [str(broker["password"]) for broker in brokers if broker.get("password")]


def _target(params: Params, entry: t.Any) -> Target:
    if isinstance(entry, str):
        raise FleetError(f"targets: {entry} is no mapping, and names of inventory hosts are known to the action plugin only.", ADVICE)
    if not isinstance(entry, dict):
        raise FleetError(f"targets: an entry is of the type {type(entry).__name__}.", ADVICE)
    unknown = [str(key) for key in entry if key not in KEYS]
    if unknown:
        raise FleetError(f"targets: {_called(entry)} has the unknown key {', '.join(unknown)}.", ADVICE)
    wrong = [key for key in TEXTS if not isinstance(entry.get(key) or "", str)] + [key for key in LISTS if not _words(entry.get(key))]
    wrong += ["global"] * (not isinstance(entry.get("global"), (bool, type(None)))) + ["broker"] * (not isinstance(entry.get("broker") or {}, dict))
    if wrong:
        raise FleetError(f"targets: {_called(entry)} has the wrong type of value in {', '.join(wrong)}.", ADVICE)
    if entry.get("node") and entry.get("nodes"):
        raise FleetError(f"targets: {_called(entry)} has both node and nodes.", "Give one of them.")
    own = {key: value for key, value in entry.items() if value is not None and key not in ("name", "node")}
    if entry.get("node"):
        own["nodes"] = [entry["node"]]
    if own.get("broker"):
        own["broker"] = {**(params.get("broker") or {}), **own["broker"]}
    others = {key: None for key in MAPS} if any(key in own for key in MAPS) else {}
    return Target(_called(entry), {**params, **others, **own, "targets": None})


def _called(entry: t.Mapping[str, t.Any]) -> str:
    """The name that was given, else the words that tell it from others."""
    if entry.get("name"):
        return str(entry["name"])
    nodes = [entry["node"]] if entry.get("node") else entry.get("nodes") or []
    words = [entry.get("kubeconfig"), entry.get("context"), entry.get("namespace"), *nodes]
    return " ".join(str(word) for word in words if word) or "an entry without a name"


def _words(value: t.Any) -> bool:
    return value is None or (isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value))
