# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a runner's own log says about its state: the only place where it says which one it follows."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

# The state is logged again every 180 s with a standard deviation of 15 s: whoever is silent for longer has nothing to say.
SILENT_SECONDS = 270
# The first watch begins 30 s after the start.
FIRST_STATE_SECONDS = 70
TAIL_LINES = 4000
WORDS = 300

# As the runner prints it, to the letter: "stack" runs into the state.
_STATE = re.compile(r"k8s state is (\w+?)stack\[")
_MISSPELT = re.compile(r"\S+ does not belong to K8sState values")
_WATCHING = re.compile(r"k8s watcher starting in namespace (\S+)")
_OFFLINE = re.compile(r"k8s monitoring offline.*")
_TALKATIVE = re.compile(r"(?<![A-Za-z])(?:INF|DBG|TRC)(?![A-Za-z])")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[-+]\d\d:\d\d) ")


class Heard(t.NamedTuple):
    """What one pod's log says.

    C(state) is the last state that it named (C(Unknown) after a misspelt word), C(state_time) when, C(watched) the namespace of its watch, C(offline) its words
    when it cannot watch; each empty if it says nothing of the kind. C(silent) tells that it would have named a state by now, if it read one: it logs other
    things of that importance.
    """

    state: str = ""
    state_time: str = ""
    watched: str = ""
    offline: str = ""
    silent: bool = False


def of_pod(api: Api, namespace: str, pod: dict[str, t.Any], since: str = "", container: str = "") -> Heard:
    """Read the log of a pod that runs; C(since) is a time (RFC 3339) before which nothing counts."""
    query: dict[str, t.Any] = {"timestamps": "true", "tailLines": TAIL_LINES}
    if since:
        query["sinceTime"] = since
    if container:
        query["container"] = container
    text = api.text(path("Pod", namespace, pod["metadata"]["name"]) + "/log", query, namespace)
    return heard(text, started(pod, container), datetime.datetime.now(datetime.timezone.utc), partial=bool(since))


def heard(text: str, start: datetime.datetime | None, now: datetime.datetime, partial: bool = False) -> Heard:
    """Understand a log whose lines begin with their time, as the kubelet gives it.

    :param start: when the container started, if it runs.
    :param partial: the beginning is left out on purpose.
    """
    state = state_time = watched = offline = ""
    talkative = False
    first: datetime.datetime | None = None
    for line in text.splitlines():
        stamp = _STAMP.match(line)
        words = line[stamp.end() :] if stamp else line
        first = first or (moment(stamp.group()) if stamp else None)
        named = _STATE.search(words)
        if named or _MISSPELT.search(words):
            state, state_time = named.group(1) if named else "Unknown", stamp.group().strip() if stamp else ""
        found = _WATCHING.search(words)
        watched = found.group(1) if found else watched
        lost = _OFFLINE.search(words)
        offline = lost.group()[:WORDS] if lost else "" if named or found else offline
        talkative = talkative or bool(_TALKATIVE.search(words[:120]))
    if state or not talkative or partial or not start or (now - start).total_seconds() < FIRST_STATE_SECONDS:
        return Heard(state, state_time, watched, offline)
    whole = first is not None and (first - start).total_seconds() < FIRST_STATE_SECONDS
    long_enough = first is not None and (now - first).total_seconds() > SILENT_SECONDS
    return Heard(state, state_time, watched, offline, silent=whole or long_enough)


def started(pod: dict[str, t.Any], container: str = "") -> datetime.datetime | None:
    """When the runner's container started; None while it does not run."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    for status in statuses:
        if not container or status.get("name") == container:
            running = (status.get("state") or {}).get("running") or {}
            return moment(running["startedAt"]) if running.get("startedAt") else None
    return None


def age(pod: dict[str, t.Any]) -> float:
    """Seconds since its container started, by the clock here; 0 while it does not run."""
    start = started(pod)
    return (datetime.datetime.now(datetime.timezone.utc) - start).total_seconds() if start else 0.0


def moment(text: str) -> datetime.datetime | None:
    """A time as the API server and the kubelet write it."""
    stamp = _STAMP.match(f"{text.strip()} ")
    if not stamp:
        return None
    return datetime.datetime.fromisoformat(stamp.group(1) + stamp.group(2).replace("Z", "+00:00"))
