# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a Job stands, as results show it, from the Job and its pods. Pure functions, no I/O."""

from __future__ import annotations

import datetime
import typing as t

Thing = t.Dict[str, t.Any]

STATES = ("suspended", "pending", "running", "complete", "failed", "deleting")
FINISHED = ("complete", "failed")


def state_of(job: Thing, pods: t.Iterable[Thing] = ()) -> Thing:
    """One Job as results show it; C(pods) are those that it has made, in any order."""
    meta, status = job["metadata"], job.get("status") or {}
    ended = _condition(job, "Complete") or _condition(job, "Failed") or {}
    entries = sorted((pod_of(pod, main_container(job)) for pod in pods), key=lambda pod: (pod["start"] or "9", pod["name"]))
    state = word(job)
    reason, message = _why(job, ended)
    begin, end = status.get("startTime") or "", status.get("completionTime") or (ended.get("lastTransitionTime") or "" if ended else "")
    return {
        "name": meta["name"],
        "namespace": meta.get("namespace", ""),
        "uid": meta.get("uid", ""),
        "state": state,
        "reason": reason,
        "message": message,
        "start": begin,
        "end": end,
        "seconds": seconds_between(begin, end),
        "active": status.get("active") or 0,
        "succeeded": status.get("succeeded") or 0,
        "failed": status.get("failed") or 0,
        "exit_code": _exit_code(state, entries),
        "pods": entries,
        "labels": dict(meta.get("labels") or {}),
        "image": _image(job),
    }


def word(job: Thing) -> str:
    """The state in one word. A Job whose pods are still ending, after it has failed, has failed."""
    status = job.get("status") or {}
    if job["metadata"].get("deletionTimestamp"):
        return "deleting"
    if _condition(job, "Complete"):
        return "complete"
    if _condition(job, "Failed"):
        return "failed"
    if (job.get("spec") or {}).get("suspend"):
        return "suspended"
    ready = status.get("ready")
    return "running" if (status.get("active") or 0) > 0 and (ready is None or ready > 0) else "pending"


def is_finished(job: Thing) -> bool:
    """Whether nothing more will become of it."""
    return bool(_condition(job, "Complete") or _condition(job, "Failed"))


def main_container(job: Thing) -> str:
    """The container whose exit code is the Job's: the first one."""
    containers = job["spec"]["template"]["spec"].get("containers") or [{}]
    return str(containers[0].get("name") or "")


def pod_of(pod: Thing, container: str) -> Thing:
    """One pod of a Job as results show it."""
    status = pod.get("status") or {}
    found: Thing = next((one for one in status.get("containerStatuses") or [] if one.get("name") == container), {})
    now, before = found.get("state") or {}, found.get("lastState") or {}
    ended = now.get("terminated") or before.get("terminated") or {}
    over = bool(now.get("terminated")) or status.get("phase") in ("Succeeded", "Failed")
    waiting = (now.get("waiting") or {}).get("reason") or ""
    return {
        "name": pod["metadata"]["name"],
        "node": (pod.get("spec") or {}).get("nodeName") or "",
        "phase": "Terminating" if pod["metadata"].get("deletionTimestamp") and not over else status.get("phase") or "Pending",
        "exit_code": int(ended["exitCode"]) if "exitCode" in ended else None,
        "reason": status.get("reason") or waiting or ended.get("reason") or _unscheduled(status),
        "start": (now.get("running") or {}).get("startedAt") or _known(ended.get("startedAt")) or status.get("startTime") or "",
        "end": ended.get("finishedAt") or "" if over else "",
    }


def newest_pod(pods: t.Iterable[Thing]) -> Thing | None:
    """The pod that was made last: its log is the one that counts."""
    return max(pods, key=lambda pod: (str(pod["metadata"].get("creationTimestamp") or ""), pod["metadata"]["name"]), default=None)


def seconds_between(begin: str, end: str) -> float | None:
    """From one time of the API server to another; None where one of them is not there yet."""
    if not begin or not end:
        return None
    return (_time(end) - _time(begin)).total_seconds()


def counted(states: t.Iterable[Thing]) -> dict[str, int]:
    """How many Jobs are in each state, and how many there are."""
    found = dict.fromkeys(STATES, 0)
    for one in states:
        found[one["state"]] += 1
    return {"total": sum(found.values()), **found}


def _condition(job: Thing, kind: str) -> Thing | None:
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == kind and one.get("status") == "True"), None)


def _why(job: Thing, ended: Thing) -> tuple[str, str]:
    """The reason of the end; else that of a Job which will fail, or waits."""
    found = ended or _condition(job, "FailureTarget") or _condition(job, "Suspended") or {}
    return str(found.get("reason") or ""), " ".join(str(found.get("message") or "").split())


def _exit_code(state: str, pods: list[Thing]) -> int | None:
    """Of the pod that ended last; a complete Job may have pods that failed before."""
    codes = [pod["exit_code"] for pod in sorted(pods, key=lambda pod: (pod["end"] or "", pod["name"])) if pod["exit_code"] is not None]
    if state == "complete":
        return 0
    if state == "failed":
        codes = [code for code in codes if code] or codes
    return codes[-1] if codes else None


def _image(job: Thing) -> str:
    containers = job["spec"]["template"]["spec"].get("containers") or [{}]
    return str(containers[0].get("image") or "")


def _known(when: str | None) -> str:
    """The kubelet's word for never is the beginning of time."""
    return "" if not when or when.startswith("1970-") else when


def _unscheduled(status: Thing) -> str:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason") or "")
    return ""


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
