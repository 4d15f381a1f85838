# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All Secrets that a runner mounts or is pulled with: made, converged, rotated and removed.

Everything that is given is checked before the first write, and a rotation sets the old pair aside before it writes the new one: whenever the controller is
stopped, a pair that fits is in the cluster or can be had back from the Secret of the previous one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _secret_values as values
from ansible_collections.studioml.fleet.plugins.module_utils import _workload
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome, diff_of, same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_name
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import title
from ansible_collections.studioml.fleet.plugins.module_utils._pair_plan import Given, Settled, Stored, settle
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._secret_store import Store, pods_from_before, secret, written_at

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._first_writer import FirstWriter

Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]
Thing = t.Dict[str, t.Any]

# The options that name the Secrets, with the names that the runner's manifests use.
NAMES = {
    "key_secret": "studioml-runner-key-secret",
    "passphrase_secret": "studioml-runner-passphrase-secret",
    "signing_secret": "studioml-signing",
    "report_keys_secret": "studioml-report-keys",
    "aws_secret": "studioml-runner-aws-sqs",
    "pull_secret": "studioml-go-docker-key",
    "github_token_secret": "release-github-token",
}
PRIVATE, PUBLIC, PASSPHRASE = "ssh-privatekey", "ssh-publickey", "ssh-passphrase"
PREVIOUS = "-previous"
# Hosts of one cluster that make its pair at the same moment; each attempt of one of them ends with a write of another.
ATTEMPTS = 10


class Plan:
    """The options, checked: what each Secret beside the pair is to hold. Nothing has been read or written yet."""

    def __init__(self, params: Params, namespace: str) -> None:
        self.params, self.namespace = params, namespace
        self.names = {option: checked_name(params[option], option) for option in NAMES}
        self.given = Given.of(params)
        self.wanted: list[Thing] = []
        self.unwanted: list[str] = []
        # Secrets that have to be there for the runner's pod to start; made with a placeholder, then left to whoever fills them.
        self.placeholders: list[Thing] = []
        self._add("signing_secret", "signing_keys", values.signing_data)
        self._add("report_keys_secret", "report_keys", values.report_data)
        if params.get("aws"):
            self.wanted.append(self._secret("aws_secret", values.aws_data(params["aws"])))
        self._add_pull_secrets()
        if params.get("github_token") is not None:
            self.wanted.append(self._secret("github_token_secret", values.token_data(params["github_token"])))
        self._refuse_one_name_twice()
        if params["rotate"] and params["drop_previous"]:
            raise FleetError("rotate and drop_previous are both set.", "Rotate first, restart the runners, and drop the previous pair in a later run.")

    @property
    def previous(self) -> str:
        return self.names["key_secret"] + PREVIOUS

    def pair(self, settled: Settled) -> list[Thing]:
        """The passphrase before the key: a key without its passphrase could not be opened, a passphrase without a key does no harm."""
        pair = settled.pair
        passphrase = self._secret("passphrase_secret", {PASSPHRASE: pair.passphrase})
        return [passphrase, self._secret("key_secret", {PRIVATE: pair.private, PUBLIC: pair.public})]

    def store(self, api: Api | None) -> Store:
        """The cluster's side of it."""
        looked_for = [self.names["key_secret"], self.names["passphrase_secret"], *(thing["metadata"]["name"] for thing in self.wanted + self.placeholders)]
        return Store(api, self.namespace, looked_for, [self.previous, *self.unwanted])

    def _add(self, name: str, option: str, data: t.Callable[[t.Mapping[str, t.Any]], values.Data]) -> None:
        keys = self.params.get(option)
        (self.placeholders if keys is None else self.wanted).append(self._secret(name, data(keys or {})))

    def _add_pull_secrets(self) -> None:
        if not self.params.get("registries"):
            return
        from ansible_collections.studioml.fleet.plugins.module_utils import _pull_secret

        for name, text in _pull_secret.configs(self.params["registries"], self.names["pull_secret"]).items():
            if text:
                self.wanted.append(secret(self.namespace, name, {_pull_secret.KEY: text}, _pull_secret.TYPE))
            else:
                self.unwanted.append(name)

    def _secret(self, option: str, data: values.Data) -> Thing:
        return secret(self.namespace, self.names[option], data)

    def _refuse_one_name_twice(self) -> None:
        used = [self.names["key_secret"], self.names["passphrase_secret"], self.previous]
        used += [thing["metadata"]["name"] for thing in self.wanted + self.placeholders] + self.unwanted
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            raise FleetError(f"Two of the Secrets would be called {', '.join(twice)}.", "Give each a name of its own.")


def present(api: Api | None, params: Params, namespace: str, check: bool) -> Result:
    """Make what is missing, change what differs, and leave the message pair alone unless its rotation is asked for."""
    plan = Plan(params, namespace)
    if api:
        same_cluster(api, params.get("cluster_id"))
    store = plan.store(api)
    applier = Applier(api, check, params["force_conflicts"])
    # decided first: a pair that is refused leaves no namespace behind
    settled = settle(plan.given, _stored(plan, store), check)
    outcomes = _namespace(applier, namespace) if params["create_namespace"] and not store.live else []
    if settled.write:
        store, settled, written = _write_pair(api, plan, store, settled, applier)
        outcomes += written
    else:
        outcomes += [Outcome(thing, "unchanged", live=store.live.get(thing["metadata"]["name"])) for thing in plan.pair(settled)]
    warnings = [settled.warning] if settled.warning else []
    for thing in plan.placeholders:
        live = store.live.get(thing["metadata"]["name"])
        outcomes.append(applier.apply_over(None, thing) if live is None else Outcome(thing, "unchanged", live=live))
    outcomes += [applier.apply_over(store.live.get(thing["metadata"]["name"]), thing) for thing in plan.wanted]
    outcomes += _remove(applier, store, plan, plan.unwanted, warnings)
    kept = plan.previous in store.live or settled.keep_old
    if params["drop_previous"] and kept:
        outcomes += _drop_previous(api, plan, store, applier)
        kept = False
    pair = {"origin": settled.origin, "fingerprint": settled.pair.fingerprint, "public_key": settled.pair.public, "previous": kept}
    return {**_result(outcomes, namespace), "key_pair": pair, "warnings": warnings}


def absent(api: Api, params: Params, namespace: str, check: bool) -> Result:
    """Remove what this collection has made; the message pair only where that is said, since nobody can make it again."""
    plan = Plan(params, namespace)
    same_cluster(api, params.get("cluster_id"))
    pair = [plan.names["key_secret"], plan.names["passphrase_secret"], plan.previous]
    others = [name for name in plan.names.values() if name not in pair] + [thing["metadata"]["name"] for thing in plan.wanted] + plan.unwanted
    unwanted = list(dict.fromkeys([*others, *(pair if params["remove_key_pair"] else [])]))
    warnings: list[str] = []
    outcomes = _remove(Applier(api, check), Store(api, namespace, [], unwanted), plan, unwanted, warnings)
    return {**_result(outcomes, namespace), "warnings": warnings}


def _stored(plan: Plan, store: Store) -> Stored:
    key, passphrase = plan.names["key_secret"], plan.names["passphrase_secret"]
    trusted = all(store.stored_by_us(name, entry) for name, entry in ((key, PRIVATE), (key, PUBLIC), (passphrase, PASSPHRASE)))
    where = f"Secret {plan.namespace}/{key}"
    return Stored(
        store.text(key, PRIVATE), store.text(key, PUBLIC), store.text(passphrase, PASSPHRASE), trusted, store.text(plan.previous, PUBLIC), where
    )


def _write_pair(api: Api | None, plan: Plan, store: Store, settled: Settled, applier: Applier) -> tuple[Store, Settled, list[Outcome]]:
    """Write the pair that was decided on; where somebody else was first, decide again by what is there now."""
    from ansible_collections.studioml.fleet.plugins.module_utils import _first_writer  # only where there is a pair to write

    writer = _first_writer.FirstWriter(api, applier.check, applier.force)
    writer.share_predictions(applier)
    written: dict[str, Outcome] = {}
    for _attempt in range(ATTEMPTS):
        try:
            for outcome in _steps(plan, store, settled, writer):
                name = outcome.wanted["metadata"]["name"]
                if name not in written or outcome.changed:
                    written[name] = outcome
            return store, settled, list(written.values())
        except _first_writer.Taken:
            store = plan.store(api)
            settled = settle(plan.given, _stored(plan, store), applier.check)
    raise FleetError(
        f"Secret {plan.namespace}/{plan.names['key_secret']} was written by somebody else each time that it was about to be written here.",
        "See who does (kubectl get secret -o yaml --show-managed-fields names the managers), then run this again.",
    )


def _steps(plan: Plan, store: Store, settled: Settled, writer: FirstWriter) -> t.Iterator[Outcome]:
    wanted = plan.pair(settled)
    if not settled.write:
        yield from (Outcome(thing, "unchanged", live=store.live.get(thing["metadata"]["name"])) for thing in wanted)
        return
    if settled.keep_old:
        # A rehearsal first: where the new pair would be refused (another owner, no permission), the old one is not set aside either.
        for thing in wanted:
            if thing["metadata"]["name"] in store.live:
                writer.rehearse(store.live[thing["metadata"]["name"]], thing)
        yield from _set_aside(plan, store, writer)
    for thing in wanted:
        yield writer.apply_over(store.live.get(thing["metadata"]["name"]), thing)


def _set_aside(plan: Plan, store: Store, applier: Applier) -> list[Outcome]:
    """Keep the old pair. One that an interrupted rotation has set aside stays as it is: the new passphrase may be in the place of the old one by now."""
    if plan.previous in store.live:
        return []
    key, passphrase = plan.names["key_secret"], plan.names["passphrase_secret"]
    old = {PRIVATE: store.text(key, PRIVATE), PUBLIC: store.text(key, PUBLIC), PASSPHRASE: store.text(passphrase, PASSPHRASE)}
    return [applier.apply_over(None, secret(plan.namespace, plan.previous, old))]


def _drop_previous(api: Api | None, plan: Plan, store: Store, applier: Applier) -> list[Outcome]:
    """End a rotation, once no pod runs that has read the old pair."""
    live = store.live.get(plan.previous)
    if live is None or api is None:
        return []
    current = [plan.names["key_secret"], plan.names["passphrase_secret"]]
    since = max(written_at(store.live[name]) for name in current if name in store.live)
    old = pods_from_before(api, plan.namespace, current, since)
    if old:
        raise FleetError(
            f"drop_previous: {', '.join(old)} in namespace {plan.namespace} began before the new pair was written ({since}) and still has the old one.",
            "Restart them (a runner reads its key once, when it starts), then run this again.",
        )
    return [applier.delete(secret(plan.namespace, plan.previous, {}), live)]


def _namespace(applier: Applier, namespace: str) -> list[Outcome]:
    outcome = applier.create(_workload.namespace(namespace))
    if ((outcome.live or {}).get("status") or {}).get("phase") == "Terminating":
        raise FleetError(f"Namespace {namespace} is being deleted, and nothing can be made in it.", "Wait until it is gone, then run this again.")
    return [outcome]


def _remove(applier: Applier, store: Store, plan: Plan, names: t.Iterable[str], warnings: list[str]) -> list[Outcome]:
    outcomes = []
    for name in names:
        live = store.live.get(name)
        thing = secret(plan.namespace, name, {})
        if live is not None and not store.made_by_us(name):
            warnings.append(f"{title(thing)} is left alone: it was not made by this collection.")
        elif live is not None:
            outcomes.append(applier.delete(thing, live))
    return outcomes


def _result(outcomes: list[Outcome], namespace: str) -> Result:
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        "namespace": namespace,
        "objects": [outcome.result() for outcome in outcomes],
        "diff": diff_of(outcomes),
    }
