# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why pods do not get ready: what a container waits for, how long that may last, and what to do about it. No I/O but in C(explain)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

LOG_LINES = 10
EVENTS = 5
# Seconds for what passes by itself: a ConfigMap that has just been made and has not reached the node, a quota that is freed by the old pod.
SHORT_GRACE = 10.0
ADVICE = {
    "ErrImagePull": "Check the image's name and tag, that the registry runs, and that the node trusts it (role registry_trust).",
    "ImagePullBackOff": "Check the image's name and tag, that the registry runs, and that the node trusts it (role registry_trust).",
    "InvalidImageName": "Correct image.",
    "ErrImageNeverPull": "The image is not on the node, and image_pull_policy is Never: use IfNotPresent, or bring the image there.",
    "CrashLoopBackOff": "Read the log lines above; a runner needs AMQP_URL (or SQS), keys or CLEAR_TEXT_MESSAGES=true, and CPU_ONLY=true without a GPU.",
    "CreateContainerConfigError": "Make the ConfigMap or Secret that it names, or take the reference out.",
    "CreateContainerError": "Look at the container runtime's log on the node.",
    "RunContainerError": "Look at the container runtime's log on the node; with GPUs, at the NVIDIA runtime (runtime_class).",
    "Unschedulable": "Free the resource that it names, ask for less (gpus, resources), or correct node_name, node_selector and tolerations.",
    "FailedCreate": "Correct what the API server names: a quota, an admission rule, or a ServiceAccount that is missing.",
    "ProgressDeadlineExceeded": "Look at the pods with kubectl describe.",
}
AT_ONCE = ("InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff", "RunContainerError")
IMAGE_PULL = ("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError")
# Events that only repeat the reason.
_EMPTY_EVENT = re.compile(r"\w+: (Error: \w+$|Back-off |Pulling image )")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)")


class Problem(t.NamedTuple):
    """One reason that a pod, or the Deployment itself, gives."""

    where: str
    reason: str
    words: str


def problem_of(pod: dict[str, t.Any]) -> Problem | None:
    """What keeps a pod from being ready, if it says so."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False" and condition.get("reason") == "Unschedulable":
            return Problem(name, "Unschedulable", condition.get("message") or "")
    for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in ("ContainerCreating", "PodInitializing"):
            return Problem(name, waiting["reason"], waiting.get("message") or "")
    if status.get("phase") == "Failed":
        return Problem(name, status.get("reason") or "Failed", status.get("message") or "")
    return None


def problem_of_deployment(deployment: dict[str, t.Any]) -> Problem | None:
    """What the Deployment's controller says: it could not make pods, or gave up."""
    name, status = deployment["metadata"]["name"], deployment.get("status") or {}
    generation = deployment["metadata"].get("generation", 1)
    if status.get("observedGeneration", generation) < generation:  # a Job's does not say
        return None  # it speaks of a former version
    for condition in status.get("conditions") or []:
        kind, value = condition.get("type"), condition.get("status")
        if (kind in ("ReplicaFailure", "Failed") and value == "True") or (kind == "Progressing" and value == "False"):
            return Problem(name, condition.get("reason") or kind, condition.get("message") or "")
    return None


def grace(problem: Problem, image_pull: float, schedule: float) -> float:
    """How long a problem may last before it counts."""
    if problem.reason in AT_ONCE:
        return 0.0
    if problem.reason in IMAGE_PULL:
        return image_pull
    # a Deployment that has given up once can still come up, after what it lacked was brought
    return schedule if problem.reason in ("Unschedulable", "ProgressDeadlineExceeded") else SHORT_GRACE


def explain(api: Api, namespace: str, problem: Problem, pod: dict[str, t.Any] | None, secrets: t.Iterable[str]) -> tuple[str, str, dict[str, t.Any]]:
    """The cause in one paragraph, the advice, and the facts behind it. What cannot be had (no permission) is left out."""
    events = _events(api, namespace, problem.where)
    terminated = _terminated(pod)
    log = _log(api, namespace, pod) if pod else []
    events, log = [_clean(text, secrets) for text in events], [_clean(text, secrets) for text in log]
    facts = {"pod": problem.where if pod else "", "reason": problem.reason, "events": events, "terminated": terminated, "log": log}
    parts = [f"{problem.where}: {problem.reason}" + (f" ({problem.words.strip()})" if problem.words else "")]
    if terminated:
        parts.append(f"it ended with exit code {terminated['exit_code']} ({terminated['reason']})")
    newest = [text for text in events if not _EMPTY_EVENT.match(text) and (not problem.words or " ".join(problem.words.split()) not in text)]
    if newest:
        parts.append("last event: " + newest[-1])
    if log:
        parts.append("last log lines: " + " | ".join(log[-3:]))
    return _clean("; ".join(parts), secrets), ADVICE.get(problem.reason, "Look at the pod with kubectl describe."), {"cause": facts}


def _events(api: Api, namespace: str, name: str) -> list[str]:
    try:
        listed = api.request("GET", path("Event", namespace), {"fieldSelector": f"involvedObject.name={name}"}, namespace=namespace)
    except FleetError:
        return []
    events = sorted(listed.get("items") or [], key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return [f"{event.get('reason')}: {str(event.get('message') or '').strip()}" for event in events[-EVENTS:]]


def _terminated(pod: dict[str, t.Any] | None) -> dict[str, t.Any]:
    for container in ((pod or {}).get("status") or {}).get("containerStatuses") or []:
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            if state.get("terminated"):
                ended = state["terminated"]
                return {"exit_code": int(ended.get("exitCode", 0)), "reason": ended.get("reason") or "", "message": ended.get("message") or ""}
    return {}


def _log(api: Api, namespace: str, pod: dict[str, t.Any]) -> list[str]:
    """The last lines of the container that ran last: the former one while a new one waits."""
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    if not any(container.get("containerID") or container.get("restartCount") for container in containers):
        return []  # nothing has run yet
    query: dict[str, t.Any] = {"tailLines": LOG_LINES}
    if any((container.get("state") or {}).get("waiting") for container in containers):
        query["previous"] = "true"
    try:
        return api.text(path("Pod", namespace, pod["metadata"]["name"]) + "/log", query, namespace).splitlines()
    except FleetError:
        return []


def _clean(text: str, secrets: t.Iterable[str]) -> str:
    """On one line and without credentials: those that we know, and whatever stands in a URL."""
    text = " ".join(text.split())
    for secret in secrets:
        if len(secret) > 3:
            text = text.replace(secret, "********")
    return _CREDENTIALS.sub("********", text)
