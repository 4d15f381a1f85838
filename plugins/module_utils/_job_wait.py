# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Follow a Job by watch until it is complete or failed, or until it is clear that it cannot begin; show its log while it comes; then say why."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.studioml.fleet.plugins.module_utils import _job_causes as causes
from ansible_collections.studioml.fleet.plugins.module_utils._causes import Problem, explain, grace
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_feed import Feed
from ansible_collections.studioml.fleet.plugins.module_utils._job_lines import JobLines, Report
from ansible_collections.studioml.fleet.plugins.module_utils._job_replace import NUDGE_SECONDS, nudge
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import is_finished, main_container, newest_pod, state_of, word
from ansible_collections.studioml.fleet.plugins.module_utils._job_view import View, kind_of, told
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import PodLog
from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import tail as tail_of
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event

Thing = t.Dict[str, t.Any]
# the name of a pod to what wants to hear its lines
Tap = t.Callable[[str], t.Callable[[str], None]]
# False: not yet, ask again when the pod has changed
Hook = t.Callable[[Thing], t.Optional[bool]]

# Logs that are followed at the same time, each over a connection of its own.
FOLLOWED = 16
# A Job that has no pod for so long is asked for its events: its pods may be refused.
NO_POD_SECONDS = 1.0
# The lines of a container that has ended are there within this time, or not at all.
LOG_END_SECONDS = 15.0


@dataclass
class Wait:
    """How to wait for one Job."""

    timeout: float = 3600
    image_pull: float = 60
    schedule: float = 60
    follow: bool = False
    log_lines: int = 20
    tap: Tap | None = None
    ended: Hook | None = None
    running: Hook | None = None
    since: str = ""
    tail: int | None = None
    nudge: bool = False


def to_end(
    api: Api,
    namespace: str,
    name: str,
    *,
    timeout: float,
    report: Report = None,
    follow: bool = False,
    log_file: str | None = None,
    log_lines: int = 20,
    hide: t.Iterable[str] = (),
    label: str = "",
    image_pull: float = 60,
    schedule: float = 60,
    tap: Tap | None = None,
    ended: Hook | None = None,
    running: Hook | None = None,
    since: str = "",
    tail: int | None = None,
    nudge: bool = False,
) -> Thing:
    """How a Job ended: C(state) (see C(_job_state)), C(log) (its last lines), and, unless it is complete, C(cause), C(message) and C(hint).

    One that cannot begin (its image cannot be pulled, it cannot be scheduled, its pods are refused) is given back with its cause as it is: pending. A
    FleetError is what is no failure of the Job itself: it was deleted, the time is over, the API server cannot be reached or does not know us any more.

    :param tap: gives what hears every line of a pod beside the terminal and the file.
    :param ended: called once for each pod whose main container has ended, while the others of its containers may still run, and again when that pod has changed
        if it gave back False; C(running) when it has begun.
    :param since: follow from there on (see C(PodLog)); C(tail) from so many lines before now.
    :param nudge: help a Job that the cluster's job controller has forgotten (see C(_job_replace)); this writes to it.
    """
    hidden = list(hide)
    lines = JobLines(label or name, report, follow, log_file, max(log_lines, causes.LAST_LINES), hidden)
    try:
        wait = Wait(timeout, image_pull, schedule, follow or bool(log_file or tap), log_lines, tap, ended, running, since, tail, nudge)
        return _Waiting(api, namespace, name, wait, lines, hidden).run()
    finally:
        lines.close()


class _Waiting:
    """One Job on its way to its end."""

    def __init__(self, api: Api, namespace: str, name: str, wait: Wait, lines: JobLines, hide: list[str]) -> None:
        self.api, self.namespace, self.name, self.wait, self.lines, self.hide = api, namespace, name, wait, lines, hide
        self.deadline = time.monotonic() + wait.timeout
        self.view = View()
        self.inbox: queue.Queue[tuple[str, t.Any]] = queue.Queue()
        self.feeds: dict[str, Feed] = {}
        self.logs: dict[tuple[str, int], tuple[PodLog, threading.Thread]] = {}
        self.tails: dict[str, list[str]] = {}
        self.nudged = self.view.begun

    def run(self) -> Thing:
        self._feed("job", "Job", {"fieldSelector": f"metadata.name={self.name}"})
        self._feed("pods", "Pod", {"labelSelector": f"job-name={self.name}"})
        try:
            stuck = self._until_over()
            for _log, thread in self.logs.values():
                thread.join(max(0.1, min(LOG_END_SECONDS, self.deadline - time.monotonic())))
            return self._stuck(stuck) if stuck else self._ended()
        finally:
            for feed in self.feeds.values():
                feed.stop()
            for log, _thread in self.logs.values():
                log.stop()

    def _feed(self, kind: str, of: str, query: dict[str, str]) -> None:
        self.feeds[kind] = Feed(kind, self.api, path(of, self.namespace), query, self.deadline, self.namespace, self.inbox)

    def _until_over(self) -> Problem | None:
        """Take what the watches tell until the Job has ended; or the problem that keeps it from beginning."""
        listed: set[str] = set()
        while not ({"job", "pods"} <= listed and is_finished(self.view.job)):
            now = time.monotonic()
            if now >= self.deadline:
                raise self._late()
            due, problem = self._due(now)
            if problem and due <= now:
                return problem
            if {"job", "pods"} <= listed and not self.view.own() and not self.view.job["spec"].get("suspend"):
                due = min(due, self._without_pod(now))
            try:
                kind, news = self.inbox.get(timeout=max(0.01, min(self.deadline, due) - now))
            except queue.Empty:
                continue
            if isinstance(news, FleetError):
                self._lost(kind, news)
                continue
            if news.type == "LISTED":
                listed.add(kind)
            self._take(kind, news)
        return None

    def _without_pod(self, now: float) -> float:
        """Look why the Job has no pod, if that has lasted; when to look again."""
        asked = self.view.begun + NO_POD_SECONDS
        if "events" not in self.feeds:
            if now < asked:
                return asked
            self._feed("events", "Event", {"fieldSelector": f"involvedObject.name={self.name}"})
        if not self.wait.nudge:
            return float("inf")
        if now >= self.nudged + NUDGE_SECONDS:
            self.nudged = now
            self.lines.say("has no pod yet; the cluster's job controller is made to look again")
            nudge(self.api, [self.view.job])
        return self.nudged + NUDGE_SECONDS

    def _due(self, now: float) -> tuple[float, Problem | None]:
        """When the first of the present problems has lasted too long, and which it is."""
        present = {kind_of(problem): problem for problem in self.view.problems()}
        self.view.since = {key: self.view.since.get(key, now) for key in present}
        first: tuple[float, Problem | None] = (float("inf"), None)
        for key, problem in present.items():
            if key not in self.view.said:
                self.view.said.add(key)
                self.lines.say(f"waits: {told(problem)}")
            ends = self.view.since[key] + grace(problem, self.wait.image_pull, self.wait.schedule)
            first = min(first, (ends, problem), key=lambda one: one[0])
        return first

    def _take(self, kind: str, event: Event) -> None:
        if kind == "job":
            self._take_job(event)
        elif kind == "pods":
            heard = {pod["metadata"]["uid"] for pod in event.objects}
            if event.type == "LISTED":
                self.view.gone = set(self.view.pods) - heard  # while nothing was heard: nobody saw them end
            elif event.type == "DELETED":
                self.view.gone |= heard
            for pod in event.objects:
                self.view.pods[pod["metadata"]["uid"]] = pod
                self._look_at(pod)
        else:
            refused = [problem for problem in (causes.event_problem(self.name, one) for one in event.objects) if problem]
            self.view.refused = refused[-1] if refused else self.view.refused

    def _take_job(self, event: Event) -> None:
        uid = self.view.job.get("metadata", {}).get("uid")
        found = [job for job in event.objects if uid in (None, job["metadata"]["uid"])]
        if event.type == "DELETED" or not found:
            raise self._gone(bool(self.view.job))
        before, self.view.job = self.view.job, found[0]
        if found[0]["spec"].get("suspend") and not (before.get("spec") or {}).get("suspend"):
            self.lines.say("is suspended, and waits for its queue to let it begin")
        for pod in self.view.own() if not before else []:
            self._look_at(pod)
        if not self.wait.follow and any(one.get("type") == "FailureTarget" for one in (found[0].get("status") or {}).get("conditions") or []):
            self._keep_tails()

    def _look_at(self, pod: Thing) -> None:
        """Say where a pod runs, and follow its log from when there is one."""
        if not self.view.job or not self.view.owns(pod):
            return
        meta, container = pod["metadata"], main_container(self.view.job)
        statuses: list[Thing] = (pod.get("status") or {}).get("containerStatuses") or []
        status: Thing = next((one for one in statuses if one.get("name") == container), {})
        state, run = status.get("state") or {}, (meta["uid"], int(status.get("restartCount", 0)))
        self._follow_run(pod, state, run, container)
        for kind, hook in (("running", self.wait.running), ("terminated", self.wait.ended)):
            once = (meta["name"], f"{kind} {run[1]}")
            if hook and state.get(kind) and once not in self.view.said and hook(pod) is not False:
                self.view.said.add(once)

    def _follow_run(self, pod: Thing, state: Thing, run: tuple[str, int], container: str) -> None:
        meta = pod["metadata"]
        if not (state.get("running") or state.get("terminated")) or run in self.logs:
            return
        if (key := (meta["name"], f"run {run[1]}")) not in self.view.said:
            self.view.said.add(key)
            again = f", started again ({run[1]})" if run[1] else ""
            self.lines.say(f"pod {meta['name']} runs on {pod['spec'].get('nodeName')}{again}" if state.get("running") else f"pod {meta['name']} has run")
        if not self.wait.follow:
            return
        if sum(thread.is_alive() for _log, thread in self.logs.values()) >= FOLLOWED:
            return
        log = PodLog(self.api, self.namespace, meta["name"], container, run[1], self.wait.since)
        taps = [self.wait.tap(meta["name"])] if self.wait.tap else []
        thread = threading.Thread(target=self._follow, args=(log, taps), daemon=True, name=f"log {meta['name']}")
        self.logs[run] = (log, thread)
        thread.start()

    def _follow(self, log: PodLog, taps: list[t.Callable[[str], None]]) -> None:
        spec = self.view.job["spec"]
        place = self.lines.of(log.pod, (spec.get("parallelism") or 1) > 1 or (spec.get("completions") or 1) > 1)

        def sink(line: str) -> None:
            line = place.sink(line)
            for tap in taps:
                tap(line)

        try:
            log.follow(sink, self.deadline, place.flush, self.wait.tail)
            if log.remark:
                self.lines.say(f"the log of pod {log.pod} ends with a remark of its node: {log.remark}")
        except FleetError as error:  # the Job goes on without us, and how it ends is told by the watch
            self.lines.say(f"the log of pod {log.pod} cannot be followed any more: {error.message}")
        place.flush()

    def _lost(self, kind: str, error: FleetError) -> None:
        if kind == "events":  # no permission to see them: then the Job is waited for without
            return
        status = getattr(error, "status", 0)
        what = f"Job {self.name} in namespace {self.namespace} is not followed any more, and goes on there: {error.message}"
        hint = f"{error.hint} Then wait for it by running the same again (again: keep), or with job_log."
        raise FleetError(what if self.view.job else error.message, hint if self.view.job and status == 401 else error.hint, **self._facts(), **error.details)

    def _ended(self) -> Thing:
        pods, container = self.view.own(), main_container(self.view.job)
        state = state_of(self.view.job, pods)
        bad = state["state"] != "complete"
        if bad and all(pod["exit_code"] is None for pod in state["pods"]):
            self._look_again()
            pods = self.view.own()
            state = state_of(self.view.job, pods)
        pod = causes.culprit(pods, container) if bad else newest_pod(pods)
        log = self._log_of(pod, container)
        took = f" after {state['seconds']:g} s" if state["seconds"] is not None else ""
        self.lines.say(f"{state['state']}{took}" + (f" ({state['reason']})" if bad and state["reason"] else ""))
        result = {"state": state, "log": log[-self.wait.log_lines:] if self.wait.log_lines else [], "cause": {}}
        if bad:
            words, hint, facts = causes.cause_of(state, pod, container, log)
            if facts["reason"] == causes.DELETED and self._namespace_ends():
                raise self._gone(True)
            where = f"Job {self.name} in namespace {self.namespace} failed: "
            result.update(cause=facts, message=self.lines.clean(f"{where}{words}."), hint=hint)
        return result

    def _look_again(self) -> None:
        """The watch of the pods may be behind that of the Job, and their end is the cause."""
        with contextlib.suppress(FleetError):
            query = {"labelSelector": f"job-name={self.name}"}
            found = self.api.within(10).request("GET", path("Pod", self.namespace), query, namespace=self.namespace)
            self.view.pods.update({pod["metadata"]["uid"]: pod for pod in found.get("items") or []})

    def _stuck(self, problem: Problem) -> Thing:
        """A Job that cannot begin, as it is."""
        pod = next((one for one in self.view.own() if one["metadata"]["name"] == problem.where), None)
        words, _hint, more = explain(self.api, self.namespace, problem, pod, self.hide)
        facts = {"exit_code": None, "message": self.lines.clean(" ".join(problem.words.split())), **more["cause"]}
        state = state_of(self.view.job, self.view.own())
        message = f"Job {self.name} in namespace {self.namespace} cannot begin: {words}."
        return {"state": state, "log": [], "cause": facts, "message": message, "hint": causes.advice_of(problem)}

    def _log_of(self, pod: Thing | None, container: str) -> list[str]:
        """The last lines of a pod: those that were followed, those that were kept before it was ended, or those that there are."""
        if pod is None:
            return []
        name = pod["metadata"]["name"]
        return self.lines.last(name) or self.tails.get(name) or self._tail(name, container)

    def _keep_tails(self) -> None:
        """A Job that has failed ends its pods, and their logs go with them."""
        container = main_container(self.view.job)
        for pod in self.view.own()[:FOLLOWED]:
            name = pod["metadata"]["name"]
            if name not in self.tails and (pod.get("status") or {}).get("phase") == "Running":
                self.tails[name] = self._tail(name, container)

    def _tail(self, pod: str, container: str) -> list[str]:
        try:
            return [self.lines.clean(line) for line in tail_of(self.api.within(10), self.namespace, pod, container, self.lines.keep)]
        except FleetError:
            return []  # its node has thrown it away, or we may not see it

    def _facts(self) -> Thing:
        if not self.view.job:
            return {}
        pods = self.view.own()
        newest = newest_pod(pods)
        return {"job": state_of(self.view.job, pods), "log": self.lines.last(newest["metadata"]["name"])[-self.wait.log_lines:] if newest else []}

    def _gone(self, was_there: bool) -> FleetError:
        where = f"Job {self.name} in namespace {self.namespace}"
        facts = self._facts()
        if self._namespace_ends():
            advice = f"Wait until it is gone (kubectl get namespace {self.namespace}), and run again, or use another namespace."
            return FleetError(f"{where} went away, because its namespace is being deleted.", advice, **facts)
        if not was_there:
            return FleetError(f"{where} is not there.", "It was deleted, or its time to live after the end (ttl) is over: run it again.", **facts)
        return FleetError(f"{where} was deleted while it was awaited.", "Find out who deletes it, and run it again.", **facts)

    def _namespace_ends(self) -> bool:
        try:
            namespace = self.api.find(path("Namespace", name=self.namespace))
        except FleetError:
            return False  # no permission to see it
        return namespace is None or (namespace.get("status") or {}).get("phase") == "Terminating"

    def _late(self) -> FleetError:
        where = f"Job {self.name} in namespace {self.namespace}"
        lost = next((feed.last_problem for feed in self.feeds.values() if feed.last_problem), None)
        if not self.view.job or lost:
            words = f" {lost.message}" if lost else ""
            return FleetError(f"{where} could not be followed for {self.wait.timeout:g} s.{words}", lost.hint if lost else "", **self._facts())
        problems = self.view.problems()
        because = f": {told(problems[0])}" if problems else ""
        message = self.lines.clean(f"{where} has not ended in {self.wait.timeout:g} s and is {word(self.view.job)}{because}. It goes on there.")
        hint = "Give it more time with wait_timeout, look with job_log, or remove it with gpu_job and state: absent."
        return FleetError(message, causes.advice_of(problems[0]) if problems else hint, **self._facts())
