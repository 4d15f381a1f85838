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

Thing = t.Dict[str, t.Any]


def plan(api: Api, applier: Applier, runner: workload.Runner, params: Thing, warnings: list[str]) -> tuple[list[Thing], list[str]]:
    """The objects to remove, in order, and the names of the data that stays."""
    kinds = (params["kind"],) if params.get("kind") else workload.KINDS
    unwanted = workload.removable(runner, kinds)
    unwanted[len(kinds) : len(kinds)] = [workload.bare(runner, "Secret", f"{runner.named(kind)}-former") for kind in kinds]
    data = _data(api, applier, runner, kinds)
    others = _runner_shared.others(api, runner)
    used = {key: item["metadata"]["name"] for item in others for key in _runner_shared.used_by(item)}
    if params["remove_data"] and data:
        unwanted += data
        used.update(_used_elsewhere(api, runner))
    shared = [thing for thing in unwanted if _key(thing) in used]
    if shared:
        users = sorted({used[_key(thing)] for thing in shared})
        names = ", ".join(f"{thing['kind']} {thing['metadata']['name']}" for thing in shared)
        warnings.append(f"Kept is what others use: {names}; {', '.join(users)} in namespace {runner.namespace} may need it.")
    kept = [] if params["remove_data"] else [title(thing) for thing in data if _key(thing) not in used]
    return [thing for thing in unwanted if thing not in shared], kept


def _data(api: Api, applier: Applier, runner: workload.Runner, kinds: t.Sequence[str]) -> list[Thing]:
    """Claims of the cache by their label, and the Secrets that the runner mounts; both as far as this collection has made them.

    Of a runner that is gone already nobody knows any more what it has mounted, beside what the options name. The usual names are no guess: the message pair
    can be somebody else's, and nobody can make it again.
    """
    selector = f"{_runner_shared.SELECTOR},{workload.RUNNER}={runner.whole_name}"
    claims = api.request("GET", path("PersistentVolumeClaim", runner.namespace), {"labelSelector": selector}, namespace=runner.namespace).get("items") or []
    found = [workload.bare(runner, "PersistentVolumeClaim", item["metadata"]["name"]) for item in claims]
    there = [live for kind in kinds for live in [applier.find(workload.bare(runner, kind, runner.named(kind)))] if live is not None]
    names = {key for live in there for key in _runner_shared.data_of(live)} if there else {("Secret", secret.name) for secret in runner.volumes.secrets}
    for _kind, name in sorted(key for key in names if key[0] == "Secret"):
        live = applier.find(workload.bare(runner, "Secret", name))
        if live is not None and workload.MANAGED_BY.items() <= (live["metadata"].get("labels") or {}).items():
            found.append(workload.bare(runner, "Secret", name))
    return found


def _used_elsewhere(api: Api, runner: workload.Runner) -> dict[tuple[str, str], str]:
    """What the other workloads and pods of the namespace use, whoever has made them, with the name of one that does."""
    used: dict[tuple[str, str], str] = {}
    for kind in (*workload.KINDS, "Pod"):
        for item in api.request("GET", path(kind, runner.namespace), namespace=runner.namespace).get("items") or []:
            labels = item["metadata"].get("labels") or {}
            # a pod of the runner may still be on its way out
            own = {**labels, **runner.labels} == labels and labels.get(workload.GROUP, "") == runner.group
            if not (own if kind == "Pod" else item["metadata"]["name"] == runner.named(kind)):
                pods = {"spec": {"template": item}} if kind == "Pod" else item
                used.update((key, item["metadata"]["name"]) for key in _runner_shared.used_by(pods))
    return used


def _key(thing: Thing) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]
