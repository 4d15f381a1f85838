# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing what we want with what there is, by the fields that we own (managedFields). Pure functions, no I/O."""

from __future__ import annotations

import json
import typing as t

FIELD_MANAGER = "studioml.fleet"
HIDDEN = "********"


def owned_by(thing: dict[str, t.Any] | None, manager: str = FIELD_MANAGER) -> dict[str, t.Any]:
    """The tree of fields that a manager has applied, as the server records it."""
    for entry in ((thing or {}).get("metadata") or {}).get("managedFields") or []:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("fieldsV1") or {}
    return {}


def owners_of(thing: dict[str, t.Any], *path: str) -> list[str]:
    """The names of all managers, ours excepted, that own one field."""
    names = []
    for entry in thing["metadata"].get("managedFields") or []:
        tree = entry.get("fieldsV1") or {}
        for step in path:
            tree = tree.get(f"f:{step}") if isinstance(tree, dict) else None
            if tree is None:
                break
        if tree is not None and entry.get("manager") != FIELD_MANAGER:
            names.append(str(entry.get("manager")))
    return names


def converged(wanted: t.Any, live: t.Any, owned: dict[str, t.Any]) -> bool:
    """Whether applying C(wanted) would change nothing: each value is there, each is ours, and we own nothing beyond it."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return _converged_map(wanted, live, owned)
    if isinstance(wanted, list) and isinstance(live, list):
        keyed = any(step.startswith("k:") for step in owned)
        return _converged_list(wanted, live, owned) if keyed else _contains(live, wanted)
    return _same(wanted, live)


def _converged_map(wanted: dict[str, t.Any], live: dict[str, t.Any], owned: dict[str, t.Any]) -> bool:
    leaf = not any(step.startswith("f:") for step in owned)
    if leaf:  # the server treats the whole map as one value
        return _contains(live, wanted)
    if any(step.startswith("f:") and step[2:] not in wanted for step in owned):
        return False
    return all(f"f:{key}" in owned and key in live and converged(value, live[key], owned[f"f:{key}"]) for key, value in wanted.items())


def _converged_list(wanted: list[t.Any], live: list[t.Any], owned: dict[str, t.Any]) -> bool:
    keys = [(json.loads(step[2:]), tree) for step, tree in owned.items() if step.startswith("k:")]
    if len(keys) != len(wanted):
        return False
    for key, tree in keys:
        ours, theirs = _with_key(wanted, key), _with_key(live, key)
        # key fields that only the server's defaults fill (a port's protocol) need not be in what we want
        inner = {step: sub for step, sub in tree.items() if step[2:] not in key or (ours or {}).get(step[2:]) is not None}
        if ours is None or theirs is None or not converged(ours, theirs, inner):
            return False
    return True


def _with_key(items: list[t.Any], key: dict[str, t.Any]) -> t.Any:
    return next((item for item in items if all(item.get(name, value) == value for name, value in key.items())), None)


def _contains(live: t.Any, wanted: t.Any) -> bool:
    """Equal but for what defaults have added."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(key in live and _contains(live[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(_contains(there, ours) for there, ours in zip(live, wanted))
    return _same(wanted, live)


def _same(wanted: t.Any, live: t.Any) -> bool:
    # by value: Ansible's strings are of a type of their own; but 1 is not true
    return isinstance(wanted, bool) == isinstance(live, bool) and bool(wanted == live)


def project(live: t.Any, wanted: t.Any, owned: dict[str, t.Any]) -> t.Any:
    """The part of an object that we set or want to set: no defaults, nothing of others, no bookkeeping."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        ours = set(wanted) | {step[2:] for step in owned if step.startswith("f:")}
        return {key: project(value, wanted.get(key), owned.get(f"f:{key}") or {}) for key, value in live.items() if key in ours}
    if isinstance(live, dict) and any(step.startswith("f:") for step in owned):
        return {key: project(value, None, owned[f"f:{key}"]) for key, value in live.items() if f"f:{key}" in owned}
    if isinstance(live, list) and any(step.startswith("k:") for step in owned):
        keys = [(json.loads(step[2:]), tree) for step, tree in owned.items() if step.startswith("k:")]
        others = wanted if isinstance(wanted, list) else []
        found = [(_with_key(live, key), _with_key(others, key), tree) for key, tree in keys]
        return [project(item, ours, tree) for item, ours, tree in sorted(found, key=lambda entry: _place(live, entry[0])) if item is not None]
    return live


def _place(items: list[t.Any], item: t.Any) -> int:
    return next((index for index, other in enumerate(items) if other is item), len(items))


def extracted(live: dict[str, t.Any]) -> dict[str, t.Any]:
    """The fields of an object that we have applied before: the start of the next apply that changes only one of them."""
    return project(live, {}, owned_by(live))


def masked(thing: dict[str, t.Any], former: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
    """A Secret for a diff: which keys there are and which differ from the former one, never a value. Other kinds as they are."""
    if thing.get("kind") != "Secret":
        return thing
    before = (former or {}).get("data") or {}
    words = {key: HIDDEN if before.get(key, value) == value else f"{HIDDEN} (another value)" for key, value in (thing.get("data") or {}).items()}
    return {**thing, "data": words}
