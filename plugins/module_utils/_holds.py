# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The broker's users of runners: keep one off its queues, give it back what it had, and count what it has not acknowledged."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _ownership
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker, Permissions
from ansible_collections.studioml.fleet.plugins.module_utils._broker_target import from_environment, given_only
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed, is_closed, reopened
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._runner_secrets import broker_values

Thing = t.Dict[str, t.Any]
EVERYTHING = ".*"
ADMINISTRATOR = "administrator"


class Hold:
    """One user in one virtual host, and the Deployments whose runners log in as that user."""

    def __init__(self, broker: Broker, vhost: str, user: str, may_close: bool) -> None:
        self.broker, self.vhost, self.user, self.may_close = broker, vhost, user, may_close
        self.deployments: list[Thing] = []

    @property
    def label(self) -> str:
        return f"{self.user}@{self.vhost}"

    def deployments_noted(self) -> list[Thing]:
        """Those that say that a drain has taken the permission away."""
        return [deployment for deployment in self.deployments if _ownership.annotation(deployment, _ownership.BROKER_USER)]

    def close(self, api: Api, check: bool) -> Thing:
        """Take the permission to read away; what runs goes on to its end. First the note at the Deployments, so that a resume knows of it in any case."""
        has = self.permissions()
        changed = not is_closed(has["read"])
        for deployment in self.deployments:  # a note beside a permission that is there may have been struck out since it was read
            if changed or _ownership.annotation(deployment, _ownership.BROKER_USER) != self.label:
                _ownership.note_broker_user(api, deployment, self.label, check)
        if changed and not check:
            self.broker.set_permissions(self.vhost, self.user, has["configure"], has["write"], closed(has["read"]))
        before = reopened(has["read"]) if not changed else has["read"]
        return {"step": "broker", "what": self.label, "changed": changed, "before": before, "after": "nothing"}

    def open(self, api: Api, check: bool) -> Thing:
        """Give the permission back as it was, then strike out the note."""
        has = self.permissions()
        changed, former = is_closed(has["read"]), has["read"]
        if changed:
            kept = reopened(has["read"])  # an empty one is a permission too: to read nothing
            former = EVERYTHING if kept is None else kept
            if not check:
                self.broker.set_permissions(self.vhost, self.user, has["configure"], has["write"], former)
        for deployment in self.deployments_noted():
            _ownership.note_broker_user(api, deployment, None, check)
        return {"step": "broker", "what": self.label, "changed": changed, "before": "nothing" if changed else former, "after": former}

    def unacknowledged(self) -> int:
        """How many messages the runners of this user have taken and not acknowledged."""
        return self.broker.unacknowledged(self.vhost, self.user)

    def statistics_interval(self) -> float:
        """How old the broker's numbers may be, in seconds."""
        return self.broker.statistics_interval()

    def permissions(self) -> Permissions:
        """What the user may do; an error where it has no place in the virtual host, for then nothing can be taken away."""
        found = self.broker.permissions(self.vhost, self.user)
        if found is None:
            raise FleetError(
                f"The broker's user {self.user} has no permissions in the virtual host {self.vhost}, so there is nothing to take away or to give back.",
                "Is that the virtual host of AMQP_URL? Only that one works for a runner.",
            )
        return found


def found(api: Api, namespace: str, deployments: list[Thing], given: Thing, to_close: bool) -> list[Hold]:
    """One for each user of a broker that the runners log in as; none for runners that take their work elsewhere (SQS).

    :param to_close: refuse where a permission could not be taken away, before anything is written.
    """
    holds: dict[tuple[str, str, str], Hold] = {}
    for deployment in deployments:
        if not (to_close or given.get("url")) and not broker_values(api, namespace, deployment).get("AMQP_URL"):
            continue
        target = from_environment(api, namespace, deployment, given)
        key = (target.url, target.vhost, target.runner_username)
        if key not in holds:
            broker = target.connect(api, api.connect_timeout, api.request_timeout)
            holds[key] = Hold(broker, target.vhost, target.runner_username, ADMINISTRATOR in broker.whoami().tags)
        holds[key].deployments.append(deployment)
    for hold in holds.values():
        if to_close and not hold.may_close:
            raise FleetError(
                f"The broker's user {hold.broker.username} has not the tag administrator, so it cannot take the permission to read away from {hold.user}.",
                "Give broker (or fleet_broker) with username and password of a user who has it. Nothing was changed.",
            )
    return list(holds.values())


def named(api: Api, namespace: str, given: Thing) -> list[Hold]:
    """The user that is described in full, whatever has become of its runner; none where it is not."""
    if not all(given.get(key) for key in ("url", "username", "password", "runner_username")):
        return []
    target = given_only(api, namespace, given)
    broker = target.connect(api, api.connect_timeout, api.request_timeout)
    return [Hold(broker, target.vhost, target.runner_username, ADMINISTRATOR in broker.whoami().tags)]
