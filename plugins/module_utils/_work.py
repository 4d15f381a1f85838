# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at whether runners work: pods and Jobs as the watches have told, experiments from the metrics, messages from the broker."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _metrics
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
# How many messages of the runner's user wait for their acknowledgement.
Unacknowledged = t.Callable[[], int]


class Look(t.NamedTuple):
    """What one look has found. A number that could not be had is None.

    C(unreachable): why the API server did not answer. C(mute): the metrics that are missing are of runners that serve none, or may not be read, and so do not
    come by waiting.
    """

    pods: int
    ready: int
    running: int | None
    experiments: list[dict[str, str]]
    unacknowledged: int | None
    jobs: list[str]
    problems: list[str]
    unreachable: str = ""
    mute: bool = False

    def work(self) -> str:
        """What is at work, in words."""
        names = ", ".join(entry["experiment"] for entry in self.experiments if entry["experiment"])
        parts = [_count(self.running, "experiment") + (f" ({names})" if names else "")] if self.running else []
        parts += [_count(self.unacknowledged, "unacknowledged message")] if self.unacknowledged else []
        parts += [f"{_count(len(self.jobs), 'active Job')} ({', '.join(self.jobs)})"] if self.jobs else []
        return " and ".join(parts) or "nothing that shows"


def take(api: Api, namespace: str, pods: list[Thing], jobs: list[str], unacknowledged: Unacknowledged | None, port: int) -> Look:
    """Ask every pod that runs for its metrics; ask the broker only when they say that nothing runs, for a busy runner is busy without it."""
    problems: list[str] = []
    unreachable, mute = "", True
    found: list[_metrics.Metrics] = []
    alive = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    for pod in alive:
        try:
            found.append(_metrics.of_pod(api, namespace, pod["metadata"]["name"], port))
        except Unreachable as error:  # the others are behind the same API server
            unreachable = error.message
            problems.append(unreachable)
            break
        except FleetError as error:
            problems.append(error.message)
            mute = mute and _serves_none(error)
    running = sum(one.running for one in found) if len(found) == len(alive) or any(one.running for one in found) else None
    held = None
    if unacknowledged and not running:
        try:
            held = unacknowledged()
        except FleetError as error:
            problems.append(error.message)
    experiments = [entry for one in found for entry in one.experiments]
    return Look(len(pods), sum(map(is_ready, pods)), running, experiments, held, jobs, problems, unreachable, mute)


def _serves_none(error: FleetError) -> bool:
    """Whether metrics will not come by waiting: nobody serves them, something else is at their port, or we may not read them."""
    if not isinstance(error, ApiError):
        return False
    return isinstance(error, _metrics.Mute) or error.status == 403 or (error.status == 404 and "kind" not in error.answer)


def active_jobs(jobs: list[Thing], pods: list[Thing], nodes: list[str], runner: str) -> list[str]:
    """Names of the Jobs that are not finished; with C(nodes), of those that have a pod there. A runner that itself is a Job is not its own work."""
    active = [job for job in jobs if not _finished(job) and not job["spec"].get("suspend") and _template_label(job) != runner]
    if nodes:
        there = [pod for pod in pods if pod["spec"].get("nodeName") in nodes and (pod.get("status") or {}).get("phase") in ("Pending", "Running")]
        owners = {owner.get("uid") for pod in there for owner in pod["metadata"].get("ownerReferences") or []}
        active = [job for job in active if job["metadata"]["uid"] in owners]
    return [job["metadata"]["name"] for job in active]


def is_ready(pod: Thing) -> bool:
    """Whether the kubelet says so."""
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in (pod.get("status") or {}).get("conditions") or [])


def _finished(job: Thing) -> bool:
    return any(one.get("type") in ("Complete", "Failed") and one.get("status") == "True" for one in (job.get("status") or {}).get("conditions") or [])


def _template_label(job: Thing) -> str:
    return str((job["spec"]["template"]["metadata"].get("labels") or {}).get("app") or "")


def _count(number: int | None, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
