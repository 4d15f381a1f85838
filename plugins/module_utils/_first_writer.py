# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing what only one may write: several hosts of one cluster make its key pair at the same moment, and all have to end with the same one.

An object that is there is written only as the version that was read. One that is not there is first applied under a name that no other run has: of two runs
with different values the server then refuses the second, where it would let one field manager overwrite itself. Both ways need no right but to this object.
"""

from __future__ import annotations

import typing as t
import uuid

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, owner_in
from ansible_collections.studioml.fleet.plugins.module_utils._apply import APPLY, Applier, Outcome
from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path_of
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]


class Taken(Exception):
    """Somebody else has written it since it was read: read again, and decide again."""


class FirstWriter(Applier):
    """An Applier that writes an object only as it was read."""

    _read: Thing | None = None

    def apply_over(self, live: Thing | None, wanted: Thing) -> Outcome:
        self._read = live
        return super().apply_over(live, wanted)

    def share_predictions(self, other: Applier) -> None:
        """Know of the namespaces that another Applier would only make (check mode)."""
        self._predicted = other._predicted

    def rehearse(self, live: Thing, wanted: Thing) -> None:
        """A dry run, which says whether the write would be refused."""
        if self.api is not None:
            _over(self.api, live, wanted, self.force, check=True)

    def _send(self, wanted: Thing, force: bool) -> Thing:
        if self.check or self.api is None:
            return super()._send(wanted, force)
        return _create(self.api, wanted, force) if self._read is None else _over(self.api, self._read, wanted, force)


def _create(api: Api, wanted: Thing, force: bool) -> Thing:
    claim = f"{FIELD_MANAGER}.{uuid.uuid4().hex[:8]}"
    try:
        _apply(api, wanted, claim)
    except ApiError as error:
        if error.status == 409:
            raise Taken from None
        raise
    made = _apply(api, wanted, FIELD_MANAGER, force)
    identity = {key: wanted["metadata"][key] for key in ("name", "namespace")}
    _apply(api, {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], "metadata": identity}, claim)  # which gives its share up
    return made


def _over(api: Api, live: Thing, wanted: Thing, force: bool, check: bool = False) -> Thing:
    pinned = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}
    try:
        return _apply(api, pinned, FIELD_MANAGER, force, check)
    except ApiError as error:
        owners = [owner_in(str(cause.get("message") or "")) for cause in error.causes if cause.get("reason") == "FieldManagerConflict"]
        if error.status != 409:
            raise
        if not owners:
            raise Taken from None
        if not all(owner.startswith(FIELD_MANAGER) for owner in owners):
            raise
    # only with the claim of a run that was stopped before it gave its share up
    return _apply(api, pinned, FIELD_MANAGER, True, check)


def _apply(api: Api, thing: Thing, manager: str, force: bool = False, check: bool = False) -> Thing:
    query = {"fieldManager": manager, "force": "true" if force else "false", **({"dryRun": "All"} if check else {})}
    return api.request("PATCH", path_of(thing), query, thing, APPLY, str(thing["metadata"].get("namespace") or ""))
