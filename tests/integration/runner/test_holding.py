# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the broker says of a runner's work agrees with what the runner does: no moment of its work in which it seems to hold nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from stand_in_broker import VirtualHost, wait_for
from stand_in_process import Runner

from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed

pytestmark = pytest.mark.sandbox
Run = Callable[..., Runner]
QUEUE = "rmq_gpu1_demo"


def administrator(vhost: VirtualHost) -> Broker:
    return Broker(vhost.administrator.url, vhost.administrator.user, vhost.administrator.password)


def test_held_from_the_fetch_to_the_acknowledgement(run: Run, vhost: VirtualHost) -> None:
    broker = administrator(vhost)
    vhost.send(QUEUE, seconds=15)
    runner = run()
    runner.says("experiment_id")
    broker.set_permissions(vhost.name, vhost.name, ".*", ".*", closed(".*"))
    vhost.send(QUEUE, seconds=8)
    held: list[int] = []
    while not runner.moments("experiment completed"):
        held.append(broker.unacknowledged(vhost.name, vhost.name))
        time.sleep(0.05)
    during = held[:-1]  # the last look may have come after the end
    assert during and min(during) == 1, "a fetch in vain counts while its connection is open, so there may be a 2, but no 0"
    wait_for("the end", lambda: broker.unacknowledged(vhost.name, vhost.name) == 0)
    vhost.expect(QUEUE, ready=1, unacknowledged=0)


def test_a_killed_runner_holds_nothing_and_its_neighbour_goes_on(run: Run, vhost: VirtualHost) -> None:
    broker = administrator(vhost)
    other = f"{vhost.name}-2"
    vhost.administrator.call("PUT", f"/users/{other}", {"password": vhost.password, "tags": "management"})
    broker.set_permissions(vhost.name, other, ".*", ".*", ".*")
    try:
        killed = run()
        vhost.send(QUEUE, seconds=60)
        killed.says("experiment_id")
        broker.set_permissions(vhost.name, vhost.name, ".*", ".*", closed(".*"))
        assert broker.unacknowledged(vhost.name, vhost.name) >= 1
        killed.process.kill()
        wait_for("the broker's notice", lambda: broker.unacknowledged(vhost.name, vhost.name) == 0)
        neighbour = run(AMQP_URL=vhost.url.replace(f"{vhost.name}:", f"{other}:", 1))
        neighbour.says("experiment_id")
        assert broker.unacknowledged(vhost.name, vhost.name) == 0
        assert broker.unacknowledged(vhost.name, other) >= 1
    finally:
        broker.delete_user(other)
