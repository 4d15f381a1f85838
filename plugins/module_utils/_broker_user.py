# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user of RabbitMQ as it should be: password, tags, and permissions in one virtual host."""

from __future__ import annotations

import base64
import binascii
import hashlib
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._broker import ADMINISTRATOR, Broker, tags_of
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed, is_closed, reopened
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import HIDDEN

Thing = t.Dict[str, t.Any]
TAGS = ("administrator", "monitoring", "policymaker", "management", "impersonator")
KINDS = ("configure", "write", "read")
SALT_BYTES = 4


@dataclass(frozen=True)
class WantedUser:
    """What was asked for, checked."""

    name: str
    vhost: str
    permissions: dict[str, str]
    tags: tuple[str, ...] = ()
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, params: Thing) -> WantedUser:
        for option in ("name", "vhost"):
            if not params[option]:
                raise FleetError(f"{option} is empty.", "Give the user's name, and / for the virtual host that a broker begins with.")
        unknown = [tag for tag in params["tags"] if not tag or "," in tag]
        if unknown:
            raise FleetError(f"tags: {unknown[0]!r} is not a tag.", f"RabbitMQ's own are {', '.join(TAGS)}.")
        permissions = {kind: params[kind] for kind in KINDS}
        return cls(params["name"], params["vhost"], permissions, tuple(dict.fromkeys(params["tags"])), params["password"] or "")


def present(broker: Broker, wanted: WantedUser, check: bool) -> Thing:
    """Make the user, or change what differs; three requests when nothing does."""
    _administrator(broker)
    live = broker.find_user(wanted.name)
    if live is None and not broker.vhost_exists(wanted.vhost):
        raise FleetError(f"The broker {broker.url} has no virtual host {wanted.vhost}.", "Make it first (rabbitmqctl add_vhost), or correct vhost.")
    if live is None and not wanted.password:
        raise FleetError(f"The broker {broker.url} has no user {wanted.name}, and there is no password to make it with.", "Give password, from a vault.")
    allowed = broker.permissions(wanted.vhost, wanted.name) if live else None
    drained = bool(allowed) and is_closed((allowed or {})["read"])
    same_user = live is not None and set(tags_of(live)) == set(wanted.tags) and (not wanted.password or has_password(live, wanted.password))
    aimed = {**wanted.permissions, "read": closed(wanted.permissions["read"])} if drained else wanted.permissions
    if not same_user and not check:
        kept = {key: live[key] for key in ("password_hash", "hashing_algorithm") if key in live} if live else {}
        broker.put_user(wanted.name, wanted.tags, {"password": wanted.password} if wanted.password else kept)
    if allowed != aimed and not check:
        broker.set_permissions(wanted.vhost, wanted.name, aimed["configure"], aimed["write"], aimed["read"])
    changed = not same_user or allowed != aimed
    before = _shown(live, wanted.vhost, allowed) if live else {}
    after = _entry(wanted.tags, wanted.vhost, wanted.permissions)
    if live and wanted.password and not has_password(live, wanted.password):
        after["password"] = f"{HIDDEN} (another value)"
    return _result(broker, wanted, changed, before, after, drained)


def absent(broker: Broker, wanted: WantedUser, check: bool) -> Thing:
    """Remove the user, in all virtual hosts."""
    me = _administrator(broker)
    if wanted.name == me:
        raise FleetError(f"{me} is the user that this works as; it will not remove itself.", "Give broker: username of another administrator.")
    live = broker.find_user(wanted.name)
    before = _shown(live, wanted.vhost, broker.permissions(wanted.vhost, wanted.name)) if live and broker.vhost_exists(wanted.vhost) else {}
    if live and not check:
        broker.delete_user(wanted.name)
    return _result(broker, wanted, live is not None, before or (_entry(tags_of(live), wanted.vhost, None) if live else {}), {}, False)


def has_password(live: Thing, password: str) -> bool:
    """Whether this is the user's password, by the salted hash that RabbitMQ shows to administrators. An algorithm that we do not know is no."""
    algorithm = str(live.get("hashing_algorithm") or "").rpartition("_")[2]
    try:
        stored = base64.b64decode(str(live.get("password_hash") or ""), validate=True)
        made = hashlib.new(algorithm, stored[:SALT_BYTES] + password.encode()).digest()
    except (ValueError, binascii.Error):
        return False
    return len(stored) > SALT_BYTES and made == stored[SALT_BYTES:]


def _administrator(broker: Broker) -> str:
    me = broker.whoami()
    if ADMINISTRATOR not in me.tags:
        raise FleetError(
            f"The broker's user {me.name} lacks the tag administrator, without which it may not look at users.",
            f"Give broker: username and password of one that has it (rabbitmqctl set_user_tags {me.name} administrator).",
        )
    return me.name


def _shown(live: Thing, vhost: str, allowed: dict[str, str] | None) -> Thing:
    """A user as a diff shows it: a permission that a drain has taken away as what it was."""
    if allowed and is_closed(allowed["read"]):
        allowed = {**allowed, "read": reopened(allowed["read"]) or ""}
    return _entry(tags_of(live), vhost, allowed)


def _entry(tags: t.Iterable[str], vhost: str, allowed: dict[str, str] | None) -> Thing:
    return {"tags": sorted(tags), "password": HIDDEN, "permissions": {vhost: allowed} if allowed else {}}


def _result(broker: Broker, wanted: WantedUser, changed: bool, before: Thing, after: Thing, drained: bool) -> Thing:
    diff = {"before": {wanted.name: before} if before else {}, "after": {wanted.name: after} if after else {}} if changed else {"before": {}, "after": {}}
    return {"changed": changed, "name": wanted.name, "vhost": wanted.vhost, "url": broker.url, "drained": drained, "diff": diff}
