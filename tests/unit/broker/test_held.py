# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which messages a user holds: exact among several users, before the statistics know, and after the death of a runner."""

from __future__ import annotations

import pathlib

import pytest
from rabbitmq import ADMINISTRATOR, RabbitMQ
from tenant import ALL, QUEUE, Tenant, until

from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._held import Connection, Held, Holding, lag


@pytest.mark.rabbitmq
def test_a_message_counts_from_the_moment_it_is_taken(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user()
    tenant.publish()
    assert broker.unacknowledged(tenant.vhost, user) == 0
    assert broker.statistics_interval() == 0
    client = tenant.connect(user)
    tag = client.get(QUEUE)
    seen = []
    until("the statistics", lambda: seen.append(broker.unacknowledged(tenant.vhost, user)) or broker.held(tenant.vhost, user).messages == 1)
    assert set(seen) == {1}, "there was no 0 before the statistics knew of it"
    client.ack(tag)
    client.close()
    until("the end of the connection", lambda: not broker.held(tenant.vhost, user).connections)
    assert broker.unacknowledged(tenant.vhost, user) == 0, "though the queue's statistics may still know it"


@pytest.mark.rabbitmq
def test_others_in_the_same_virtual_host_do_not_count(broker: Broker, tenant: Tenant) -> None:
    ours, theirs = tenant.user(), tenant.user()
    tenant.publish(3)
    other = tenant.connect(theirs)
    other.get(QUEUE)
    other.get(QUEUE)
    until("both of theirs", lambda: broker.unacknowledged(tenant.vhost, theirs) == 2)
    assert broker.unacknowledged(tenant.vhost, ours) == 0
    tenant.connect(ours).get(QUEUE)
    assert broker.unacknowledged(tenant.vhost, ours) == 1
    until("our one", lambda: broker.held(tenant.vhost, ours).messages == 1)
    assert broker.unacknowledged(tenant.vhost, theirs) == 2


@pytest.mark.rabbitmq
def test_a_connection_to_another_virtual_host_does_not_count(broker: Broker, tenant: Tenant, rabbitmq: RabbitMQ) -> None:
    user = tenant.user()
    elsewhere = Tenant(rabbitmq, f"{tenant.vhost}-2")
    elsewhere.passwords = tenant.passwords
    rabbitmq.call("PUT", f"/permissions/{elsewhere.place}/{user}", ALL)
    elsewhere.publish()
    elsewhere.connect(user).get(QUEUE)
    assert broker.held(tenant.vhost, user) == Held([], True)
    assert len(broker.held(elsewhere.vhost, user).connections) == 1
    elsewhere.passwords = {}
    elsewhere.remove()


@pytest.mark.rabbitmq
def test_what_a_runner_held_that_has_died_is_nobodys(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user()
    tenant.publish()
    client = tenant.connect(user)
    client.get(QUEUE)
    until("the statistics", lambda: broker.queues(tenant.vhost)[0].unacknowledged == 1 and broker.held(tenant.vhost, user).messages == 1)
    client.drop()
    until("the broker has seen it", lambda: broker.unacknowledged(tenant.vhost, user) == 0)
    until("the queue has it back", lambda: broker.queues(tenant.vhost)[0].ready == 1)


@pytest.mark.rabbitmq
def test_a_runner_asks_for_itself_and_gets_statistics(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user()
    tenant.publish()
    tenant.connect(user).get(QUEUE)
    tenant.connect(tenant.user())
    itself = Broker(broker.url, user, tenant.passwords[user])
    assert not itself.held(tenant.vhost, user).live
    assert itself.statistics_interval() == lag()
    until("its own message", lambda: itself.unacknowledged(tenant.vhost, user) == 1)
    assert [connection.messages for connection in itself.held(tenant.vhost, user).connections] == [1]


@pytest.mark.rabbitmq
def test_a_broker_without_statistics(programs: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Then a connection is all that is known."""
    server = RabbitMQ(programs, tmp_path, **{"management.disable_stats": "true"})
    try:
        server.start()
        tenant = Tenant(server, "without")
        user = tenant.user()
        tenant.publish()
        broker = Broker(server.url, ADMINISTRATOR, server.password)
        assert broker.unacknowledged(tenant.vhost, user) == 0
        client = tenant.connect(user)
        client.get(QUEUE)
        assert [Holding(lambda: broker.held(tenant.vhost, user), 0).messages(now) for now in (0, 1000)] == [1, 1]
        with pytest.raises(FleetError, match="keeps no statistics .management.disable_stats., so that nobody knows what its queues hold."):
            broker.queues(tenant.vhost)
        with pytest.raises(FleetError, match=f"keeps no statistics .management.disable_stats., and {user} may not see who is connected."):
            Broker(server.url, user, tenant.passwords[user]).unacknowledged(tenant.vhost, user)
        client.drop()
        until("the end of the connection", lambda: broker.unacknowledged(tenant.vhost, user) == 0)
    finally:
        server.stop()


@pytest.mark.rabbitmq
def test_closing_the_permission_begins_anew(broker: Broker, tenant: Tenant) -> None:
    """A connection that stays open may have taken something the moment before."""
    user = tenant.user()
    tenant.connect(user)
    until("its statistics are old enough", lambda: broker.unacknowledged(tenant.vhost, user) == 0)
    broker.set_permissions(tenant.vhost, user, ".*", ".*", "^$")
    assert broker.unacknowledged(tenant.vhost, user) == 1


def test_a_young_connection_counts_until_the_statistics_must_know_it() -> None:
    looks = [Held([Connection("a", None)], True), Held([Connection("a", 0)], True), Held([Connection("a", 0)], True), Held([], True)]
    follower = Holding(lambda: looks.pop(0))
    assert [follower.messages(now) for now in (0, lag(), lag() + 0.1, lag() + 0.2)] == [1, 1, 0, 0]


def test_each_connection_has_its_own_age() -> None:
    looks = [Held([Connection("a", 0)], True), Held([Connection("a", 0), Connection("b", 0), Connection("c", 3)], True)]
    follower = Holding(lambda: looks.pop(0))
    assert [follower.messages(now) for now in (0, lag() + 1)] == [1, 4]


def test_without_the_list_of_this_moment_the_statistics_must_do() -> None:
    follower = Holding(lambda: Held([Connection("a", 0), Connection("b", 2)], False))
    assert follower.messages(0) == 2
