# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of state as a whole: the maps, and what goes with them. One that is about the maps alone, as most are, stays light.

Ansible compiles each file of a collection anew in each run, so the many files behind C(_drain) are loaded only where they are needed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._apply import same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._how import How
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import MARKER, annotation
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._state import Maps, Plan, Wanted, plan, read_maps, read_pods, write
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import RUN

Report = t.Optional[t.Callable[[str], None]]
Result = t.Dict[str, t.Any]

NOBODY_LOOKED = "The state is written; nobody has looked whether the runner follows it."


class Change(t.Protocol):
    """C(prepare) reads, C(before) comes before STATE is written and says what is to be written, C(after) behind it gives the keys to add to the result."""

    goes_further: bool

    def prepare(self) -> None: ...

    def before(self, planned: Plan) -> Plan: ...

    def after(self) -> Result: ...

    def result(self) -> Result: ...


class Plain:
    """Nothing but the maps."""

    goes_further = False

    def prepare(self) -> None:
        """Nothing to find out."""

    def before(self, planned: Plan) -> Plan:
        return planned

    def after(self) -> Result:
        return self.result()

    def result(self) -> Result:
        return {"verdict": "asked", "reason": NOBODY_LOOKED, "enforced": [], "forced": False, "warnings": []}


def change_of(api: Api, wanted: Wanted, how: How, maps: Maps, check: bool, report: Report = None) -> Change:
    """What goes with the change of the maps. It settles what the maps are to say of an enforcement."""
    resumes = wanted.state == RUN
    wanted.marker = "" if resumes else how.marker
    named = [wanted.configmap, *wanted.node_maps] if wanted.write_global else wanted.node_maps
    marked = any(annotation(maps[name], MARKER) for name in named if name in maps)
    if not (how.wait or how.enforce != "none" or (resumes and marked)):
        return Plain()
    from ansible_collections.studioml.fleet.plugins.module_utils import _drain

    return _drain.Change(api, wanted, how, marked, check, report)


def converge(api: Api, wanted: Wanted, how: How, check: bool, report: Report = None) -> Result:
    """All of it for one target: read, refuse what cannot be, then write."""
    maps = read_maps(api, wanted.namespace)
    if wanted.needs_pods:
        wanted = wanted.with_maps_of(read_pods(api, wanted.namespace, wanted.name), maps)
    change = change_of(api, wanted, how, maps, check, report)
    planned = plan(maps, wanted)
    change.prepare()
    if planned.steps or change.goes_further:
        same_cluster(api, wanted.cluster_id)
    return completed(begun(change, planned, lambda now: write(api, now, check)), change)


def begun(change: Change, planned: Plan, write_maps: t.Callable[[Plan], Result]) -> Result:
    """What comes before the maps, and the maps; a failure tells what was undone until then."""
    try:
        return write_maps(change.before(planned))
    except FleetError as error:
        so_far = change.result()
        if any(entry["changed"] for entry in so_far["enforced"]):
            error.details = {**so_far, **error.details, "changed": True}
        raise


def completed(result: Result, change: Change) -> Result:
    """The result of the maps with what comes after them; a failure there carries it too, for the maps are written."""
    try:
        more = change.after()
    except FleetError as error:
        error.details = merged(result, {**change.result(), **error.details})
        raise
    return merged(result, more)


def merged(result: Result, more: Result) -> Result:
    """One result for the maps and for what goes with them."""
    changes = [entry for entry in more["enforced"] if entry["changed"]]
    diff = {when: {**result["diff"][when], **{f"{one['step']} {one['what']}": one[when] for one in changes}} for when in ("before", "after")}
    return {**result, **more, "changed": result["changed"] or bool(changes), "diff": diff}
