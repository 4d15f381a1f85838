# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a RabbitMQ user holds: how many messages wait for an acknowledgement of its, and how sure that is. Pure functions, no I/O.

RabbitMQ knows two things of different age. Its list of a user's connections is of this moment; a runner keeps a connection for as long as it holds
a message, so a user without a connection holds nothing. Its count of unacknowledged messages comes from statistics: a channel sends them once in an
interval, and the management plug-in collects them once in 5 seconds whatever that interval is (6.7 seconds in all were the most that was seen). A channel
begins with a count of 0, however soon it fetches.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._broker_options import STATISTICS_SECONDS

COLLECTED_SECONDS = 5.0


class Connection(t.NamedTuple):
    """One connection of the user. C(messages) is None while the statistics do not know of a channel on it."""

    name: str
    messages: int | None


class Held(t.NamedTuple):
    """One answer of the broker.

    C(live): the connections are those of this moment; else they come from statistics, too. C(counted): whether the broker keeps statistics at all.
    """

    connections: list[Connection]
    live: bool
    counted: bool = True

    @property
    def messages(self) -> int:
        """Unacknowledged messages by the statistics, of connections that still exist."""
        return sum(connection.messages or 0 for connection in self.connections)


def lag(interval: float = STATISTICS_SECONDS) -> float:
    """Seconds after which everything that happened is in the statistics."""
    return interval + COLLECTED_SECONDS


@dataclass
class Holding:
    """Follows a user over several looks.

    A connection that we have seen for a shorter time than the statistics need counts as one message at least, so that there is no 0 too early: what it had
    taken before our first look is in the statistics by then. (What it takes between two looks can be missed, where it is still allowed to take something.)

    :param look: asks the broker, see C(Broker.held).
    :param interval: the broker's C(collect_statistics_interval), in seconds.
    """

    look: t.Callable[[], Held]
    interval: float = STATISTICS_SECONDS
    since: dict[str, float] = field(default_factory=dict)

    def messages(self, now: float) -> int:
        """How many messages the user holds, as far as can be known."""
        held = self.look()
        self.since = {connection.name: self.since.get(connection.name, now) for connection in held.connections}
        return sum(self._of(connection, now, held) for connection in held.connections)

    def _of(self, connection: Connection, now: float, held: Held) -> int:
        if not held.counted:
            return 1
        if connection.messages or not held.live:
            return connection.messages or 0
        return 0 if now - self.since[connection.name] > lag(self.interval) else 1
