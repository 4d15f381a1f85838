# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work at many targets: one result for each in the order given, a threshold of failures, batches, shared connections."""

from __future__ import annotations

import time
import traceback
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _descriptors, _pool, _targets
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._clients import Clients
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]
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
        self.clients = Clients([job.params for job in self.jobs], connect)
        _descriptors.allow(DESCRIPTORS * len(self.jobs))

    def stopped(self) -> str:
        """Why no further target is begun, or nothing."""
        failed = 0 if self.max_failures is None else sum(job.error is not None for job in self.jobs)
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

        _pool.each(jobs, one, self.parallel, gently=True)

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
            job.result = look(job.params, lambda params: fleet.clients.of(params).within(job.left))
        finally:
            fleet.clients.release(job.params)

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
