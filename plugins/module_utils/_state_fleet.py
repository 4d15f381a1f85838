# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a runner state at many targets: all are read, then the clusters are told apart, and only then is anything written anywhere."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _change, _pool, _state
from ansible_collections.studioml.fleet.plugins.module_utils._apply import compared_cluster_id
from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_namespace
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fleet import Fleet, Job, Params, Report, Result, attempt
from ansible_collections.studioml.fleet.plugins.module_utils._how import How
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api


class StateJob(Job):
    """A target with what is to be written there, and what goes with it."""

    wanted: _state.Wanted
    how: How
    change: _change.Change
    plan: _state.Plan
    api: Api
    cluster_id = ""

    @property
    def to_do(self) -> bool:
        """Whether there is more to do than to read."""
        return self.open and (bool(self.plan.steps) or self.change.goes_further)

    @property
    def map_names(self) -> list[str]:
        """The maps that are this target's business: those asked for, and those that are written because of them."""
        asked = [self.wanted.configmap, *self.wanted.node_maps] if self.wanted.write_global else self.wanted.node_maps
        return list(dict.fromkeys([*asked, *(step.name for step in self.plan.steps)]))


def converge(params: Params, check: bool, connect: t.Callable[[Params], Api], report: Report = None) -> Result:
    """The whole task. What comes beside the maps (C(_change)) is looked into before anything is written, and done after that."""
    fleet = Fleet(params, connect, StateJob)
    _read_all(fleet, check, report)
    _pool.each([job for job in _jobs(fleet) if job.open and job.change.goes_further], lambda job: attempt([job], job.change.prepare), fleet.parallel)
    todo = [job for job in _jobs(fleet) if job.to_do]
    _tell_apart(todo)
    inner = max(1, fleet.parallel // max(1, len(todo)))
    for batch in fleet.batches([job for job in todo if job.open]):
        fleet.perform(batch, lambda job: _write(fleet, t.cast(StateJob, job), check, inner))
        further = [job for job in batch if job.open and job.change.goes_further]
        # a wait costs little but time: all of a batch at once
        _pool.each(further, lambda job: attempt([job], _follow, fleet, job), len(batch))
    return fleet.result()


def _jobs(fleet: Fleet) -> list[StateJob]:
    return t.cast("list[StateJob]", fleet.jobs)


def _read_all(fleet: Fleet, check: bool, report: Report) -> None:
    """One list for each namespace of each cluster, however many targets share it."""
    for job in _jobs(fleet):
        attempt([job], _want, job)
    groups: dict[tuple[t.Any, ...], list[StateJob]] = {}
    for job in _jobs(fleet):
        if job.open:
            key = (job.params["kubeconfig"], job.params["context"], job.params["namespace"], job.wanted.name if job.wanted.needs_pods else None)
            groups.setdefault(key, []).append(job)
    _pool.each(list(groups.values()), lambda jobs: attempt(jobs, _read, fleet, jobs, check, report), fleet.parallel, gently=True)


def _want(job: StateJob) -> None:
    job.wanted, job.how = _state.Wanted.of(job.params, job.params["namespace"] or ""), How.of(job.params)


def _read(fleet: Fleet, jobs: list[StateJob], check: bool, report: Report) -> None:
    client = fleet.clients.of(jobs[0].params)
    api = client.within(min(job.left for job in jobs))
    namespace = checked_namespace(jobs[0].wanted.namespace or client.target.namespace)
    maps = _state.read_maps(api, namespace)
    pods = _state.read_pods(api, namespace, jobs[0].wanted.name) if jobs[0].wanted.needs_pods else []
    for job in jobs:
        job.api, job.wanted.namespace = client, namespace
        attempt([job], _plan, job, maps, pods, check, report)
        if not job.to_do:
            fleet.clients.release(job.params)
        elif len(fleet.jobs) > 1 or job.wanted.cluster_id:
            attempt([job], _identify, fleet, job)


def _plan(job: StateJob, maps: _state.Maps, pods: list[dict[str, t.Any]], check: bool, report: Report) -> None:
    if job.wanted.needs_pods:
        job.wanted = job.wanted.with_maps_of(pods, maps)
    named = (lambda line: report(f"{job.name}: {line}")) if report else None
    job.change = _change.change_of(job.api, job.wanted, job.how, maps, check, named)
    job.plan = _state.plan(maps, job.wanted)
    job.result = {} if job.plan.steps else _change.merged(job.plan.result(), job.change.result())


def _identify(fleet: Fleet, job: StateJob) -> None:
    """Which cluster it is, by one request for each client, before anything is written."""
    job.cluster_id = fleet.clients.cluster_id(job.api, job.left)
    if job.wanted.cluster_id:
        compared_cluster_id(job.api, job.wanted.cluster_id, job.cluster_id)


def _tell_apart(jobs: list[StateJob]) -> None:
    """Where two targets lead to the same cluster and would write the same map, nothing is written at all."""
    writers: dict[tuple[str, str, str], StateJob] = {}
    clashes: dict[str, FleetError] = {}
    for job in jobs:
        for name in job.map_names if job.open and job.cluster_id else []:
            other = writers.setdefault((job.cluster_id, job.wanted.namespace, name), job)
            if other is not job:
                words = (
                    f"{other.name} and {job.name} lead to the same cluster (UID {job.cluster_id} of its kube-system namespace), "
                    f"and both would write the map {name} in namespace {job.wanted.namespace}. Nothing was written anywhere."
                )
                error = FleetError(words, "Name the cluster once, or name a node for each, so that each means a map of its own.", cluster_id=job.cluster_id)
                clashes.setdefault(other.name, error)
                clashes.setdefault(job.name, error)
    if clashes:
        for job in jobs:
            job.error = job.error or clashes.get(job.name)
            job.skipped = "" if job.error else f"Nothing was written anywhere, because {' and '.join(clashes)} are the same cluster."


def _write(fleet: Fleet, job: StateJob, check: bool, parallel: int) -> None:
    try:
        job.wanted.parallel = parallel
        written = _change.begun(job.change, job.plan, lambda planned: _state.write(job.api.within(job.left), planned, check))
        job.result = written if job.change.goes_further else _change.merged(written, job.change.result())
    finally:
        if not job.change.goes_further:
            fleet.clients.release(job.params)


def _follow(fleet: Fleet, job: StateJob) -> None:
    try:
        job.result = _change.completed(job.result, job.change)
    finally:
        fleet.clients.release(job.params)
