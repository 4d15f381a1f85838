# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at each of many clusters for an inventory, side by side: the nodes, and how the runners stand to what was asked of them."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _contract, _door, _fleet, _kubeconfig, _node_entry, _node_share, _observe, _runner_entry
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import Verdict, worst
from ansible_collections.studioml.fleet.plugins.plugin_utils._inventory_contexts import Context

Thing = t.Dict[str, t.Any]

# What to find out beyond the objects themselves. The broker is not asked: its password does not belong into an inventory.
GATHER = ("allocations", "logs", "metrics", "permissions")
# Of what M(studioml.fleet.runner_info) tells of a Deployment.
TOLD = (
    *("deployment", "image", "replicas", "ready", "asked_state", "effective_state", "era", "listens"),
    *("verdict", "verdict_reason", "running", "enforced"),
)
PRODUCT = "nvidia.com/gpu.product"
DRIVER = "nvidia.com/cuda.driver-version.full"
# What the feature discovery of earlier releases wrote instead.
FORMER_DRIVER = tuple(f"nvidia.com/cuda.driver.{part}" for part in ("major", "minor", "rev"))
MICROK8S = "microk8s.io/cluster"


def look(contexts: t.Sequence[Context], options: Thing, by_node: bool) -> list[Thing]:
    """What was found at each cluster, in this order; where nothing could be found, C(reason) says why.

    :param options: those of the inventory plugin.
    :param by_node: whether each node is judged by itself, too.
    """
    for option in ("connect_timeout", "request_timeout"):
        if options[option] <= 0:
            raise FleetError(f"{option}: {options[option]:g} is no time to wait.", "Give a number of seconds above 0.")
    entries = [{"name": one.host, "kubeconfig": one.path, "context": one.name} for one in contexts]
    found = _fleet.gather({**_parameters(options), "targets": entries}, _door.api_of, lambda params, connect: _look(params, connect, by_node))
    return [_failed(entry) if entry["failed"] else entry["found"] for entry in found["targets"]]


def _parameters(options: Thing) -> Thing:
    """The options of M(studioml.fleet.runner_info) that mean the same."""
    shared = ("namespace", "configmap", "gpu_resource", "gather", "connect_timeout", "request_timeout", "parallel", "target_timeout")
    nothing = ("kubeconfig", "context", "cluster_id", "nodes", "broker", "max_failures")
    return {**{key: options[key] for key in shared}, **dict.fromkeys(nothing), "name": options["runner"], "batch": 0, "kubeconfig_on": "controller"}


def _look(params: Thing, connect: t.Callable[[Thing], t.Any], by_node: bool) -> Thing:
    namespace = _door.namespace_of(params, _kubeconfig.load(params["kubeconfig"], params["context"]))
    seen = _observe.look(connect(params), _observe.Wanted.of(params, namespace), _observe.View(runner=_with_source, node=node))
    runners = seen["runners"]
    names = [one["name"] for one in seen["nodes"]] if by_node else []
    found = {key: seen[key] for key in ("server", "version", "cluster_id", "namespace", "nodes", "warnings")}
    found.update(at=time.time(), reason="", whole=standing(runners), by_node={name: _standing_on(name, runners) for name in names})
    return {"found": found}


def _failed(entry: Thing) -> Thing:
    reason = f"{entry['msg']} {entry['hint']}".strip()
    nothing: Thing = {"server": "", "version": "", "cluster_id": "", "namespace": "", "nodes": [], "warnings": [], "by_node": {}}
    return {**nothing, "at": time.time(), "reason": reason, "whole": {**standing([]), "verdict": "unreachable", "verdict_reason": reason}}


def node(item: Thing, gpu_resource: str, allocated: dict[str, int] | None) -> Thing:
    """One node, with what its labels tell of its GPUs and of its Kubernetes."""
    labels = item["metadata"].get("labels") or {}
    shown = _node_entry.entry(item, gpu_resource, allocated)
    former = [labels[key] for key in FORMER_DRIVER if labels.get(key)]
    series = re.match(r"v(\d+\.\d+)", shown["kubelet"])
    return {
        **shown,
        "gpu_product": labels.get(PRODUCT) or "",
        "gpu_driver": labels.get(DRIVER) or ".".join(former),
        "kubelet_series": series[1] if series else "",
        "microk8s_track": series[1] if series and labels.get(MICROK8S) == "true" else "",
        "addresses": {one["type"]: one["address"] for one in reversed((item.get("status") or {}).get("addresses") or [])},
        "labels": labels,
    }


def standing(runners: t.Sequence[Thing], map_name: str = "") -> Thing:
    """How these runners stand to what was asked of them, in one word for all.

    :param runners: as M(studioml.fleet.runner_info) tells them.
    :param map_name: which node map would be theirs while they have no pod.
    """
    judged = worst(Verdict(one["verdict"], one["verdict_reason"]) for one in runners) if runners else Verdict("", "")
    asked = {state for one in runners for state in _asked(one, map_name) if state}
    told = [{key: one[key] for key in TOLD} for one in runners]
    return {"asked_states": sorted(asked), "verdict": judged.word, "verdict_reason": judged.reason, "runners": told}


def _asked(runner: Thing, map_name: str) -> list[str]:
    if runner["pods"]:
        return [pod["asked_state"] for pod in runner["pods"]]
    own = [one["state"] for one in runner["maps"] if one["name"] == map_name and one["scope"] == "node" and one["holds"]]
    return own or [runner["asked_state"]]


def _with_source(seen: _runner_entry.Seen) -> Thing:
    """A runner of the cluster, and what is known of it, so that its part on one node can be judged without another look."""
    return {**_runner_entry.entry(seen), "seen": seen}


def _standing_on(name: str, runners: t.Sequence[Thing]) -> Thing:
    """The same for one node, exactly as M(studioml.fleet.runner_info) judges with its option C(nodes)."""
    there, map_name = [], ""
    for one in runners:
        part = _node_share.share(one["seen"].deployment, one["seen"].part.pods, [name])
        if part:
            there.append(_runner_entry.entry(one["seen"]._replace(part=part)))
            map_name = _contract.node_map(one["seen"].global_map, name)
    return standing(there, map_name)
