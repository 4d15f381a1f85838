# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work at many targets: one result for each in the order given, a threshold of failures, batches, shared connections."""

from __future__ import annotations

import collections
import dataclasses
import threading
import time
import traceback
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _descriptors, _pool, _targets
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._apply import read_cluster_id
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kept import Kept
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]
Made = t.TypeVar("Made")
Report = t.Optional[t.Callable[[str], None]]

# Of every target: a connection that is kept, and one for a watch.
DESCRIPTORS = 3


class Job:
    """One target on its way: it ends with a result, an error, or untouched."""

    def __init__(self, target: _targets.Target) -> None:
        self.name, self.params = target
        self.result: Result = {}
        self.error: FleetError | None = None
        self.skipped = ""
        self.spent = 0.0

    @property
    def open(self) -> bool:
        """Whether there may be more to do for it."""
        return self.error is None and not self.skipped

    @property
    def left(self) -> float:
        """Seconds that reading and writing here may still take."""
        return float(self.params["target_timeout"]) - self.spent

    def entry(self) -> Result:
        """What the task's result says of this target."""
        said: Result = {"target": self.name, "changed": False, "failed": self.error is not None, "skipped": bool(self.skipped), "msg": self.skipped, "hint": ""}
        said.update(self.result)
        if self.error:
            said.update(msg=self.error.message, hint=self.error.hint)
        return said


class Fleet:
    """All targets of one task."""

    def __init__(self, params: Params, connect: t.Callable[[Params], Api], kind: type[Job] = Job) -> None:
        for option, least in (("parallel", 1), ("batch", 0), ("max_failures", 0)):
            if params[option] is not None and params[option] < least:
                raise FleetError(f"{option}: {params[option]} is too small.", f"Give {least} or more.")
        if params["target_timeout"] <= 0:
            raise FleetError(f"target_timeout: {params['target_timeout']:g} is no time to wait.", "Give a number of seconds above 0.")
        self.jobs = [kind(target) for target in _targets.each(params)]
        self.parallel, self.batch, self.max_failures = params["parallel"], params["batch"], params["max_failures"]
        self._connect = connect
        self._lock = threading.Lock()
        self._apis: dict[tuple[t.Any, ...], _Once[Api]] = {}
        self._left = collections.Counter(_client(job.params) for job in self.jobs)
        self._ways: dict[Target, Kept] = {}
        self._sharing_way: collections.Counter[Kept] = collections.Counter()
        self._ids: dict[Kept, _Once[str]] = {}
        _descriptors.allow(DESCRIPTORS * len(self.jobs))

    def api(self, params: Params) -> Api:
        """The client for a target; those with the same kubeconfig and context share one, those with the same server and user its connections."""
        with self._lock:
            once = self._apis.setdefault(_client(params), _Once())
        return once.get(lambda: self._shared(self._connect(params)))

    def _shared(self, api: Api) -> Api:
        user = dataclasses.replace(api.target, path="", context="", namespace="")
        with self._lock:
            api.share(self._ways.setdefault(user, api.way))
            self._sharing_way[api.way] += 1
        return api

    def cluster_id(self, api: Api, seconds: float) -> str:
        """The identity of a cluster, asked once for each server and user."""
        with self._lock:
            once = self._ids.setdefault(api.way, _Once())
        return once.get(lambda: read_cluster_id(api.within(seconds)))

    def failures(self) -> int:
        return sum(job.error is not None for job in self.jobs)

    def stopped(self) -> str:
        """Why no further target is begun, or nothing."""
        failed = self.failures()
        if self.max_failures is None or failed <= self.max_failures:
            return ""
        return f"Not begun: {failed} of {len(self.jobs)} targets have failed, max_failures is {self.max_failures}."

    def batches(self, jobs: list[Job]) -> list[list[Job]]:
        size = self.batch or len(jobs) or 1
        return [jobs[start:start + size] for start in range(0, len(jobs), size)]

    def perform(self, jobs: t.Sequence[Job], work: t.Callable[[Job], None]) -> None:
        """Work at these targets side by side. One that is not begun when too many have failed stays as it is."""

        def one(job: Job) -> None:
            if job.open:
                job.skipped = self.stopped()
            if job.open:
                attempt([job], work, job)

        _pool.each(jobs, one, self.parallel)

    def release(self, job: Job) -> None:
        """This target needs its client no more; with the last one the kept connections are closed, since there may be a thousand of them."""
        key = _client(job.params)
        with self._lock:
            self._left[key] -= 1
            once = self._apis.get(key) if self._left[key] <= 0 else None
            api = once.value if once and isinstance(once.value, Api) else None
            if api:
                self._sharing_way[api.way] -= 1
            last = api if api and self._sharing_way[api.way] <= 0 else None
        if last:
            last.close()

    def result(self) -> Result:
        """The result of the task. It fails when any target has failed, and is complete all the same."""
        entries, before, after, warnings = [], {}, {}, []
        for job in self.jobs:
            diff = job.result.pop("diff", None) or {}
            warnings += [f"{job.name}: {warning}" for warning in job.result.pop("warnings", None) or []]
            if diff.get("before") or diff.get("after"):
                before[job.name], after[job.name] = diff["before"], diff["after"]
            entries.append(job.entry())
        failed = [job for job in self.jobs if job.error]
        said: Result = {"changed": any(entry["changed"] for entry in entries), "targets": entries, "diff": {"before": before, "after": after}}
        if warnings:
            said["warnings"] = warnings
        if failed:
            first = t.cast(FleetError, failed[0].error)
            words = f"{len(failed)} of {len(self.jobs)} targets failed: {', '.join(job.name for job in failed)}."
            skipped = sum(bool(job.skipped) for job in self.jobs)
            words += f" {skipped} were not begun." if skipped else ""
            said.update(failed=True, msg=f"{words} {failed[0].name}: {first.text()}")
        return said


def gather(params: Params, connect: t.Callable[[Params], Api], look: t.Callable[[Params, t.Callable[[Params], Api]], Result]) -> Result:
    """Only look, at each target: C(look) gets its parameters and a way to its client."""
    fleet = Fleet(params, connect)

    def one(job: Job) -> None:
        try:
            job.result = look(job.params, lambda params: fleet.api(params).within(job.left))
        finally:
            fleet.release(job)

    for batch in fleet.batches(fleet.jobs):
        fleet.perform(batch, one)
    return fleet.result()


def attempt(jobs: t.Sequence[Job], work: t.Callable[..., None], *arguments: t.Any) -> None:
    """Do this work; where it fails, these targets have failed and the others go on. The time counts for each of them."""
    begun = time.monotonic()
    try:
        work(*arguments)
        return
    except FleetError as error:
        failure = error
    except Exception as error:  # whatever is wrong at one target, the results of the others must not be lost
        trace = traceback.format_exc(limit=-3)
        failure = FleetError(f"An unexpected error, {type(error).__name__}: {error}.", "This is a fault of the collection: please report it.", exception=trace)
    finally:
        for job in jobs:
            job.spent += time.monotonic() - begun
    for job in jobs:
        late = isinstance(failure, Unreachable) and job.left <= 0
        job.error = FleetError(failure.message, f"target_timeout ({job.params['target_timeout']:g} s) is over. {failure.hint}") if late else failure
        job.result = {**job.result, **failure.details}


def _client(params: Params) -> tuple[t.Any, ...]:
    """What targets with one client have in common."""
    return (params["kubeconfig"], params["context"])


class _Once(t.Generic[Made]):
    """A value that the first of several threads makes. A failure is raised to each of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: Made | FleetError | None = None

    def get(self, make: t.Callable[[], Made]) -> Made:
        with self.lock:
            if self.value is None:
                try:
                    self.value = make()
                except FleetError as error:
                    self.value = error
            if isinstance(self.value, FleetError):
                raise self.value
            return self.value
