# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drain or a resume is about: the Deployments of a runner, their pods, and the nodes they are on. Only reads."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import NODES, annotation
from ansible_collections.studioml.fleet.plugins.module_utils._pod_maps import alive
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
OTHER_KINDS = ("DaemonSet", "Job", "StatefulSet")


@dataclass
class Scope:
    """With C(nodes) only what is on them; a Deployment that also has pods elsewhere is shared, and cannot be scaled or kept off its queues for one node."""

    namespace: str
    name: str
    nodes: list[str]
    deployments: list[Thing]
    shared: list[Thing]
    pods: list[Thing]
    # Deployments all of whose pods are on other nodes, each with these nodes
    moved: list[tuple[Thing, list[str]]] = field(default_factory=list)

    @property
    def owner(self) -> str:
        """How a cordoned node names the runner it was cordoned for."""
        return f"{self.namespace}/{self.name}"

    @property
    def node_names(self) -> list[str]:
        """The nodes that are meant: those given, else all that have a pod."""
        return self.nodes or sorted({pod["spec"]["nodeName"] for pod in self.pods if pod["spec"].get("nodeName")})

    def refuse_other_kinds(self, step: str) -> None:
        """FleetError where a runner is no Deployment's: what is enforced is found, and remembered, at Deployments, and would pass these by without a word."""
        there = [pod for pod in self.pods if alive(pod)]
        owners = [owner for pod in there for owner in pod["metadata"].get("ownerReferences") or [] if owner["kind"] in OTHER_KINDS]
        if owners:
            names = ", ".join(sorted({f"{owner['kind']} {owner['name']}" for owner in owners}))
            raise FleetError(
                f"enforce: {step} would do nothing to {names} in namespace {self.namespace}: only a runner that is a Deployment can be kept off its queues.",
                "Nothing was changed. Use enforce: none, which writes the state and can wait; deploy the runner as a Deployment (kind); or take the read "
                "permission of its broker's user away yourself (broker_user with read: '(?!)').",
            )

    def unshared(self, step: str) -> list[Thing]:
        """The Deployments to change; refused when that would reach other nodes too."""
        if self.shared:
            names = ", ".join(deployment["metadata"]["name"] for deployment in self.shared)
            raise FleetError(
                f"enforce: {step} would reach further than {', '.join(self.nodes)}: Deployment {names} in namespace {self.namespace} has pods elsewhere too.",
                "Use enforce: evict, which acts on the nodes alone, leave nodes out, or give each node its own runner (runner_deploy with name and node_name).",
            )
        return self.deployments


def find(api: Api, namespace: str, name: str, nodes: list[str]) -> Scope:
    """Two lists: the Deployments whose pods carry the label C(app=name), and these pods."""
    deployments = [item for item in _list(api, "Deployment", namespace) if _labels(item["spec"]["template"]).get("app") == name]
    pods = _list(api, "Pod", namespace, {"labelSelector": f"app={name}"})
    for items, kind in ((deployments, "Deployment"), (pods, "Pod")):
        for item in items:
            item.setdefault("kind", kind)
    if not nodes:
        return Scope(namespace, name, [], deployments, [], pods)
    there = [pod for pod in pods if pod["spec"].get("nodeName") in nodes]
    mine, shared, moved = [], [], []
    for deployment in deployments:
        wanted = deployment["spec"]["selector"].get("matchLabels") or {}
        its = [pod for pod in pods if wanted.items() <= _labels(pod).items()]
        on_nodes = [pod for pod in its if pod in there]
        if on_nodes and len(on_nodes) == len(its) and int(deployment["spec"].get("replicas", 1)) <= len(its):
            mine.append(deployment)
        elif on_nodes:
            shared.append(deployment)
        elif not its and ({pinned_to(deployment), *annotation(deployment, NODES).split(",")} & set(nodes)):  # scaled to 0, or between two lives of its pod
            mine.append(deployment)
        elif its:
            moved.append((deployment, sorted({str(pod["spec"].get("nodeName") or "no node yet") for pod in its})))
    return Scope(namespace, name, nodes, mine, shared, there, moved)


def runner_pods(api: Api, scope: Scope) -> list[Thing]:
    """The pods as they are now."""
    pods = _list(api, "Pod", scope.namespace, {"labelSelector": f"app={scope.name}"})
    return [pod for pod in pods if not scope.nodes or pod["spec"].get("nodeName") in scope.nodes]


def pinned_to(deployment: Thing) -> str:
    """The one node that a Deployment's pods may run on, as runner_deploy writes it; empty when there is no such rule."""
    affinity = (deployment["spec"]["template"]["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or []
    fields = [one for term in terms for one in term.get("matchFields") or [] if one.get("key") == "metadata.name" and one.get("operator") == "In"]
    return str(fields[0]["values"][0]) if len(terms) == 1 and fields else ""


def _list(api: Api, kind: str, namespace: str, query: dict[str, str] | None = None) -> list[Thing]:
    items: list[Thing] = api.request("GET", path(kind, namespace), query, namespace=namespace).get("items") or []
    return items


def _labels(thing: Thing) -> dict[str, str]:
    return thing["metadata"].get("labels") or {}
