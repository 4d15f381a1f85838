# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the broker knows of a runner: its messages, its queues, and the poisoned ones; on a real RabbitMQ."""

from __future__ import annotations

import typing as t

import pytest
from rabbitmq import ADMINISTRATOR
from tenant import QUEUE, Tenant, until

from ansible_collections.studioml.fleet.plugins.module_utils import _messages
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Queue
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api


def ask(tenant: Tenant, user: str, **env: str) -> _messages.Messages:
    """As runner_info does, with everything given, so that the cluster is not asked."""
    container = {"name": "runner", "env": [{"name": name, "value": value} for name, value in env.items()]}
    deployment = {"metadata": {"name": "runner", "namespace": "ns"}, "spec": {"template": {"spec": {"containers": [container]}}}}
    given = {"url": tenant.rabbitmq.url, "username": ADMINISTRATOR, "password": tenant.rabbitmq.password, "vhost": tenant.vhost, "via": "direct"}
    api = Api(Target(path="nowhere", context="none", server="https://192.0.2.1"))
    return _messages.of_runner(api, deployment, {}, {**given, "runner_username": user})


def queue(name: str, ready: int = 0, unacknowledged: int = 0, redelivered: int = 0) -> Queue:
    return Queue(name, ready, unacknowledged, redelivered, 0, 0, "running")


@pytest.mark.rabbitmq
def test_messages_and_queues_of_a_runner(tenant: Tenant) -> None:
    user = tenant.user()
    tenant.publish(3)
    tenant.rabbitmq.call("PUT", f"/queues/{tenant.place}/other", {"durable": True})
    tenant.rabbitmq.call("PUT", f"/queues/{tenant.place}/{QUEUE}_response", {"durable": True})
    tenant.connect(user).get(QUEUE)
    found = until("the statistics", lambda: (seen := ask(tenant, user)).queues[0]["unacknowledged"] and seen.unacknowledged and seen)
    assert found.unacknowledged == 1
    assert found.queues == [{"name": QUEUE, "ready": 2, "unacknowledged": 1, "redelivered": 0, "poisoned": False}]
    assert [one["name"] for one in ask(tenant, user, QUEUE_MATCH="^other$").queues] == ["other"]


@pytest.mark.rabbitmq
def test_a_message_that_comes_back_again_and_again(tenant: Tenant) -> None:
    user = tenant.user()
    tenant.publish()
    for _time in range(4):
        client = tenant.connect(user)
        until("the message", lambda client=client: client.get(QUEUE))
        client.drop()
        until("its return", lambda: not ask(tenant, user).unacknowledged)
    until("the statistics", lambda: ask(tenant, user).queues[0]["poisoned"])
    assert ask(tenant, user).queues[0]["redelivered"] >= 3


@pytest.mark.rabbitmq
def test_a_virtual_host_that_is_not_there(tenant: Tenant) -> None:
    user = tenant.user()
    tenant.rabbitmq.call("DELETE", f"/vhosts/{tenant.place}")
    with pytest.raises(FleetError, match="has no virtual host"):
        ask(tenant, user)
    tenant.rabbitmq.call("PUT", f"/vhosts/{tenant.place}")


@pytest.mark.parametrize(
    ("match", "mismatch", "names"),
    [
        (_messages.QUEUES, "", ["rmq_a", "rmq_b", "sqs_c"]),
        ("^rmq", "b$", ["rmq_a"]),
        ("(?P<go>", "", ["other", "rmq_a", "rmq_b", "sqs_c"]),
    ],
)
def test_the_queues_that_a_runner_polls(match: str, mismatch: str, names: list[str]) -> None:
    queues = [queue(name) for name in ("sqs_c", "rmq_b", "other", "rmq_a", "rmq_a_response")]
    assert [one.name for one in _messages.chosen(queues, match, mismatch)] == names


@pytest.mark.parametrize(
    ("numbers", "poisoned"),
    [({"ready": 1, "redelivered": 3}, True), ({"unacknowledged": 1, "redelivered": 9}, True), ({"redelivered": 9}, False), ({"ready": 5}, False)],
)
def test_when_a_queue_counts_as_poisoned(numbers: dict[str, t.Any], poisoned: bool) -> None:
    assert _messages.entry(queue("rmq_a", **numbers))["poisoned"] is poisoned
