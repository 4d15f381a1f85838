# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual host of a test's own, with users who work on its queue as runners do."""

from __future__ import annotations

import contextlib
import secrets
import time
import typing as t
import uuid
from urllib.parse import quote

from amqp import Client
from rabbitmq import RabbitMQ

QUEUE = "rmq_gpu1_demo"
# Seconds between two statistics of the tests' broker; 5 is the default.
STATISTICS = 1
# A broker whose statistics are collected as often as its channels send them, and the seconds after which ours may rely on that (see _held): many more than it
# takes, because a broker that has stood still answers before it has collected anew.
QUICK = {
    "collect_statistics_interval": str(STATISTICS * 1000),
    **{f"management.sample_retention_policies.{kind}.10": str(STATISTICS) for kind in ("global", "basic", "detailed")},
}
COLLECTED = 10.0
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


class Tenant:
    """Users are made on demand, and are gone with the virtual host."""

    def __init__(self, rabbitmq: RabbitMQ, vhost: str) -> None:
        self.rabbitmq, self.vhost, self.place = rabbitmq, vhost, quote(vhost, safe="")
        self.passwords: dict[str, str] = {}
        self.open: list[Client] = []
        rabbitmq.call("PUT", f"/vhosts/{self.place}")
        rabbitmq.call("PUT", f"/permissions/{self.place}/administrator", ALL)
        rabbitmq.call("PUT", f"/queues/{self.place}/{QUEUE}", {"durable": True})

    def user(self, tags: str = "management", permissions: dict[str, str] | None = None) -> str:
        """A new user, by default with every permission in the virtual host; C({}) is none."""
        name = f"runner-{uuid.uuid4().hex[:8]}"
        self.passwords[name] = secrets.token_hex(8)
        self.rabbitmq.call("PUT", f"/users/{name}", {"password": self.passwords[name], "tags": tags})
        if permissions is None or permissions:
            self.rabbitmq.call("PUT", f"/permissions/{self.place}/{name}", permissions or ALL)
        return name

    def publish(self, count: int = 1) -> None:
        message = {"properties": {}, "routing_key": QUEUE, "payload": "work", "payload_encoding": "string"}
        for _number in range(count):
            assert self.rabbitmq.call("POST", f"/exchanges/{self.place}/amq.default/publish", message)["routed"]

    def connect(self, user: str) -> Client:
        """What a runner opens before it fetches."""
        self.open.append(Client(self.rabbitmq.amqp_port, user, self.passwords[user], self.vhost))
        return self.open[-1]

    def remove(self) -> None:
        for client in self.open:
            with contextlib.suppress(OSError, ValueError):
                client.drop()
        self.rabbitmq.call("DELETE", f"/vhosts/{self.place}")
        for name in self.passwords:
            self.rabbitmq.call("DELETE", f"/users/{name}")


def until(what: str, check: t.Callable[[], t.Any], seconds: float = 120) -> t.Any:
    """The first true answer; what was waited for is named when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
