# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RabbitMQ by its management API: who may do what, what lies in the queues, and what a user holds of it."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._broker_errors import BrokerError
from ansible_collections.studioml.fleet.plugins.module_utils._broker_management import Management, path_to
from ansible_collections.studioml.fleet.plugins.module_utils._broker_options import STATISTICS_SECONDS
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._held import Connection, Held, Holding, lag

# Tags whose users see everybody's connections and channels; others see their own.
ADMINISTRATOR = "administrator"
SEES_ALL = (ADMINISTRATOR, "monitoring")
QUEUE_COLUMNS = "name,state,consumers,messages_ready,messages_unacknowledged,message_stats.redeliver,message_stats.ack"
CHANNEL_COLUMNS = "user,messages_unacknowledged,connection_details.name"
# What a user may do in a virtual host: C(configure), C(write), C(read), regular expressions over names of queues and exchanges.
Permissions = t.Dict[str, str]


class Queue(t.NamedTuple):
    """One queue by the broker's statistics. C(redelivered) and C(acknowledged) count since the broker's start."""

    name: str
    ready: int
    unacknowledged: int
    redelivered: int
    acknowledged: int
    consumers: int
    state: str


class User(t.NamedTuple):
    """A user and its tags."""

    name: str
    tags: t.Tuple[str, ...]


class Broker(Management):
    """One RabbitMQ as one user. May be shared by threads."""

    _whoami: User | None = None
    # of the broker's configuration, which the API does not tell
    statistics_seconds = STATISTICS_SECONDS

    def __init__(self, *where: t.Any, **options: t.Any) -> None:
        super().__init__(*where, **options)
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._checked: set[tuple[str, str]] = set()

    def whoami(self) -> User:
        """The user that we are; asked once."""
        if self._whoami is None:
            answer = self.request("GET", "whoami")
            self._whoami = User(str(answer["name"]), tags_of(answer))
        return self._whoami

    def permissions(self, vhost: str, user: str) -> Permissions | None:
        """What a user may do; None when it has no permissions there. Needs the tag administrator."""
        found = self.find("permissions", vhost, user)
        if found is None:
            self._must_exist(vhost, user)
            return None
        return {kind: str(found[kind]) for kind in ("configure", "write", "read")}

    def set_permissions(self, vhost: str, user: str, configure: str, write: str, read: str) -> None:
        """Write all three expressions; there is no way to write one alone."""
        try:
            self.request("PUT", path_to("permissions", vhost, user), {"configure": configure, "write": write, "read": read})
        except BrokerError as error:
            if error.reason == "vhost_or_user_not_found":
                self._must_exist(vhost, user)
            raise
        # what was taken until now is in the statistics only after their interval
        self._holdings.pop((vhost, user), None)

    def queues(self, vhost: str) -> list[Queue]:
        """All queues of a virtual host, by name."""
        found = self._of_vhost(vhost, f"{path_to('queues', vhost)}?columns={QUEUE_COLUMNS}")
        if any("messages_ready" not in entry for entry in found) and self.request("GET", "overview?columns=disable_stats").get("disable_stats"):
            words = f"The broker {self.url} keeps no statistics (management.disable_stats), so that nobody knows what its queues hold."
            raise FleetError(words, "Switch them on, or management.enable_queue_totals.")
        return sorted(_queue(entry) for entry in found)

    def held(self, vhost: str, user: str) -> Held:
        """Which connections the user has, and how many messages the broker waits for on each; see _held for how old that may be."""
        me, sees_all = self.whoami(), self._sees_all()
        if not sees_all and me.name != user:
            raise FleetError(
                f"The broker's user {me.name} may not see what {user} holds.",
                f"Give the credentials of {user}, or of a user with the tag monitoring or administrator.",
            )
        if ADMINISTRATOR in me.tags and (vhost, user) not in self._checked:
            self._must_exist(vhost, user)  # of a name that is misspelt there would be no connection, either
            self._checked.add((vhost, user))
        open_now = self._connections(vhost, user) if sees_all else None
        if open_now == []:
            return Held([], True)
        counts = self._counts(vhost, user)
        if open_now is not None:
            return Held([Connection(name, (counts or {}).get(name)) for name in open_now], True, counts is not None)
        if counts is None:
            words = f"The broker {self.url} keeps no statistics (management.disable_stats), and {me.name} may not see who is connected."
            raise FleetError(words, "Give a user with the tag monitoring or administrator.")
        return Held([Connection(name, count) for name, count in sorted(counts.items())], False)

    def _counts(self, vhost: str, user: str) -> dict[str, int] | None:
        """Unacknowledged messages by connection; None when the broker keeps no statistics."""
        try:
            channels = self._of_vhost(vhost, f"{path_to('vhosts', vhost)}/channels?columns={CHANNEL_COLUMNS}")
        except BrokerError as error:
            if error.status == 400 and "disabled" in error.reason:
                return None
            raise
        counts: dict[str, int] = {}
        for entry in channels:
            if entry["user"] == user:
                name = (entry.get("connection_details") or {}).get("name", "")
                counts[name] = counts.get(name, 0) + int(entry.get("messages_unacknowledged") or 0)
        return counts

    def unacknowledged(self, vhost: str, user: str) -> int:
        """How many messages wait for the user's acknowledgement. Where the broker shows us its connections, it is never 0 too early (see C(Holding))."""
        holding = self._holdings.setdefault((vhost, user), Holding(lambda: self.held(vhost, user), self.statistics_seconds))
        return holding.messages(time.monotonic())

    def statistics_interval(self) -> float:
        """So many seconds C(unacknowledged) may be late, to the lower side too: none where we may see everybody's connections."""
        return 0.0 if self._sees_all() else lag(self.statistics_seconds)

    def find_user(self, name: str) -> dict[str, t.Any] | None:
        """A user with the hash of its password; None when there is none. Needs the tag administrator."""
        found: dict[str, t.Any] | None = self.find("users", name)
        return found

    def put_user(self, name: str, tags: t.Iterable[str], credentials: dict[str, str]) -> None:
        """Make or change a user. C(credentials): C(password), or C(password_hash) with C(hashing_algorithm)."""
        self.request("PUT", path_to("users", name), {"tags": ",".join(tags), **credentials})

    def delete_user(self, name: str) -> None:
        """Remove a user with its permissions."""
        self.delete("users", name)

    def vhost_exists(self, vhost: str) -> bool:
        """Whether there is such a virtual host. Needs the tag administrator."""
        return self.find("vhosts", vhost) is not None

    def _sees_all(self) -> bool:
        return any(tag in SEES_ALL for tag in self.whoami().tags)

    def _connections(self, vhost: str, user: str) -> list[str] | None:
        """Names of the user's connections at this moment; None where the broker has no such list."""
        found = self.find("connections/username", user)
        return None if found is None else sorted(entry["name"] for entry in found if entry["vhost"] == vhost)

    def _of_vhost(self, vhost: str, path: str) -> list[dict[str, t.Any]]:
        try:
            found: list[dict[str, t.Any]] = self.request("GET", path)
            return found
        except BrokerError as error:
            raise self._no_vhost(vhost) if error.missing else error from None

    def _must_exist(self, vhost: str, user: str) -> None:
        """RabbitMQ does not say which of the two it lacks."""
        if not self.vhost_exists(vhost):
            raise self._no_vhost(vhost)
        if self.find_user(user) is None:
            advice = "Check the name (a runner's is in its AMQP_URL), or make it with studioml.fleet.broker_user."
            raise FleetError(f"The broker {self.url} has no user {user}.", advice)

    def _no_vhost(self, vhost: str) -> FleetError:
        advice = "Check the name (a runner's is the path of its AMQP_URL, / when that is empty)."
        return FleetError(f"The broker {self.url} has no virtual host {vhost}.", advice)


def tags_of(entry: dict[str, t.Any]) -> tuple[str, ...]:
    """The tags of a user: a list since 3.9, before that one text."""
    tags = entry.get("tags") or []
    return tuple(tag.strip() for tag in (tags.split(",") if isinstance(tags, str) else tags) if tag.strip())


def _queue(entry: dict[str, t.Any]) -> Queue:
    stats = entry.get("message_stats") or {}

    def count(values: dict[str, t.Any], key: str) -> int:  # a queue that is too young for the statistics has no numbers
        return int(values.get(key) or 0)

    return Queue(
        name=entry["name"],
        ready=count(entry, "messages_ready"),
        unacknowledged=count(entry, "messages_unacknowledged"),
        redelivered=count(stats, "redeliver"),
        acknowledged=count(stats, "ack"),
        consumers=count(entry, "consumers"),
        state=str(entry.get("state") or ""),
    )
