# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same Job at many targets: at every one of them, or at the first ones that have room for it. It says where, and why."""

from __future__ import annotations

import dataclasses
import threading
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _door, _fleet, _job_run, _job_spec, _jobs, _names, _pool
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import GRID_LABEL
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._placement import Room

Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]
Report = t.Optional[t.Callable[[str], None]]
Begin = t.Callable[[Api, Params, str, bool, _job_spec.JobSpec], _job_run.Begun]
End = t.Callable[[Api, _job_run.Begun, Params, bool, Report, str], Result]


class JobTarget(_fleet.Job):
    """One target of the task, with its Job on the way."""

    def __init__(self, target: t.Any) -> None:
        super().__init__(target)
        nodes = self.params.get("nodes") or []
        others = [key for key in ("pods", "map_names", "global") if self.params.get(key)]
        if len(nodes) > 1 or others:
            what = ", ".join(others) or "nodes"
            raise FleetError(f"targets: {self.name} has {what}, which says nothing of a Job.", "Give name, kubeconfig, context, namespace, cluster_id, node.")
        self.node = nodes[0] if nodes else ""
        self.namespace = ""
        self.begun: _job_run.Begun | None = None
        self.why = ""

    def spec(self, namespace: str) -> _job_spec.JobSpec:
        """Its Job. A host that is one node of a cluster means this node, and its Job is another one than that of the other nodes."""
        made = _job_spec.spec_of(self.params, namespace)
        if not self.node or self.params.get("node_name"):
            return made
        return dataclasses.replace(made, name=_name_at(made.name, self.node), node_name=_names.dns_name(self.node, "node"))


def _name_at(name: str, node: str) -> str:
    """What a Job is called at one node, with room for what C(again: new) adds."""
    return _names.shortened(f"{name}-{node}", _names.LABEL - 6)


def present(params: Params, check: bool, report: Report, begin: Begin = _job_run.begin, end: End = _job_run.end) -> Result:
    """Have the Job at the targets that are chosen, and follow all of them at once."""
    fleet = _fleet.Fleet(params, _door.api_of, JobTarget)
    targets = t.cast("t.List[JobTarget]", fleet.jobs)
    if params["place"] == "free":
        _place(fleet, targets, params)

    def make(job: _fleet.Job) -> None:
        one = t.cast(JobTarget, job)
        api = fleet.clients.of(one.params)
        spec = one.spec(_door.namespace_of(one.params, api.target))
        one.why = one.why or "every target is asked for"
        one.begun = begin(api.within(one.left), one.params, spec.namespace, check, spec)
        one.result = {"where": one.name, "why": one.why}

    def follow(job: _fleet.Job) -> None:
        one = t.cast(JobTarget, job)
        try:
            found = end(fleet.clients.of(one.params), t.cast(_job_run.Begun, one.begun), one.params, check, report, one.name)
            one.result.update(found)
        finally:
            fleet.clients.release(one.params)

    for batch in fleet.batches([job for job in fleet.jobs if job.open]):
        fleet.perform(batch, make)
        # each waits by itself, however long: nobody must wait for the end of another one
        _pool.each([job for job in batch if job.open], lambda job: _fleet.attempt([job], follow, job), len(batch))
    return _with_verdict(fleet.result(), targets)


def absent(params: Params, check: bool) -> Result:
    """Remove it from every target."""
    fleet = _fleet.Fleet(params, _door.api_of, JobTarget)

    def one(job: _fleet.Job) -> None:
        api = fleet.clients.of(job.params)
        name, node = job.params.get("name"), "" if job.params.get("node_name") else t.cast(JobTarget, job).node
        given = {**job.params, "name": _name_at(name, node)} if node and name else job.params
        try:
            # a selector means Jobs of the whole cluster, and the target may be one node of it
            job.result = _job_run.absent(api, given, _door.namespace_of(job.params, api.target), check, "" if name else node)
        finally:
            fleet.clients.release(job.params)

    for batch in fleet.batches(fleet.jobs):
        fleet.perform(batch, one)
    return fleet.result()


def _place(fleet: _fleet.Fleet, targets: t.Sequence[JobTarget], params: Params) -> None:
    """Choose the first targets that have the Job already, else the first with room; the others are not begun."""
    rooms: dict[str, Room] = {}
    looks: dict[tuple[str, str], _Look] = {(one.params["kubeconfig"], one.params["context"] or ""): _Look() for one in targets}

    def ask(job: _fleet.Job) -> None:
        one = t.cast(JobTarget, job)
        api = fleet.clients.of(one.params).within(one.left)
        spec = one.spec(_door.namespace_of(one.params, api.target))
        rooms[one.name] = looks[one.params["kubeconfig"], one.params["context"] or ""].room(api, spec, params)

    fleet.perform(targets, ask)
    able = [one for one in targets if one.open and rooms[one.name].fits]
    # stable: those that have it already come first, the others in the order given
    able.sort(key=lambda one: not rooms[one.name].why.startswith(THERE))
    winners = able[: params["copies"]]
    if len(winners) < params["copies"]:
        looked = "; ".join(f"{one.name}: {rooms[one.name].why if one.name in rooms else (one.error or one.skipped)}" for one in targets)
        raise FleetError(
            f"place: free found room at {len(winners)} of {params['copies']} targets. {looked}.",
            "Wait until GPUs are free, ask for less (gpus, copies), or name more targets. Nothing was made.",
        )
    for one in targets:
        one.why = rooms[one.name].why if one.name in rooms else ""
        if one not in winners and one.open:
            one.skipped = f"Not chosen: {one.why}" if not rooms[one.name].fits else f"Not needed: {one.why}"
        elif one not in winners and one.error:  # it could not be looked at, and others have room
            one.skipped, one.error = f"Not chosen: {one.error.message}", None


THERE = "the Job is there already"


class _Look:
    """One look at a cluster, however many of the targets lie in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: t.Any = None

    def room(self, api: Api, spec: _job_spec.JobSpec, params: Params) -> Room:
        from ansible_collections.studioml.fleet.plugins.module_utils import _placement

        if params["again"] != "new" and _has(api, spec, params.get("parameters") is not None):
            return _placement.Room(True, THERE)
        if spec.queue:
            if _jobs.has_kueue(api):
                return _placement.Room(True, f"handed over to Kueue, queue {spec.queue}, which knows quotas and decides when and where it runs")
            return _placement.Room(False, f"no Kueue there for queue {spec.queue}")
        with self._lock:
            if self._seen is None:
                self._seen = _placement.look(api)
        return _placement.room(*self._seen, spec)


def _has(api: Api, spec: _job_spec.JobSpec, grid: bool) -> bool:
    """Whether the Job, or any Job of the grid, is there: elsewhere it would run a second time, whatever becomes of it where it is."""
    if grid:
        found = _jobs.listed(api, spec.namespace, f"{GRID_LABEL}={spec.name}")
    else:
        live = api.find(path("Job", spec.namespace, spec.name), spec.namespace)
        found = [live] if live is not None else []
    return any(not job["metadata"].get("deletionTimestamp") for job in found)


def _with_verdict(said: Result, targets: t.Sequence[JobTarget]) -> Result:
    """Beside one result for each target: where the Job is."""
    said["where"] = [one.name for one in targets if one.begun and not one.error]
    return said
