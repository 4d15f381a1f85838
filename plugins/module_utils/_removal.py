# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes with the removal of a runner, what stays because another runner uses it, and what stays because it is data. Only reads."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _runner_shared
from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, title
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._runner_volumes import SECRETS

Thing = t.Dict[str, t.Any]


def plan(api: Api, applier: Applier, runner: workload.Runner, params: Thing, warnings: list[str]) -> tuple[list[Thing], list[str]]:
    """The objects to remove, in order, and the names of the data that stays."""
    kinds = (params["kind"],) if params.get("kind") else workload.KINDS
    unwanted = workload.removable(runner, kinds)
    unwanted[len(kinds) : len(kinds)] = [workload.bare(runner, "Secret", f"{runner.named(kind)}-former") for kind in kinds]
    others = _runner_shared.others(api, runner)
    used = {key: item["metadata"]["name"] for item in others for key in _runner_shared.used_by(item)}
    shared = [thing for thing in unwanted if _key(thing) in used]
    if shared:
        users = sorted({used[_key(thing)] for thing in shared})
        names = ", ".join(f"{thing['kind']} {thing['metadata']['name']}" for thing in shared)
        warnings.append(f"Kept is what others use: {names}; {', '.join(users)} in namespace {runner.namespace} may need it.")
    data = [thing for thing in _data(api, applier, runner, kinds) if _key(thing) not in used]
    going = [thing for thing in unwanted if thing not in shared] + (data if params["remove_data"] else [])
    return going, [] if params["remove_data"] else [title(thing) for thing in data]


def _data(api: Api, applier: Applier, runner: workload.Runner, kinds: t.Sequence[str]) -> list[Thing]:
    """Claims of the cache by their label, and the Secrets that the runner mounts; both as far as this collection has made them."""
    selector = f"{_runner_shared.SELECTOR},{workload.RUNNER}={runner.whole_name}"
    claims = api.request("GET", path("PersistentVolumeClaim", runner.namespace), {"labelSelector": selector}, namespace=runner.namespace).get("items") or []
    found = [workload.bare(runner, "PersistentVolumeClaim", item["metadata"]["name"]) for item in claims]
    names = {("Secret", name) for _folder, name, _optional in SECRETS.values()} | {("Secret", secret.name) for secret in runner.volumes.secrets}
    for kind in kinds:
        names |= _runner_shared.data_of(applier.find(workload.bare(runner, kind, runner.named(kind))) or {})
    for _kind, name in sorted(key for key in names if key[0] == "Secret"):
        live = applier.find(workload.bare(runner, "Secret", name))
        if live is not None and workload.MANAGED_BY.items() <= (live["metadata"].get("labels") or {}).items():
            found.append(workload.bare(runner, "Secret", name))
    return found


def _key(thing: Thing) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]
