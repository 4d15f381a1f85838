# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a Job has failed, or cannot begin: what its pods, the Job itself and its events say. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._causes import ADVICE, Problem, problem_of

Thing = t.Dict[str, t.Any]

LAST_LINES = 3
NOT_OURS = "CrashLoopBackOff"  # a container that is started again until the retries are used up: the Job's own matter

# Nobody says why a pod went away.
DELETED = "Deleted"
# Reasons of an end, of the Job or of its pod.
END_ADVICE = {
    "DeadlineExceeded": "It took longer than deadline allows: give it more, or find out where it hangs.",
    "OOMKilled": "It needed more memory than resources.limits.memory: raise it, or make the work smaller.",
    "Evicted": "Its node was short of what the message names: free space there, give the Job a volume of its own, or let it be tried again (retries).",
    "StartError": "The program that command names is not in the image, or may not be run: correct command, or image.",
    "ContainerCannotRun": "The program that command names is not in the image, or may not be run: correct command, or image.",
    "NodeLost": "The node went away: see kubectl get nodes, and let it be tried again (retries).",
    "Deleted": "Somebody deleted its pod: let it be tried again (retries), or run it again.",
    "EvictionByEvictionAPI": "Its pod was evicted, as a drain of the node does: let it be tried again (retries), or run it again.",
    "PreemptionByScheduler": "A pod of a higher priority took its place: give it a priority_class, or let it be tried again (retries).",
    "DeletionByTaintManager": "Its node got a taint that it does not tolerate: see kubectl describe node, and let it be tried again (retries).",
    "DeletionByPodGC": "The node went away: see kubectl get nodes, and let it be tried again (retries).",
    "PodFailurePolicy": "Its rule for failures ended it: see kubectl describe job.",
}
EXIT_ADVICE = {
    126: "The shell found the command, but may not run it: look at its permissions.",
    127: "The shell did not find the command: correct it, or the image's PATH.",
    137: "It was killed: by its memory limit, by its node, or because it was asked to end and did not.",
    139: "It broke in its own memory (segmentation fault); with GPUs, look whether the driver fits the image.",
    143: "It was asked to end (SIGTERM): by its deadline, a drain, or somebody.",
}
# What the words of a problem tell beyond its reason.
WORDS_ADVICE = (
    ("exceeded quota", "Ask for less (gpus, resources), free what others hold there, or have the ResourceQuota raised: kubectl describe quota."),
    ("must specify", "The namespace's ResourceQuota wants these in every pod: give them in resources."),
    ("violates PodSecurity", "The namespace enforces pod security: use pod_security: restricted, without host_path, or another namespace."),
    ("unbound immediate PersistentVolumeClaims", "A claim waits for its volume: kubectl describe pvc tells why (class, size, access mode, no provisioner)."),
    ("persistentvolumeclaim", "Make the claim first, or correct claims."),
    ("PersistentVolumeClaim", "Make the claim first, or correct claims."),
    ("nvidia.com/gpu", "So many GPUs are not free on one node: ask for less (gpus), or wait for those that are in use (schedule_grace)."),
    ("service account", "Make the ServiceAccount first, or correct service_account."),
    ("serviceaccount", "Make the ServiceAccount first, or correct service_account."),
)


def waiting_problem(pod: Thing) -> Problem | None:
    """What keeps a pod of a Job from beginning."""
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed"):
        return None
    problem = problem_of(pod)
    return None if problem and problem.reason == NOT_OURS else problem


def event_problem(job: str, event: Thing) -> Problem | None:
    """What the Job's controller says of pods that it could not make."""
    if event.get("type") == "Normal" or event.get("reason") != "FailedCreate":
        return None
    words = str(event.get("message") or "").strip()
    return Problem(job, "FailedCreate", words[len("Error creating: "):] if words.startswith("Error creating: ") else words)


def advice_of(problem: Problem) -> str:
    """What to do about a Job that cannot begin."""
    for words, advice in WORDS_ADVICE:
        if words in problem.words:
            return advice
    return ADVICE.get(problem.reason, "Look at the pod with kubectl describe.")


def culprit(pods: t.Iterable[Thing], container: str) -> Thing | None:
    """The pod that the end of a failed Job is due to: the one that failed last."""
    failed = [pod for pod in pods if _bad(pod, container)]
    return max(failed, key=lambda pod: (_ended(pod, container).get("finishedAt") or "", str(pod["metadata"].get("creationTimestamp") or "")), default=None)


def cause_of(state: Thing, pod: Thing | None, container: str, log: t.Sequence[str]) -> tuple[str, str, Thing]:
    """Why a Job has failed: in one paragraph, what to do, and the facts."""
    ended, status = _ended(pod, container) if pod else {}, (pod or {}).get("status") or {}
    reason, words = status.get("reason") or ended.get("reason") or "", " ".join(str(status.get("message") or ended.get("message") or "").split())
    disruption = next((one for one in status.get("conditions") or [] if one.get("type") == "DisruptionTarget" and one.get("status") == "True"), None)
    if disruption and not status.get("reason"):
        reason, words = disruption.get("reason") or "Evicted", " ".join(str(disruption.get("message") or "").split())
    elif pod and reason in ("", "Error") and pod["metadata"].get("deletionTimestamp"):
        reason = DELETED
    code = int(ended["exitCode"]) if "exitCode" in ended else None
    parts = []
    beside = _beside(pod, container) if pod and code == 0 else ""
    if state["reason"] not in ("", "BackoffLimitExceeded"):
        parts.append(f"{state['reason']} ({state['message']})" if state["message"] else state["reason"])
    if pod:
        how = f"ended with exit code {code}" if code is not None else "did not end by itself"
        shown = "" if reason in ("", "Error") else f" ({reason}{': ' + words if words else ''})"
        parts.append(f"pod {pod['metadata']['name']} {how}{'' if beside else shown}{beside}")
    elif not parts:
        parts.append("none of its pods is left to tell why")
    said = [line for line in log if line.strip()][-LAST_LINES:]
    if said:
        parts.append("last log lines: " + " | ".join(" ".join(line.split()) for line in said))
    facts = {"pod": pod["metadata"]["name"] if pod else "", "reason": reason or state["reason"], "message": words or state["message"], "exit_code": code}
    hint = "Give artefacts.image an image that has sh and tar." if "container artefacts" in beside else _end_advice(state["reason"], reason, code, pod)
    return "; ".join(parts), hint, {**facts, "events": [], "log": list(log)}


def _beside(pod: Thing, container: str) -> str:
    """Which other container of a pod failed, when the main one has not."""
    for one in (pod.get("status") or {}).get("containerStatuses") or []:
        ended = (one.get("state") or {}).get("terminated") or {}
        if one.get("name") != container and ended.get("exitCode"):
            words = " ".join(str(ended.get("message") or "").split())
            return f", but its container {one['name']} with {ended['exitCode']} ({ended.get('reason') or 'Error'}{': ' + words if words else ''})"
    return ""


def _end_advice(job_reason: str, reason: str, code: int | None, pod: Thing | None) -> str:
    for word in (job_reason, reason):
        if word in END_ADVICE:
            return END_ADVICE[word]
    if code is not None:
        return EXIT_ADVICE.get(code, "Read the log: the program itself ended with this code.")
    return "Look at the pod with kubectl describe." if pod else "Run it again with follow: true, which keeps what a pod says when the pod itself is not kept."


def _bad(pod: Thing, container: str) -> bool:
    if (pod.get("status") or {}).get("phase") == "Succeeded":
        return False
    return (pod.get("status") or {}).get("phase") == "Failed" or bool(pod["metadata"].get("deletionTimestamp")) or bool(_ended(pod, container).get("exitCode"))


def _ended(pod: Thing, container: str) -> Thing:
    """How the container ended: now, or before it was started again."""
    for one in (pod.get("status") or {}).get("containerStatuses") or []:
        if one.get("name") == container:
            return (one.get("state") or {}).get("terminated") or (one.get("lastState") or {}).get("terminated") or {}
    return {}
