# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Job in the place of another of its name, so that the cluster's job controller gives it its pods.

That controller remembers, by the name of a Job, the pods that it has just asked for and not yet seen. A Job that is deleted in that moment leaves the memory to
the next one of its name, which then gets no pod, and no event tells why: until five minutes are over *and* something about the Job changes
(kubernetes 1.36, pkg/controller/job/job_controller.go, syncJob; ExpectationsTimeout in pkg/controller/controller_utils.go; docs/decisions/0011).
"""

from __future__ import annotations

import calendar
import contextlib
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _jobs
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import unfinished
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import is_finished
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._pool import each
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]

# A Job that is about to get its pods is given so long for it before it is deleted: its quota may refuse them for ever.
SETTLE_SECONDS = 3.0
# What has not settled is gone for so long before it comes again, for the controller to see that it is gone.
FORGET_SECONDS = 1.0
# The controller's memory is over after 300 s.
NUDGE_SECONDS = 310.0
NUDGED = "fleet.studioml.ai/nudged"


def make_way(api: Api, found: list[Thing], timeout: float, check: bool = False) -> None:
    """Delete Jobs of one namespace whose names are used again at once, and wait until they are gone."""
    late = [] if check or not found else unsettled(api, found)
    _jobs.remove(api, found, timeout, check)
    if late:
        time.sleep(FORGET_SECONDS)


def nudge(api: Api, jobs: t.Iterable[Thing]) -> None:
    """Change what means nothing of Jobs that have no pod, so that the controller looks at them again. Where that is not allowed they stay as they are."""

    def one(job: Thing) -> None:
        meta = job["metadata"]
        body = {"metadata": {"uid": meta["uid"], "annotations": {NUDGED: str(int(time.time()))}}}
        with contextlib.suppress(FleetError):  # a server that restarts at this very moment, too
            api.request("PATCH", path("Job", meta["namespace"], meta["name"]), None, body, _jobs.MERGE, meta["namespace"])

    each(list(jobs), one, _jobs.PARALLEL)


def is_forgotten(job: Thing) -> bool:
    """Whether it should have had a pod long ago."""
    age = time.time() - calendar.timegm(time.strptime(job["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
    return not is_settled(job) and not (job.get("status") or {}).get("failed") and age > NUDGE_SECONDS


def is_settled(job: Thing) -> bool:
    """Whether the controller has made all the pods that it is going to make for now."""
    spec, status = job["spec"], job.get("status") or {}
    if is_finished(job) or spec.get("suspend") or unfinished(job) or job["metadata"].get("deletionTimestamp"):
        return True
    wanted = spec.get("parallelism", 1)
    if spec.get("completions") is not None:
        wanted = min(wanted, spec["completions"] - (status.get("succeeded") or 0))
    return (status.get("active") or 0) >= wanted


def unsettled(api: Api, found: list[Thing]) -> list[str]:
    """The UIDs of those that do not settle while they are waited for."""
    late = {job["metadata"]["uid"] for job in found if not is_settled(job)}
    if not late:
        return []
    from ansible_collections.studioml.fleet.plugins.module_utils._watch import Watch  # seldom needed

    namespace = found[0]["metadata"]["namespace"]
    query = {"fieldSelector": f"metadata.name={found[0]['metadata']['name']}"} if len(found) == 1 else {}
    for event in Watch(api, path("Job", namespace), query, time.monotonic() + SETTLE_SECONDS, namespace):
        late -= {job["metadata"]["uid"] for job in event.objects if event.type == "DELETED" or is_settled(job)}
        if event.type == "LISTED":
            late &= {job["metadata"]["uid"] for job in event.objects}
        if not late:
            break
    return sorted(late)
