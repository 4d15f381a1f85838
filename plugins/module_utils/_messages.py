# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the broker knows of a runner: messages that wait for its acknowledgement, its queues, and those of them that are worked on for ever. Only reads."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_target
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Queue
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, runner_container
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]

# The runner's own default of QUEUE_MATCH.
QUEUES = "^(rmq|sqs)_.*$"
RESPONSES = "_response"
# A failed experiment and a message that cannot be read go back to the queue, for ever. One that came back so often is suspected.
OFTEN = 3


class Messages(t.NamedTuple):
    """C(unacknowledged) counts those of the runner's user, whatever queue they are of."""

    unacknowledged: int
    queues: list[Thing]


def of_runner(api: Api, deployment: Thing, maps: dict[str, Thing], given: Thing) -> Messages:
    """Ask the broker of a Deployment's runner; FleetError when it does not tell. C(given) is the option C(broker)."""
    namespace = deployment["metadata"]["namespace"]
    target = _broker_target.from_environment(api, namespace, deployment, given)
    broker = target.connect(api, api.connect_timeout, api.request_timeout)
    try:
        # one look cannot know whether a connection that is open is a runner at work: a client that publishes may be the same user
        held = broker.held(target.vhost, target.runner_username).messages
        queues = broker.queues(target.vhost)
    finally:
        broker.close()
    values = environment(runner_container(deployment["spec"]["template"]["spec"]), maps, {})
    return Messages(held, [entry(queue) for queue in chosen(queues, values.get("QUEUE_MATCH") or QUEUES, values.get("QUEUE_MISMATCH") or "")])


def chosen(queues: list[Queue], match: str, mismatch: str) -> list[Queue]:
    """The queues that a runner with these patterns polls; all of them when a pattern is one of Go's that Python does not know."""
    named = sorted((queue for queue in queues if not queue.name.endswith(RESPONSES)), key=lambda queue: queue.name)
    try:
        wanted, unwanted = re.compile(match), re.compile(mismatch) if mismatch else None
    except re.error:
        return named
    return [queue for queue in named if wanted.search(queue.name) and not (unwanted and unwanted.search(queue.name))]


def entry(queue: Queue) -> Thing:
    """One queue, as results show it."""
    left = queue.ready + queue.unacknowledged
    return {
        "name": queue.name,
        "ready": queue.ready,
        "unacknowledged": queue.unacknowledged,
        "redelivered": queue.redelivered,
        "poisoned": bool(left) and queue.redelivered >= OFTEN,
    }
