# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runners as results show them: what was asked, what is known of what became of it. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _runner_log
from ansible_collections.studioml.fleet.plugins.module_utils._contract import STATE_KEY, STATES, state_of, wins
from ansible_collections.studioml.fleet.plugins.module_utils._listening import Listening
from ansible_collections.studioml.fleet.plugins.module_utils._messages import Messages
from ansible_collections.studioml.fleet.plugins.module_utils._metrics import Metrics
from ansible_collections.studioml.fleet.plugins.module_utils._node_share import Share
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import BROKER_USER, REPLICAS, annotation
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import hostname
from ansible_collections.studioml.fleet.plugins.module_utils._pod_maps import alive
from ansible_collections.studioml.fleet.plugins.module_utils._state_plan import note_of
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import Verdict, verdict, worst
from ansible_collections.studioml.fleet.plugins.module_utils._work import is_ready

Thing = t.Dict[str, t.Any]
Maps = t.Dict[str, Thing]
RUN = STATES[0]


class Seen(t.NamedTuple):
    """What was found out about the runners of one Deployment. C(metrics) by pod; C(messages) None when the broker did not tell."""

    deployment: Thing
    part: Share
    maps: Maps
    global_map: str
    listening: Listening
    metrics: dict[str, Metrics]
    broker_asked: bool = False
    messages: Messages | None = None

    @property
    def enforced(self) -> list[str]:
        """What a drain has done beside asking, by its annotations."""
        steps = (("broker", BROKER_USER), ("scale", REPLICAS))
        return [step for step, note in steps if annotation(self.deployment, note)]

    @property
    def pods(self) -> list[Thing]:
        """Its pods, by name."""
        return sorted(self.part.pods, key=lambda pod: str(pod["metadata"]["name"]))


def entry(seen: Seen) -> Thing:
    """One Deployment with its pods."""
    deployment, spec = seen.deployment, seen.deployment["spec"]
    pods = [_pod(pod, seen) for pod in seen.pods]
    judged = _judged(seen, pods)
    states = sorted({pod["effective_state"] for pod in pods if pod["effective_state"]})
    container = spec["template"]["spec"]["containers"][0]
    return {
        "name": (spec["template"]["metadata"].get("labels") or {})["app"],
        "namespace": deployment["metadata"]["namespace"],
        "kind": deployment.get("kind") or "Deployment",
        "deployment": deployment["metadata"]["name"],
        "image": container.get("image", ""),
        "replicas": seen.part.replicas,
        "ready": seen.part.ready,
        "asked_state": state_of(seen.maps.get(seen.global_map)) or "",
        "asked_since": _since(seen.maps.get(seen.global_map)),
        "effective_state": states[0] if len(states) == 1 else ", ".join(states),
        "era": seen.listening.era,
        "listens": seen.listening.listens,
        "listens_reason": seen.listening.reason,
        "listens_advice": seen.listening.advice,
        "verdict": judged.word,
        "verdict_reason": judged.reason,
        "running": _sum(pods),
        "experiments": [one for pod in pods for one in pod["experiments"]],
        "unacknowledged": seen.messages.unacknowledged if seen.messages else None,
        "queues": seen.messages.queues if seen.messages else [],
        "enforced": seen.enforced,
        "restarted_since_asked": sum(pod["restarted_since_asked"] for pod in pods),
        "maps": _state_maps(seen.maps, seen.global_map),
        "pods": pods,
    }


def _state_maps(maps: Maps, global_map: str) -> list[Thing]:
    """The global map and every other map that holds a STATE (a runner follows the one that its HOSTNAME names)."""
    entries = []
    for name, item in sorted(maps.items()):
        state = state_of(item)
        if state is None and name != global_map:
            continue
        scope = "global" if name == global_map else "node"
        holds = scope == "global" or wins(name, global_map)
        entries.append({"name": name, "scope": scope, "state": state or "", "holds": holds, "since": _since(item), "note": note_of(item)})
    return entries


def _pod(pod: Thing, seen: Seen) -> Thing:
    status, name = pod.get("status") or {}, pod["metadata"]["name"]
    own_map = hostname(pod, seen.maps)
    own_state = state_of(seen.maps.get(own_map)) if own_map else None
    holds = not own_state or wins(own_map, seen.global_map)
    asked_by = own_map if own_state and holds else seen.global_map
    asked, since = state_of(seen.maps.get(asked_by)) or "", _since(seen.maps.get(asked_by))
    metrics = seen.metrics.get(name)
    container = _container_status(status)
    return {
        "name": name,
        "node": pod["spec"].get("nodeName") or "",
        "phase": "Terminating" if pod["metadata"].get("deletionTimestamp") else status.get("phase") or "",
        "ready": is_ready(pod),
        "restarts": sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or []),
        "restarted_since_asked": asked not in ("", RUN) and _later(pod, since),
        "started": status.get("startTime") or "",
        "container_started": ((container.get("state") or {}).get("running") or {}).get("startedAt") or "",
        "image_id": container.get("imageID") or "",
        "node_map": own_map,
        "asked_state": asked,
        "asked_since": since,
        "asked_by": asked_by,
        "holds": holds,
        "effective_state": seen.listening.effective.get(name, ""),
        "running": metrics.running if metrics else None,
        "completed": metrics.completed if metrics else None,
        "experiments": metrics.experiments if metrics else [],
    }


def _judged(seen: Seen, pods: list[Thing]) -> Verdict:
    """One verdict for all pods that were asked the same, the worst for those that were asked different things."""
    there = [pod for pod, thing in zip(pods, seen.pods) if alive(thing)]
    listens = seen.listening.listens
    asked = sorted({pod["asked_state"] for pod in there}) or [state_of(seen.maps.get(seen.global_map)) or ""]
    verdicts = []
    for state in asked:
        group = [pod for pod in there if pod["asked_state"] == state]
        held = seen.messages.unacknowledged if seen.messages else None if seen.broker_asked else 0
        if len(asked) > 1 and held and any(pod["asked_state"] in ("", RUN) and pod["running"] != 0 for pod in there):
            held = None  # the message may belong to the pods that are to run
        wanted = seen.part.replicas if len(asked) == 1 else len(group)
        ready = sum(pod["ready"] for pod in group)
        running, closed = _sum(group), "broker" in seen.enforced
        if closed and running is None and held is not None and seen.broker_asked:
            running = 0  # a later version has no metrics, but nothing new comes in, and the broker knows what is still out
        judged = verdict(state, listens, running, held, len(group), ready, wanted, enforced=closed)
        if judged.word == "quiet" and group and not seen.broker_asked:
            judged = Verdict("quiet", "No experiment runs, by its metrics; the broker was not asked.")
        verdicts.append(judged)
    return worst(verdicts)


def _sum(pods: list[Thing]) -> int | None:
    """Experiments of all pods; None when one of them did not say and none said that it is busy."""
    known = [pod["running"] for pod in pods if pod["running"] is not None]
    return sum(known) if len(known) == len(pods) or any(known) else None


def _since(configmap: Thing | None) -> str:
    """When its STATE was written last, by the server's own record of who owns which field."""
    times = []
    for entry in ((configmap or {}).get("metadata") or {}).get("managedFields") or []:
        if f"f:{STATE_KEY}" in ((entry.get("fieldsV1") or {}).get("f:data") or {}):
            times.append(str(entry.get("time") or ""))
    return max(times, default="")


def _later(pod: Thing, since: str) -> bool:
    """Whether the container started after the state was asked for: a restarted runner takes work before it has read its state."""
    started, asked = _runner_log.started(pod), _runner_log.moment(since) if since else None
    return bool(started and asked and started > asked)


def _container_status(status: Thing) -> Thing:
    return next(iter(status.get("containerStatuses") or []), {})
