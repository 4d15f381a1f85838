# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make, converge and remove a companion of the runners. Its credentials are made once and kept, and its data outlives it."""

from __future__ import annotations

import base64
import secrets
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _companions as companions
from ansible_collections.studioml.fleet.plugins.module_utils import _first_writer
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome, diff_of, same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_namespace
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER, owned_by, owners_of
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import title
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import is_quantity
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._wait import Patience, is_rolled_out, rollout
from ansible_collections.studioml.fleet.plugins.module_utils._workload import MANAGED_BY, env_values
from ansible_collections.studioml.fleet.plugins.module_utils._workload import namespace as namespace_object

Result = t.Dict[str, t.Any]
Thing = t.Dict[str, t.Any]
# Longer than both take at least (MinIO 3 and 8), short enough for every limit of theirs.
USER, WORD_BYTES = "studioml", 24
# So often it is decided anew which credentials there are, when others write them at the same moment.
ATTEMPTS = 10


def companion_of(params: Result, namespace: str) -> companions.Companion:
    """The module's options, checked."""
    resources = params.get("resources") or {}
    quantities = [(f"resources: {part}: {name}", value) for part, named in resources.items() for name, value in (named or {}).items()]
    for where, value in [*quantities, *([("size", params["size"])] if params.get("size") else [])]:
        if not is_quantity(value):
            raise FleetError(f"{where}: {value!r} is not a quantity.", "Write it as Kubernetes does: 2, 500m, 8Gi.")
    if params["state"] == "present" and not (params.get("image") or "").strip():
        raise FleetError("image: there is none.", "Name the image, such as docker.io/library/rabbitmq:3.13-management (with the management plug-in).")
    if bool(params.get("username")) != bool(params.get("password")):
        raise FleetError("username and password go together.", "Give both, or none of them: they are made then.")
    if params["kind"] == "minio" and params.get("password") and (len(params["password"]) < 8 or len(params["username"]) < 3):
        raise FleetError("MinIO does not start with this username or password.", "Give a username of 3 characters or more, and a password of 8 or more.")
    return companions.Companion(
        kind=params["kind"],
        namespace=checked_namespace(namespace),
        image=params.get("image") or "",
        image_pull_policy=params["image_pull_policy"],
        image_pull_secrets=params["image_pull_secrets"],
        size=params.get("size") or "",
        storage_class=params.get("storage_class"),
        service_type=params["service_type"],
        limits=resources.get("limits") or {},
        requests=resources.get("requests") or {},
        command=params.get("command") or [],
        args=params.get("args") or [],
        env=env_values(params["env"], "env"),
        host_paths=params["host_paths"],
        node_selector={key: str(value) for key, value in params["node_selector"].items()},
        tolerations=params["tolerations"],
    )


def present(api: Api | None, one: companions.Companion, params: Result, check: bool) -> Result:
    """Converge it, and wait until it is ready unless in check mode."""
    if api:
        same_cluster(api, params.get("cluster_id"))
    applier = Applier(api, check, params["force_conflicts"])
    warnings: list[str] = []
    outcomes = [applier.create(namespace_object(one.namespace))] if params["create_namespace"] else []
    there = applier.find(companions.bare(one, "Deployment", one.its.deployment))
    username, password, login = _credentials(applier, one, params, there, warnings)
    outcomes.append(login)
    if one.for_runners:
        outcomes.append(applier.apply(companions.secret_for_runners(one, username, password)))
    claim = companions.claim(one)
    outcomes.append(applier.create(claim))
    has = (((outcomes[-1].live or {}).get("spec") or {}).get("resources") or {}).get("requests") or {}
    if has and has != claim["spec"]["resources"]["requests"]:
        warnings.append(f"{title(claim)} asks for {has.get('storage')}, not for {claim['spec']['resources']['requests']['storage']}; it is left as it is.")
    outcomes.append(applier.apply(companions.service(one)))
    main = applier.apply_over(there, companions.deployment(one))
    outcomes.append(main)
    ready = _ready(api, main.live, params, check, password)
    return {**_result(one, outcomes, warnings), "ready": ready}


def absent(api: Api, one: companions.Companion, params: Result, check: bool) -> Result:
    """Remove it; its claim and its credentials, without which the data is of no use, stay unless told."""
    same_cluster(api, params.get("cluster_id"))
    applier, warnings = Applier(api, check), []
    going = [("Deployment", one.its.deployment), ("Service", one.its.service)]
    data = [("PersistentVolumeClaim", one.its.claim), ("Secret", one.credentials), *([("Secret", one.for_runners)] if one.for_runners else [])]
    outcomes: list[Outcome] = []
    kept: list[str] = []
    for number, (kind, name) in enumerate(going + data):
        thing = companions.bare(one, kind, name)
        live = applier.find(thing)
        if live is None or live["metadata"].get("deletionTimestamp"):
            continue
        if not MANAGED_BY.items() <= (live["metadata"].get("labels") or {}).items():
            warnings.append(f"{title(thing)} is left alone: it was not made by this collection.")
        elif number >= len(going) and not params["remove_data"]:
            kept.append(title(thing))
        else:
            outcomes.append(applier.delete(thing, live))
    return {**_result(one, outcomes, warnings), "ready": False, "kept": kept}


def _credentials(applier: Applier, one: companions.Companion, params: Result, deployment: Thing | None, warnings: list[str]) -> tuple[str, str, Outcome]:
    """Those that are given, else those that are there, else new ones. Of several hosts of one cluster the first settles them for all."""
    writer = _first_writer.FirstWriter(applier.api, applier.check, applier.force)
    writer.share_predictions(applier)
    bare = companions.bare(one, "Secret", one.credentials)
    for _attempt in range(ATTEMPTS):
        live = applier.find(bare)
        username, password, changed = _settled(one, params, live)
        if one.kind == "minio":  # it reads them at its start; what somebody else has written it may not have read yet
            changed = changed or not _written_by_us(live)
            one.credentials_mark = companions.next_mark(live, deployment) if changed else companions.mark_of(live)
        try:
            outcome = writer.apply_over(live, companions.secret(one, username, password))
        except _first_writer.Taken:
            continue
        if one.kind == "minio" and changed and live is not None:
            warnings.append("The credentials of MinIO change; clients with the former ones are refused.")
        return username, password, outcome
    raise FleetError(
        f"{title(bare)} was written by somebody else each time that it was about to be written here.",
        "See who does (kubectl get secret -o yaml --show-managed-fields names the managers), then run this again.",
    )


def _settled(one: companions.Companion, params: Result, live: Thing | None) -> tuple[str, str, bool]:
    """User and password, and whether they are others than those that are there. A change reaches MinIO only: RabbitMQ keeps its users itself."""
    there = {key: base64.b64decode(value).decode() for key, value in ((live or {}).get("data") or {}).items()}
    username = params.get("username") or there.get("username") or USER
    password = params.get("password") or there.get("password") or secrets.token_urlsafe(WORD_BYTES)
    changed = there != {"username": username, "password": password}
    if one.kind == "rabbitmq" and there and changed:
        raise FleetError(
            "RabbitMQ has its users in its own store since its first start, so that other credentials here would lock its runners out.",
            "Change them at RabbitMQ (module broker_user), or remove the companion with remove_data: true and make it anew.",
        )
    return username, password, changed


def _written_by_us(live: Thing | None) -> bool:
    """Whether a run of this collection has written the password; one that is about to has claimed it under a name of its own."""
    claimed = any(name.startswith(f"{FIELD_MANAGER}.") for name in owners_of(live, "data", "password")) if live else False
    return claimed or "f:password" in owned_by(live).get("f:data", {})


def _ready(api: Api | None, live: Thing | None, params: Result, check: bool, password: str) -> bool:
    if api is None or live is None or check or not params["wait"]:
        return bool(live and live.get("status") and is_rolled_out(live))
    if not is_rolled_out(live):
        rollout(api, live, Patience(params["wait_timeout"]), [password])
    return True


def _result(one: companions.Companion, outcomes: list[Outcome], warnings: list[str]) -> Result:
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        "namespace": one.namespace,
        "objects": [outcome.result() for outcome in outcomes],
        "diff": diff_of(outcomes),
        "warnings": warnings,
        "host": one.host,
        "ports": dict(one.its.ports),
        "credentials_secret": one.credentials,
        "runner_secret": one.for_runners,
    }
