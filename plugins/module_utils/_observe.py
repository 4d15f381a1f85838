# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the runners of a namespace: what is deployed, what was asked of it, what became of it, what the nodes offer. Only reads."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _listening, _messages, _metrics, _node_entry, _runner_entry, _runner_log
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._apply import compared_cluster_id, read_cluster_id
from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_name
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._node_share import Share, share
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, runner_container
from ansible_collections.studioml.fleet.plugins.module_utils._pod_maps import alive
from ansible_collections.studioml.fleet.plugins.module_utils._pool import each
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._scope import OTHER_KINDS
from ansible_collections.studioml.fleet.plugins.module_utils._state import Maps, read_maps

Thing = t.Dict[str, t.Any]

# What to find out beyond the objects themselves.
EVIDENCE = ("allocations", "logs", "messages", "metrics", "permissions")
PARALLEL = 8
# A runner that has run for so long serves its metrics, if it has any.
STARTED_SECONDS = 30
PAGE = 500


class Wanted(t.NamedTuple):
    """Whose runners to look at, and how closely. Without C(nodes): at all of them; without C(broker) it is not asked."""

    namespace: str
    name: str
    configmap: str
    gpu_resource: str
    cluster_id: str = ""
    gather: t.Sequence[str] = EVIDENCE
    nodes: t.Sequence[str] = ()
    broker: t.Optional[Thing] = None

    @classmethod
    def of(cls, params: Thing, namespace: str) -> Wanted:
        """The module's options, checked."""
        return cls(
            namespace=namespace,
            name=checked_name(params["name"], "name"),
            configmap=checked_name(params["configmap"], "configmap"),
            gpu_resource=params["gpu_resource"],
            cluster_id=params["cluster_id"] or "",
            gather=params["gather"],
            nodes=params["nodes"] or [],
            broker=params["broker"] if "messages" in params["gather"] else None,
        )


class View(t.NamedTuple):
    """How runners and nodes are shown; an inventory shows them in another way than the modules."""

    runner: t.Callable[[_runner_entry.Seen], Thing] = _runner_entry.entry
    node: t.Callable[[Thing, str, t.Optional[t.Dict[str, int]]], Thing] = _node_entry.entry


PLAIN = View()


def look(api: Api, wanted: Wanted, view: View = PLAIN) -> Thing:
    """Everything about these runners. What the user may not see, and what does not answer, is left out with a warning."""
    warnings: list[str] = []
    found_id = _allowed(lambda: read_cluster_id(api), "", "the cluster's id", warnings)
    if wanted.cluster_id and found_id:
        compared_cluster_id(api, wanted.cluster_id, found_id)
    deployments = _list(api, "Deployment", wanted.namespace)
    pods = _list(api, "Pod", wanted.namespace, {"labelSelector": f"app={wanted.name}"})
    maps = read_maps(api, wanted.namespace)
    nodes = _allowed(lambda: _list(api, "Node"), [], "the nodes", warnings)
    nodes = [node for node in nodes if not wanted.nodes or node["metadata"]["name"] in wanted.nodes]
    chosen = [deployment for deployment in deployments if _labels(deployment).get("app") == wanted.name]
    chosen += _of_other_kinds(api, wanted.namespace, pods, warnings)
    shares = [(deployment, share(deployment, _pods_of(deployment, pods), wanted.nodes)) for deployment in chosen]
    evidence = _ask_pods(api, [pod for _deployment, part in shares if part for pod in part.pods], maps, wanted.gather, warnings)
    return {
        "changed": False,
        "warnings": warnings,
        "cluster_id": found_id,
        "server": api.target.server,
        "version": str(api.request("GET", "/version").get("gitVersion") or ""),
        "namespace": wanted.namespace,
        "runners": [view.runner(_seen(api, deployment, part, maps, wanted, evidence, warnings)) for deployment, part in shares if part],
        "nodes": _nodes(api, nodes, wanted, view, warnings),
    }


def nothing(namespace: str, warnings: list[str]) -> Thing:
    """The answer where there is no cluster yet."""
    found: Thing = {"changed": False, "runners": [], "nodes": [], "warnings": warnings}
    return {**found, "namespace": namespace, "cluster_id": "", "server": "", "version": ""}


def _list(api: Api, kind: str, namespace: str = "", query: dict[str, str] | None = None) -> list[Thing]:
    return api.request("GET", path(kind, namespace), query, namespace=namespace).get("items") or []


def _allowed(read: t.Callable[[], t.Any], otherwise: t.Any, what: str, warnings: list[str]) -> t.Any:
    try:
        return read()
    except ApiError as error:
        if error.status != 403:
            raise
        warnings.append(f"The kubeconfig's user may not read {what}; it is left out.")
        return otherwise


def _of_other_kinds(api: Api, namespace: str, pods: list[Thing], warnings: list[str]) -> list[Thing]:
    """Runners that are no Deployments. Their pods tell of them, so that nobody else pays for the question; a Job that has ended is no runner any more."""
    there = [owner for pod in pods if alive(pod) for owner in pod["metadata"].get("ownerReferences") or []]
    owners = {(owner["kind"], owner["uid"]) for owner in there if owner["kind"] in OTHER_KINDS}
    found = []
    for kind in sorted({kind for kind, _uid in owners}):
        items = _allowed(functools.partial(_list, api, kind, namespace), [], f"what is a {kind}", warnings)
        found += [{**item, "kind": kind} for item in items if (kind, item["metadata"]["uid"]) in owners]
    return found


def _labels(deployment: Thing) -> dict[str, str]:
    return deployment["spec"]["template"]["metadata"].get("labels") or {}


def _pods_of(deployment: Thing, pods: list[Thing]) -> list[Thing]:
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    return [pod for pod in pods if labels.items() <= (pod["metadata"].get("labels") or {}).items()]


class _Evidence(t.NamedTuple):
    """What pods have said, by their names; C(mute) those that have run for a while and serve no metrics."""

    metrics: t.Dict[str, _metrics.Metrics]
    heard: t.Dict[str, _runner_log.Heard]
    mute: t.Set[str]


def _ask_pods(api: Api, pods: list[Thing], maps: Maps, gather: t.Sequence[str], warnings: list[str]) -> _Evidence:
    """Metrics and logs of all pods that run, side by side."""
    said = _Evidence({}, {}, set())

    def ask(question: tuple[str, Thing]) -> str:
        what, pod = question
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        try:
            if what == "metrics":
                said.metrics[name] = _metrics.of_pod(api, namespace, name, _metrics.port_of(pod, maps))
            else:
                said.heard[name] = _runner_log.of_pod(api, namespace, pod)
        except FleetError as error:
            if isinstance(error, _metrics.Mute) and _runner_log.age(pod) > STARTED_SECONDS:
                said.mute.add(name)
            return f"The {what} of pod {name} could not be read: {error.text()}"
        return ""

    up = [pod for pod in pods if _runner_log.started(pod)]
    questions = [(what, pod) for pod in up for what in ("metrics", "logs") if what in gather]
    warnings += filter(None, each(questions, ask, PARALLEL))
    return said


def _seen(api: Api, deployment: Thing, part: Share, maps: Maps, wanted: Wanted, evidence: _Evidence, warnings: list[str]) -> _runner_entry.Seen:
    container = runner_container(deployment["spec"]["template"]["spec"])
    namespace = deployment["metadata"]["namespace"]
    global_map = environment(container, maps, {"metadata.namespace": namespace}).get("K8S_CONFIGMAP") or wanted.configmap
    may_ask = "permissions" in wanted.gather
    listening = _listening.judge(api, deployment, part.pods, maps, namespace, global_map, heard=evidence.heard, may_ask=may_ask, mute=evidence.mute)
    warnings += listening.warnings
    messages = _messages_of(api, deployment, maps, wanted.broker, warnings)
    asked = wanted.broker is not None
    return _runner_entry.Seen(deployment, part, maps, global_map, listening, evidence.metrics, asked, messages)


def _messages_of(api: Api, deployment: Thing, maps: Maps, given: Thing | None, warnings: list[str]) -> _messages.Messages | None:
    if given is None:
        return None
    try:
        return _messages.of_runner(api, deployment, maps, given)
    except FleetError as error:
        warnings.append(f"The broker of {deployment['metadata']['name']} does not tell: {error.text()}")
        return None


def _nodes(api: Api, nodes: list[Thing], wanted: Wanted, view: View, warnings: list[str]) -> list[Thing]:
    resource = wanted.gpu_resource
    shown = [view.node(node, resource, None) for node in nodes]
    if not any(node["gpu_capacity"] for node in shown):
        return [{**node, "gpu_allocated": 0} for node in shown]
    if "allocations" not in wanted.gather:
        return shown
    allocated = _allowed(lambda: _node_entry.allocated_by_node(_all_pods(api), resource), None, "the pods of all namespaces", warnings)
    return [view.node(node, resource, allocated) for node in nodes]


def _all_pods(api: Api) -> t.Iterator[Thing]:
    """The pods of the cluster that have not ended, a page at a time."""
    query = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed", "limit": str(PAGE)}
    while True:
        page = api.request("GET", path("Pod"), query)
        yield from page.get("items") or []
        more = (page.get("metadata") or {}).get("continue")
        if not more:
            return
        query = {**query, "continue": more}
