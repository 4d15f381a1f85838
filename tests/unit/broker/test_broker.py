# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The management API of a real RabbitMQ: permissions, queues, users, and each refusal with its words."""

from __future__ import annotations

import pytest
from amqp import Refused
from rabbitmq import ADMINISTRATOR, RabbitMQ
from tenant import QUEUE, Tenant, until

from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker, Queue, User
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed, is_closed, reopened
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._holds import Hold
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.rabbitmq


def as_user(tenant: Tenant, user: str) -> Broker:
    return Broker(tenant.rabbitmq.url, user, tenant.passwords[user])


def test_permissions_are_read_and_written_as_they_are(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user(permissions={"configure": "^conf$", "write": "", "read": "^(rmq|ä)_.*\\.x$"})
    assert broker.permissions(tenant.vhost, user) == {"configure": "^conf$", "write": "", "read": "^(rmq|ä)_.*\\.x$"}
    broker.set_permissions(tenant.vhost, user, "^conf$", ".*", "^$")
    broker.set_permissions(tenant.vhost, user, "^conf$", ".*", "^$")
    assert broker.permissions(tenant.vhost, user) == {"configure": "^conf$", "write": ".*", "read": "^$"}
    broker.delete("permissions", tenant.vhost, user)
    broker.delete("permissions", tenant.vhost, user)
    assert broker.permissions(tenant.vhost, user) is None


@pytest.mark.parametrize("read", [".*", "", "^rmq_.*$"])
def test_a_hold_that_ends_leaves_exactly_what_was_there(broker: Broker, tenant: Tenant, read: str) -> None:
    user = tenant.user(permissions={"configure": "", "write": ".*", "read": read})
    nowhere = Api(Target("none", "", "https://127.0.0.1:1"))  # a hold without Deployments asks no cluster
    hold = Hold(broker, tenant.vhost, user, may_close=True)
    assert hold.close(nowhere, False)["changed"] and not hold.close(nowhere, False)["changed"]
    assert hold.open(nowhere, False)["after"] == read
    assert broker.permissions(tenant.vhost, user) == {"configure": "", "write": ".*", "read": read}


def test_a_closed_permission_keeps_a_user_off_every_queue_and_gives_the_old_one_back(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user()
    tenant.publish()
    broker.set_permissions(tenant.vhost, user, ".*", ".*", closed("^(rmq|sqs)_.*$"))
    with pytest.raises(Refused, match="ACCESS_REFUSED"):
        tenant.connect(user).get(QUEUE)
    found = broker.permissions(tenant.vhost, user)
    assert found and is_closed(found["read"])
    broker.set_permissions(tenant.vhost, user, ".*", ".*", reopened(found["read"]) or "")
    assert tenant.connect(user).get(QUEUE) == 1


def test_an_expression_that_is_none_is_refused(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user()
    with pytest.raises(FleetError, match=r"was answered with 400 invalid_regexp \[ missing terminating \] for character class\."):
        broker.set_permissions(tenant.vhost, user, ".*", ".*", "[")


def test_a_virtual_host_and_a_user_that_are_missing_are_told_apart(broker: Broker, tenant: Tenant) -> None:
    user = tenant.user()
    for act in (lambda: broker.permissions("nowhere", user), lambda: broker.set_permissions("nowhere", user, "", "", "")):
        with pytest.raises(FleetError, match="has no virtual host nowhere. Check the name .a runner's is the path of its AMQP_URL"):
            act()
    for act in (lambda: broker.permissions(tenant.vhost, "nobody"), lambda: broker.set_permissions(tenant.vhost, "nobody", "", "", "")):
        with pytest.raises(FleetError, match="has no user nobody. Check the name"):
            act()
    with pytest.raises(FleetError, match="has no user nobody. Check the name"):
        broker.unacknowledged(tenant.vhost, "nobody")
    for act in (lambda: broker.queues("nowhere"), lambda: broker.held("nowhere", user)):
        with pytest.raises(FleetError, match="has no virtual host nowhere"):
            act()


def test_queues(broker: Broker, tenant: Tenant) -> None:
    tenant.rabbitmq.call("PUT", f"/queues/{tenant.place}/aaa", {"durable": True})
    assert [queue.name for queue in broker.queues(tenant.vhost)] == ["aaa", QUEUE]
    tenant.publish(2)
    first, second = tenant.connect(tenant.user()), tenant.connect(tenant.user())
    first.ack(first.get(QUEUE))
    first.get(QUEUE)
    first.drop()
    until("the message of a connection that broke off", lambda: second.get(QUEUE))
    wanted = Queue(QUEUE, ready=0, unacknowledged=1, redelivered=1, acknowledged=1, consumers=0, state="running")
    until(str(wanted), lambda: broker.queues(tenant.vhost)[1] == wanted)


def test_users(broker: Broker, tenant: Tenant) -> None:
    assert broker.whoami() == User(ADMINISTRATOR, ("administrator",))
    user = tenant.user("management,monitoring")
    assert as_user(tenant, user).whoami() == User(user, ("management", "monitoring"))
    broker.put_user(user, ["policymaker"], {"password": "other"})
    assert Broker(broker.url, user, "other").whoami() == User(user, ("policymaker",))
    broker.delete_user(user)
    broker.delete_user(user)
    assert broker.find_user(user) is None


def test_refusals_say_what_is_missing(broker: Broker, tenant: Tenant) -> None:
    manager, stranger, untagged = tenant.user(), tenant.user("monitoring", {}), tenant.user("")
    with pytest.raises(FleetError, match=f"401 Login failed. Check username and password of the broker .{manager}."):
        Broker(broker.url, manager, "wrong").whoami()
    with pytest.raises(FleetError, match=f"401 Not management user. The broker's user {untagged} lacks the tag management"):
        as_user(tenant, untagged).whoami()
    with pytest.raises(FleetError, match=f"401 Not administrator user. The broker's user {manager} lacks the tag administrator"):
        as_user(tenant, manager).permissions(tenant.vhost, manager)
    with pytest.raises(FleetError, match=f"The broker's user {stranger} has no permission in that virtual host"):
        as_user(tenant, stranger).queues(tenant.vhost)
    with pytest.raises(FleetError, match=f"user {manager} may not see what {stranger} holds. Give the credentials of {stranger}, or"):
        as_user(tenant, manager).held(tenant.vhost, stranger)


def test_no_password_in_any_text(rabbitmq: RabbitMQ) -> None:
    url = rabbitmq.url.replace("//", "//someone:s3cret@")
    with pytest.raises(FleetError) as caught:
        Broker(url, "someone", "s3cret").whoami()
    assert "s3cret" not in str(caught.value.result())
    with pytest.raises(FleetError) as caught:
        Broker("amqp://someone:s3cret@hub:5672/", "someone", "s3cret")
    assert str(caught.value) == "The broker's url 'amqp://hub:5672' is not that of a management API. Give something like http://hub.example:15672."
