# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back: undo what a drain did, in the opposite order, and see that the runner takes work again."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _holds, _metrics, _ownership
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import is_closed
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, title
from ansible_collections.studioml.fleet.plugins.module_utils._quiet import Found, now_text, span
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._scope import Scope, runner_pods
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import RUN, Verdict, verdict
from ansible_collections.studioml.fleet.plugins.module_utils._wait import Patience, rollout
from ansible_collections.studioml.fleet.plugins.module_utils._work import Look, is_ready, take

Thing = t.Dict[str, t.Any]
INTERVAL, PROGRESS = 1.0, 10.0
# A runner that finds no queue for itself never asks one for work. It looks for its broker every 15 to 30 s; after so many seconds that is what it is.
IDLE = 60.0


def holds_to_open(api: Api, scope: Scope, given: Thing) -> list[_holds.Hold]:
    """The broker users that a drain of these runners may have kept off. Where one certainly was and the broker cannot be asked, that is an error."""
    noted = [deployment for deployment in scope.deployments if _ownership.annotation(deployment, _ownership.BROKER_USER)]
    try:
        holds = _holds.found(api, scope.namespace, scope.deployments, given, to_close=False)
    except FleetError:
        if noted or given:
            raise
        return []  # nothing was taken away, and who would give it back is not said
    for hold in holds:
        if not hold.may_close and hold.deployments_noted():
            raise FleetError(
                f"The read permission of the broker's user {hold.label} was taken away by a drain, and it cannot be given back without an administrator of the "
                "broker.",
                "Give broker (username and password of a user with the tag administrator), as for the drain. Nothing was undone yet.",
            )
    return holds


def undo(api: Api, scope: Scope, holds: list[_holds.Hold], check: bool, done: list[Thing]) -> None:
    """What was ours to undo, each with what it was and what it is; told in C(done) one by one, so that it is known where an error ends it."""
    _uncordon(api, scope, check, done)
    for deployment in scope.deployments:
        former, before = _ownership.remembered_replicas(deployment), _ownership.replicas_of(deployment)
        if _ownership.scale_up(api, deployment, check):
            done.append({"step": "scale", "what": title(deployment), "changed": True, "before": before, "after": before or former})
    for hold in holds:
        if hold.may_close:
            done.append(hold.open(api, check))


def left(api: Api, scope: Scope, holds: list[_holds.Hold]) -> bool:
    """Whether there is anything of a drain to undo."""
    if any(_ownership.remembered_replicas(one) is not None or _ownership.annotation(one, _ownership.BROKER_USER) for one in scope.deployments):
        return True
    closed = any(hold.may_close and is_closed(hold.permissions()["read"]) for hold in holds)
    return closed or any(_ownership.annotation(node, _ownership.CORDONED_FOR) == scope.owner for node in _nodes(api, scope))


def verified(api: Api, scope: Scope, how: t.Any, report: t.Callable[[str], None] | None) -> Found:
    """Once the pods are ready again and a runner has looked into a queue since; FleetError when that does not come."""
    began = time.monotonic()
    deadline = began + how.wait_timeout
    wanted = 0
    for deployment in scope.deployments:
        live = api.request("GET", path("Deployment", scope.namespace, deployment["metadata"]["name"]), namespace=scope.namespace)
        rollout(api, live, Patience(timeout=max(1.0, deadline - time.monotonic())))
        wanted += _ownership.replicas_of(live)
    first: dict[str, float] = {}
    told = idle = 0.0
    while True:
        pods = [pod for pod in runner_pods(api, scope) if not pod["metadata"].get("deletionTimestamp")]
        asking = [_asks_for_work(api, scope, pod, first, how.metrics_port) for pod in pods]
        now = time.monotonic()
        # soon after a drain a Deployment's status may still be the one from before it, and so none of its pods is there yet
        up = len(pods) >= wanted and None not in asking and all(map(is_ready, pods))
        idle = (idle or now) if up else 0.0
        if up and (all(asking) or now - idle >= IDLE):
            look = take(api, scope.namespace, pods, [], None, how.metrics_port)
            return Found(_verdict(look, all(asking)), look, now_text(), now - began)
        if now >= deadline:
            raise FleetError(
                f"Running is written, but after {span(now - began)} not every runner has asked for work.",
                "Look at the runner's log: does it reach its broker, and do its queues exist?",
                verdict="asked",
            )
        if report and now - told >= PROGRESS:
            report(f"resumed: waits until the runner asks for work; {span(deadline - now)} left")
            told = now
        time.sleep(INTERVAL)


def _verdict(look: Look, taking: bool) -> Verdict:
    judged = verdict(RUN, None, look.running, None, look.pods, look.ready, look.pods)
    if judged.word != "running":
        return judged
    more = "It has asked for work since." if taking else f"It has not asked for work in {span(IDLE)}: is there a queue for it?"
    return Verdict(judged.word, f"{judged.reason} {more}")


def _asks_for_work(api: Api, scope: Scope, pod: Thing, first: dict[str, float], port: int) -> bool | None:
    """Whether its counter of looks into queues has moved since we first saw it, or it works. Runners without metrics are taken at their pod's word.

    None when the API server did not answer.
    """
    name = pod["metadata"]["name"]
    try:
        found = _metrics.of_pod(api, scope.namespace, name, port)
    except Unreachable:
        return None
    except FleetError:
        return is_ready(pod)
    return bool(found.running) or found.checked > first.setdefault(name, found.checked)


def _uncordon(api: Api, scope: Scope, check: bool, done: list[Thing]) -> None:
    for node in _nodes(api, scope):
        if _ownership.uncordon(api, node, scope.owner, check):
            done.append({"step": "cordon", "what": title(node), "changed": True, "before": True, "after": False})


def _nodes(api: Api, scope: Scope) -> list[Thing]:
    nodes = api.request("GET", path("Node")).get("items") or []
    return [{"kind": "Node", **node} for node in nodes if not scope.nodes or node["metadata"]["name"] in scope.nodes]
