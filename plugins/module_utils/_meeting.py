# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a drain and a resume of the same runner meet: whoever wrote STATE last has his way, and nothing of the other one stays behind.

A drain writes STATE and then acts, a resume acts and then writes STATE; after that each looks for the other one. So of two at the same moment at least one
sees what the other has done, and then undoes what a drain did.
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _back, _holds, _scope
from ansible_collections.studioml.fleet.plugins.module_utils._contract import node_map, state_of
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._state import Wanted, read_maps
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import RUN

Thing = t.Dict[str, t.Any]


def said(api: Api, wanted: Wanted) -> dict[str, str | None]:
    """What the maps that were written say at this moment."""
    names = [wanted.configmap, *wanted.node_maps] if wanted.write_global else wanted.node_maps
    if len(names) == 1:
        return {names[0]: state_of(api.find(path("ConfigMap", wanted.namespace, names[0]), wanted.namespace))}
    maps = read_maps(api, wanted.namespace)
    return {name: state_of(maps.get(name)) for name in names}


def running(api: Api, wanted: Wanted) -> list[str]:
    """Of the maps that were written, those that say Running."""
    return [name for name, state in said(api, wanted).items() if state == RUN]


def overtaken(api: Api, wanted: Wanted) -> FleetError | None:
    """Why a resumed runner does not come back, where that is because it is drained again."""
    try:
        drained = [f"{name} ({state})" for name, state in said(api, wanted).items() if state and state != RUN]
    except FleetError:
        return None
    words = f"It was asked to drain again while it came back: {', '.join(drained)} in namespace {wanted.namespace}."
    return FleetError(words, "Somebody else drains it. If it is to run all the same, run again.", verdict="asked") if drained else None


def give_way(api: Api, wanted: Wanted, resumed: list[str], broker: Thing, done: list[Thing]) -> None:
    """A drain that finds itself resumed undoes what it has done, as the resume could not know of all of it."""
    nodes = [node for node in wanted.nodes if node_map(wanted.configmap, node) in resumed]
    scope = _scope.find(api, wanted.namespace, wanted.name, nodes or wanted.nodes)
    _undo(api, scope, _back.holds_to_open(api, scope, broker), done)


def settle(api: Api, wanted: Wanted, holds: list[_holds.Hold], broker: Thing, done: list[Thing]) -> None:
    """A resume that has written Running undoes what a drain did meanwhile; what one does that has asked for it since is left to that one."""
    scope = _scope.find(api, wanted.namespace, wanted.name, wanted.nodes)
    # first what was done, then what is asked: done before it was asked, it cannot be of a drain that is still wanted
    if _back.left(api, scope, holds) and running(api, wanted):
        _undo(api, scope, _back.holds_to_open(api, scope, broker) or holds, done)


def _undo(api: Api, scope: _scope.Scope, holds: list[_holds.Hold], done: list[Thing]) -> None:
    undone: list[Thing] = []
    try:
        _back.undo(api, scope, holds, False, undone)
    finally:
        done += [entry for entry in undone if entry["changed"]]
