# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until runners are known to be quiet: watches for pods and Jobs, looks at metrics and broker, two of which must agree."""

from __future__ import annotations

import datetime
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._metrics import PORT
from ansible_collections.studioml.fleet.plugins.module_utils._mirror import Collection, Mirror
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import Verdict, verdict
from ansible_collections.studioml.fleet.plugins.module_utils._work import Look, Thing, Unacknowledged, active_jobs, take

# Seconds between two looks, and between the two that must agree that nothing runs.
INTERVAL, AGREE = 0.5, 0.25
# A line of progress at least so often, in seconds.
PROGRESS = 10.0
# So long a fact may be missing (a pod that starts has no metrics yet) before the answer is that it cannot be known.
BLIND = 60.0
# A look that the deadline would cut short is given so long: a busy API server that pauses just then is no unreachable one.
LAST_LOOK = 5.0
UNKNOWN = Verdict("asked", "Nothing is known yet.")


@dataclass
class Awaited:
    """Whose quiet is awaited, and by what it is known."""

    namespace: str
    name: str
    asked: str
    listens: bool | None
    nodes: list[str] = field(default_factory=list)
    unacknowledged: Unacknowledged | None = None
    # How many pods there should be, asked when there is none: between two lives of a pod nothing runs, and its successor takes work. Raises where there
    # is none because all of it was deleted.
    replicas: t.Callable[[], int] | None = None
    # Whether new work is kept away, and since when (monotonic): what was taken just before shows in the broker's statistics after their interval.
    held: bool = False
    held_since: float = 0.0
    statistics: float = 5.0
    jobs: bool = True
    port: int = PORT
    interval: float = INTERVAL


class Found(t.NamedTuple):
    """How the wait ended."""

    verdict: Verdict
    look: Look
    since: str
    waited: float


def until_quiet(api: Api, awaited: Awaited, deadline: float, report: t.Callable[[str], None] | None = None) -> Found:
    """The verdict once it is quiet, or the last one when the deadline (monotonic) has passed or it is clear that quiet cannot be known."""
    began = time.monotonic()
    collections = {"pods": Collection(path("Pod", awaited.namespace), {})}
    if awaited.jobs:
        collections["jobs"] = Collection(path("Job", awaited.namespace), {}, optional=True)
    teller, agreed = _Teller(report, deadline), False
    judged, since, blind = UNKNOWN, now_text(), 0.0
    look = Look(0, 0, None, [], None, [], [])
    with Mirror(api, collections, awaited.namespace, deadline + LAST_LOOK) as mirror:
        while True:
            mirror.wait(min(AGREE if agreed else awaited.interval, max(0.0, deadline - time.monotonic())))
            now = time.monotonic()
            problem = mirror.problem
            if problem:
                word = Verdict("unreachable", problem.message)
            elif mirror.complete:
                look, word = _looked(api.within(max(LAST_LOOK, deadline - now)), awaited, mirror, look)
            else:
                word = judged
            if word.word != judged.word:
                since = now_text()
            judged = word
            early = awaited.held and now < awaited.held_since + awaited.statistics
            if judged.word == "quiet" and not early:
                if agreed and _as_listed(api.within(max(LAST_LOOK, deadline - now)), awaited, mirror):
                    return Found(judged, look, since, now - began)
                agreed = True
            else:
                agreed = False
            blind = blind or now if judged.word == "asked" and mirror.complete else 0.0
            if now >= deadline or (blind and now - blind > BLIND):
                return Found(judged, look, since, now - began)
            teller.tell(judged, look)


def _looked(api: Api, awaited: Awaited, mirror: Mirror, before: Look) -> tuple[Look, Verdict]:
    """What is found now. An API server that does not answer leaves what was seen before, and no verdict about it."""
    try:
        look, judged = _judged(api, awaited, mirror)
    except (ApiError, Unreachable) as problem:
        if isinstance(problem, ApiError) and problem.status not in RETRIED_STATUS:
            raise
        return before, Verdict("unreachable", problem.message)
    return (before, Verdict("unreachable", look.unreachable)) if look.unreachable else (look, judged)


def _judged(api: Api, awaited: Awaited, mirror: Mirror) -> tuple[Look, Verdict]:
    pods = [pod for pod in mirror.of("pods") if _is_runner(pod, awaited)]
    jobs = active_jobs(mirror.of("jobs"), mirror.of("pods"), awaited.nodes, awaited.name) if awaited.jobs else []
    look = take(api, awaited.namespace, pods, jobs, awaited.unacknowledged, awaited.port)
    running, held = look.running, look.unacknowledged
    if awaited.held and look.mute and running is None and held is not None:
        running = 0  # no metrics (a later version), but nothing new comes in and the broker knows what is still out
    if running is not None and held is None and awaited.unacknowledged is None:
        held = 0  # there is no broker to ask: the metrics alone must do
    # A pod that starts while new work is kept away finds none, so that it need not be awaited.
    ready = look.pods if awaited.held else look.ready
    wanted = awaited.replicas() if awaited.replicas and not look.pods and not awaited.held else look.pods
    judged = verdict(awaited.asked, awaited.listens, running, held, look.pods, ready, wanted, enforced=awaited.held)
    if look.jobs and judged.word in ("quiet", "asked"):
        judged = Verdict("busy", f"It is to drain, with {look.work()}.")
    if look.problems and judged.word == "asked":
        judged = Verdict("asked", f"{judged.reason} {look.problems[0]}")
    return look, judged


def _as_listed(api: Api, awaited: Awaited, mirror: Mirror) -> bool:
    """Whether the pods are still those that the watch has told of: a connection that has died without a word tells of none that came since."""
    try:
        listed = api.request("GET", path("Pod", awaited.namespace), {"labelSelector": f"app={awaited.name}"}, namespace=awaited.namespace)
    except (ApiError, Unreachable):
        return False
    there, told = ({pod["metadata"]["uid"] for pod in pods if _is_runner(pod, awaited)} for pods in (listed.get("items") or [], mirror.of("pods")))
    return there <= told


def _is_runner(pod: Thing, awaited: Awaited) -> bool:
    if (pod["metadata"].get("labels") or {}).get("app") != awaited.name or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    return not awaited.nodes or pod["spec"].get("nodeName") in awaited.nodes


class _Teller:
    """One line when the verdict changes, and one every now and then while it does not."""

    def __init__(self, report: t.Callable[[str], None] | None, deadline: float) -> None:
        self.report, self.deadline, self.last, self.word = report, deadline, 0.0, ""

    def tell(self, judged: Verdict, look: Look) -> None:
        now = time.monotonic()
        if not self.report or judged is UNKNOWN or (judged.word == self.word and now - self.last < PROGRESS):
            return
        self.last, self.word = now, judged.word
        what = f"{judged.word}: {look.work()}" if judged.word == "busy" else f"{judged.word}: {judged.reason}"
        self.report(what if judged.word == "quiet" else f"{what.rstrip('.')}; {span(self.deadline - now)} left")


def span(seconds: float) -> str:
    """A length of time as people say it."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number] or ["0 s"]
    return " ".join(shown[:2])


def now_text() -> str:
    """This moment as Kubernetes writes it, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
