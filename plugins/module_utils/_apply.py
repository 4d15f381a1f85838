# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server-side apply of known kinds: nothing is sent when nothing would change, check mode is the server's own dry run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, owner_in
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER, converged, masked, owned_by, project
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, path_of, title
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

APPLY = "application/apply-patch+yaml"
BOOKKEEPING = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


@dataclass
class Outcome:
    """What became of one object (or would become, in check mode)."""

    wanted: dict[str, t.Any]
    action: str
    before: dict[str, t.Any] = field(default_factory=dict)
    after: dict[str, t.Any] = field(default_factory=dict)
    live: dict[str, t.Any] | None = None

    @property
    def changed(self) -> bool:
        return self.action != "unchanged"

    def result(self) -> dict[str, t.Any]:
        """The entry in a module's result."""
        meta = self.wanted["metadata"]
        return {"kind": self.wanted["kind"], "name": meta["name"], "namespace": meta.get("namespace", ""), "action": self.action}


class Applier:
    """Applies objects one after the other to one API server. Without an API (C(None)) it predicts what a first run would do."""

    def __init__(self, api: Api | None, check: bool, force: bool = False) -> None:
        self.api, self.check, self.force = api, check, force
        self._predicted: set[str] = set()

    def apply(self, wanted: dict[str, t.Any]) -> Outcome:
        """Make the object have the wanted fields; fields of others are left alone."""
        return self.apply_over(self.find(wanted), wanted)

    def apply_over(self, live: dict[str, t.Any] | None, wanted: dict[str, t.Any]) -> Outcome:
        """The same for an object that C(find) has looked for."""
        owned = owned_by(live)
        if live is not None and owned and converged(_body(wanted), live, owned):
            return Outcome(wanted, "unchanged", live=live)
        after = self._send(wanted, self.force)
        shown_before, shown_after = _shown(live, wanted, owned), _shown(after, wanted, owned_by(after))
        return Outcome(wanted, "changed" if live else "created", masked(shown_before), masked(shown_after, shown_before), after)

    def create(self, wanted: dict[str, t.Any]) -> Outcome:
        """Make the object if it is not there; one that exists is left as it is."""
        live = self.find(wanted)
        if live is not None:
            return Outcome(wanted, "unchanged", live=live)
        after = self._send(wanted, self.force)
        return Outcome(wanted, "created", {}, masked(_shown(after, wanted, owned_by(after))), after)

    def delete(self, unwanted: dict[str, t.Any], live: dict[str, t.Any]) -> Outcome:
        """Remove an object that C(find) has found."""
        if self.api is not None:
            body: dict[str, t.Any] = {"propagationPolicy": "Background", "preconditions": {"uid": live["metadata"]["uid"]}}
            query = None
            if self.check:
                # With a body the server reads its options from there alone; the query is for whoever reads the audit log.
                body["dryRun"], query = ["All"], {"dryRun": "All"}
            try:
                self.api.request("DELETE", path_of(unwanted), query, body, namespace=_namespace(unwanted))
            except ApiError as error:
                if error.status != 404:
                    raise
        return Outcome(unwanted, "deleted", masked(_shown(live, unwanted, owned_by(live))), {}, live)

    def find(self, wanted: dict[str, t.Any]) -> dict[str, t.Any] | None:
        """The object as it is now; None also in a namespace that would only be made."""
        if self.api is None or _namespace(wanted) in self._predicted:
            return None
        live = self.api.find(path_of(wanted), _namespace(wanted))
        if live is not None:
            live.setdefault("kind", wanted["kind"])
        return live

    def _send(self, wanted: dict[str, t.Any], force: bool) -> dict[str, t.Any]:
        if self.check and wanted["kind"] == "Namespace":
            # A dry run does not make it, so a dry run of anything inside would be refused.
            self._predicted.add(wanted["metadata"]["name"])
        if self.api is None or _namespace(wanted) in self._predicted:
            return wanted
        return server_side_apply(self.api, wanted, self.check, force)


def server_side_apply(api: Api, wanted: dict[str, t.Any], check: bool, force: bool) -> dict[str, t.Any]:
    """The one mutating request: PATCH with our field manager, a dry run in check mode."""
    query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
    if check:
        query["dryRun"] = "All"
    try:
        return api.request("PATCH", path_of(wanted), query, wanted, APPLY, _namespace(wanted))
    except ApiError as error:
        if force or not _only_with_ourselves(error):
            raise
    return api.request("PATCH", path_of(wanted), {**query, "force": "true"}, wanted, APPLY, _namespace(wanted))


def _only_with_ourselves(error: ApiError) -> bool:
    """A conflict with what a drain and a resume of this collection have written: another name, the same hands."""
    owners = [owner_in(str(cause.get("message") or "")) for cause in error.causes if cause.get("reason") == "FieldManagerConflict"]
    return error.status == 409 and bool(owners) and all(owner.split(".drain")[0] == FIELD_MANAGER for owner in owners)


def same_cluster(api: Api, cluster_id: str | None) -> str:
    """Compare the cluster with the one that is meant, before anything is written; the id, or an empty string when none was asked for."""
    if not cluster_id:
        return ""
    return compared_cluster_id(api, cluster_id, read_cluster_id(api))


def compared_cluster_id(api: Api, wanted: str, found: str) -> str:
    """The id that was found, when it is the one that is meant."""
    if found != wanted:
        raise FleetError(
            f"{api.target.name} leads to another cluster than the one that is meant: the UID of its kube-system namespace is {found}, cluster_id is {wanted}.",
            "Nothing was written. Check kubeconfig and context, or correct cluster_id.",
            found_cluster_id=found,
        )
    return found


def read_cluster_id(api: Api) -> str:
    """The UID of kube-system: the same for every way into a cluster, different for every cluster."""
    return str(api.request("GET", path("Namespace", name="kube-system"))["metadata"]["uid"])


def over_all(wanted: dict[str, t.Any], first: dict[str, t.Any], last: dict[str, t.Any]) -> Outcome:
    """One change for several writes to an object: from what it was before the first of them to what it is after the last."""
    before, after = _shown(first, wanted, owned_by(first)), _shown(last, wanted, owned_by(last))
    return Outcome(wanted, "changed", masked(before), masked(after, before), last)


def diff_of(outcomes: t.Sequence[Outcome]) -> dict[str, t.Any]:
    """The standard diff, with one entry for each object that changes."""
    changed = [outcome for outcome in outcomes if outcome.changed]
    return {
        "before": {title(outcome.wanted): outcome.before for outcome in changed if outcome.before},
        "after": {title(outcome.wanted): outcome.after for outcome in changed if outcome.after},
    }


def _namespace(thing: dict[str, t.Any]) -> str:
    return str(thing["metadata"].get("namespace") or "")


def _body(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    """The fields that a manager can own: the identity of an object is nobody's."""
    meta = {key: value for key, value in wanted["metadata"].items() if key not in ("name", "namespace")}
    rest = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind", "metadata")}
    return {**rest, **({"metadata": meta} if meta else {})}


def _shown(live: dict[str, t.Any] | None, wanted: dict[str, t.Any], owned: dict[str, t.Any]) -> dict[str, t.Any]:
    """An object as a diff shows it."""
    if live is None:
        return {}
    shown = project(live, wanted, owned)
    shown["metadata"] = {key: value for key, value in shown["metadata"].items() if key not in BOOKKEEPING}
    return shown
