# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Follow a Deployment, a DaemonSet or a Job by watch until it is rolled out, or until it is clear that it will not be; then say why."""

from __future__ import annotations

import queue
import threading
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._causes import Problem, explain, grace, problem_of, problem_of_deployment
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event, Watch
from ansible_collections.studioml.fleet.plugins.module_utils._workload import CONFIG_HASH

Thing = t.Dict[str, t.Any]


@dataclass
class Patience:
    """How long to wait for what, in seconds."""

    timeout: float = 300
    image_pull: float = 60
    schedule: float = 60


@dataclass
class _View:
    """What the watches have told so far."""

    deployment: Thing
    kind: str = "Deployment"
    pods: dict[str, Thing] = field(default_factory=dict)
    since: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def template(self) -> str:
        return _annotation(self.deployment["spec"]["template"])

    def current(self) -> list[Thing]:
        """Pods of the template that is being rolled out and are not on their way out."""
        alive = [pod for pod in self.pods.values() if not pod["metadata"].get("deletionTimestamp")]
        return [pod for pod in alive if _annotation(pod) == self.template]


def is_rolled_out(deployment: Thing, kind: str = "Deployment") -> bool:
    """Whether all replicas are of the newest template and available, and none is left over. A Job: whether its pods have begun, or it is complete."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    if kind == "Job":
        complete = any(one.get("type") == "Complete" and one.get("status") == "True" for one in status.get("conditions") or [])
        return complete or status.get("ready", 0) >= deployment["spec"].get("parallelism", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 1):
        return False
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return all(status.get(count, 0) == wanted for count in ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable"))
    return all(status.get(count, 0) == wanted for count in ("replicas", "updatedReplicas", "availableReplicas"))


def rollout(api: Api, deployment: Thing, patience: Patience, secrets: t.Iterable[str] = (), kind: str = "Deployment") -> list[Thing]:
    """The pods of the Deployment (or other C(kind)) once it is rolled out; FleetError with the cause when it fails or time is up."""
    deadline = time.monotonic() + patience.timeout
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    labels = ",".join(f"{key}={value}" for key, value in sorted(deployment["spec"]["selector"]["matchLabels"].items()))
    inbox: queue.Queue[tuple[str, t.Any]] = queue.Queue()
    watches = {
        "workload": Watch(api, path(kind, namespace), {"fieldSelector": f"metadata.name={name}"}, deadline, namespace),
        "pods": Watch(api, path("Pod", namespace), {"labelSelector": labels}, deadline, namespace),
    }
    threads = [threading.Thread(target=_follow, args=(kind, watch, inbox), daemon=True) for kind, watch in watches.items()]
    for thread in threads:
        thread.start()
    view = _View(deployment, kind)
    try:
        _until_done(view, inbox, deadline, patience)
        return sorted(view.current(), key=lambda pod: pod["metadata"]["name"])
    except _Failed as failed:
        raise _with_cause(api, view, failed, namespace, patience, watches.values(), secrets) from None
    finally:
        for watch in watches.values():
            watch.stop()
        for thread in threads:
            thread.join(1)


class _Failed(Exception):
    def __init__(self, problem: Problem | None, timed_out: bool) -> None:
        super().__init__()
        self.problem, self.timed_out = problem, timed_out


def _follow(kind: str, watch: Watch, inbox: queue.Queue[tuple[str, t.Any]]) -> None:
    """Body of a thread: everything that one watch tells goes to the one who waits, its failure too."""
    try:
        for event in watch:
            inbox.put((kind, event))
    except FleetError as error:
        inbox.put(("error", error))


def _until_done(view: _View, inbox: queue.Queue[tuple[str, t.Any]], deadline: float, patience: Patience) -> None:
    listed: set[str] = set()
    while True:
        if listed == {"workload", "pods"} and is_rolled_out(view.deployment, view.kind):
            return
        now = time.monotonic()
        due = _next_due(view, patience, now)
        if now >= deadline:
            raise _Failed(_oldest(view), timed_out=True)
        try:
            kind, news = inbox.get(timeout=max(0.01, min(deadline, due) - now))
        except queue.Empty:
            continue
        if kind == "error":
            raise news
        if news.type == "LISTED":
            listed.add(kind)
        _take(view, kind, news)


def _take(view: _View, kind: str, event: Event) -> None:
    if kind == "pods":
        if event.type == "LISTED":
            view.pods.clear()
        for pod in event.objects:
            if event.type == "DELETED":
                view.pods.pop(pod["metadata"]["name"], None)
            else:
                view.pods[pod["metadata"]["name"]] = pod
        return
    if event.type == "DELETED" or not event.objects:
        raise FleetError(
            f"{view.kind} {view.deployment['metadata']['name']} was deleted while its rollout was awaited.", "Find out who deletes it, and run again."
        )
    view.deployment = event.objects[0]


def _problems(view: _View) -> list[Problem]:
    found = [problem_of(pod) for pod in view.current()]
    return [problem for problem in [*found, problem_of_deployment(view.deployment)] if problem]


def _next_due(view: _View, patience: Patience, now: float) -> float:
    """When the first of the present problems has lasted too long; raises when one has."""
    present = {_kind_of(problem): problem for problem in _problems(view)}
    view.since = {key: view.since.get(key, now) for key in present}
    due = float("inf")
    for key, problem in present.items():
        ends = view.since[key] + grace(problem, patience.image_pull, patience.schedule)
        if ends <= now:
            raise _Failed(problem, timed_out=False)
        due = min(due, ends)
    return due


def _kind_of(problem: Problem) -> tuple[str, str]:
    # ErrImagePull and ImagePullBackOff take turns: one problem
    return (problem.where, "image" if "Image" in problem.reason else problem.reason)


def _oldest(view: _View) -> Problem | None:
    problems = _problems(view)
    return min(problems, key=lambda problem: view.since.get(_kind_of(problem), 0)) if problems else None


def _with_cause(
    api: Api, view: _View, failed: _Failed, namespace: str, patience: Patience, watches: t.Iterable[Watch], secrets: t.Iterable[str]
) -> FleetError:
    name, status = view.deployment["metadata"]["name"], view.deployment.get("status") or {}
    ready = _counted(status, view.deployment["spec"], view.kind)
    message = f"{view.kind} {name} in namespace {namespace} was applied, but is not rolled out ({ready})"
    message += f" after {patience.timeout:g} s." if failed.timed_out else "."
    pods = [pod["metadata"]["name"] for pod in view.current()]
    facts: dict[str, t.Any] = {"rollout": {"ready": False, "pods": pods, "conditions": conditions(view.deployment)}}
    lost = next((watch.last_problem for watch in watches if watch.last_problem), None)
    if failed.problem:
        pod = view.pods.get(failed.problem.where)
        cause, advice, more = explain(api, namespace, failed.problem, pod, secrets)
        return FleetError(f"{message} {cause}.", advice, **facts, **more)
    if lost:
        return FleetError(f"{message} {lost.message}", lost.hint, **facts)
    unfinished = [pod for pod in view.current() if not _is_ready(pod)]
    waiting_for = Problem((unfinished or [view.deployment])[0]["metadata"]["name"], "NotReady", "no problem is reported, it is only not ready")
    cause, advice, more = explain(api, namespace, waiting_for, unfinished[0] if unfinished else None, secrets)
    hint = advice + " Give it more time with wait_timeout if it only is slow (a large image)." if unfinished else "Does the cluster's controller manager run?"
    return FleetError(f"{message} {cause}.", hint, **facts, **more)


def _counted(status: Thing, spec: Thing, kind: str) -> str:
    if kind == "DaemonSet":
        return f"{status.get('numberAvailable', 0)} of {status.get('desiredNumberScheduled', 0)} pods available"
    if kind == "Job":
        return f"{status.get('ready', 0)} of {spec.get('parallelism', 1)} pods ready"
    return f"{status.get('availableReplicas', 0)} of {spec.get('replicas', 1)} pods available"


def conditions(deployment: Thing) -> list[dict[str, str]]:
    """What the Deployment says about itself, for results."""
    found = (deployment.get("status") or {}).get("conditions") or []
    return [{key: str(one.get(key) or "") for key in ("type", "status", "reason", "message")} for one in found]


def _is_ready(pod: Thing) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in (pod.get("status") or {}).get("conditions") or [])


def _annotation(thing: Thing) -> str:
    return str(((thing.get("metadata") or {}).get("annotations") or {}).get(CONFIG_HASH, ""))
