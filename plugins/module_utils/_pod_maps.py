# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which map steers the runner of a pod, and what ties the two together. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, runner_container

Pod = t.Dict[str, t.Any]

LONGEST_HOST_NAME = 63


def map_of_pod(pod: Pod, name: str = "", maps: dict[str, t.Any] | None = None) -> str:
    """The value of HOSTNAME in the runner's container; empty while it depends on a node that is not known yet.

    :param maps: the ConfigMaps of the namespace, for a container that takes its environment from them.
    """
    spec = pod["spec"]
    container = runner_container(spec, name)
    given = environment(container, maps or {}, _fields(pod)).get("HOSTNAME")
    if given is not None:
        return "" if "$(" in given else given
    if any(one.get("name") == "HOSTNAME" for one in container.get("env") or []):
        return ""
    return str(spec.get("nodeName") or "") if spec.get("hostNetwork") else _host_name(pod)


def named_after(pod: Pod, map_name: str) -> bool:
    """Whether the map has the pod's own name, and so is of no use to anybody once the pod is gone."""
    return map_name == _host_name({**pod, "spec": {}})


def owner_of_map(pod: Pod) -> dict[str, t.Any]:
    """The owner reference with which the cluster clears the map away when the pod is gone."""
    return {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}


def alive(pod: Pod) -> bool:
    """Whether it may still follow a map: it has not ended and is not being deleted."""
    return not pod["metadata"].get("deletionTimestamp") and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def chosen(pods: t.Sequence[Pod], name: str, names: t.Sequence[str], nodes: t.Sequence[str]) -> list[Pod]:
    """The pods with these names and those on these nodes, in that order; one that is not there is an error."""
    there = {pod["metadata"]["name"]: pod for pod in pods if alive(pod)}
    missing = [one for one in names if one not in there]
    if missing:
        raise FleetError(
            f"pods: no running pod with the label app={name} is called {', '.join(missing)}.",
            f"The runners here are: {', '.join(sorted(there)) or '(none)'}. A pod that is replaced gets another name; nodes with nodes_through: pods finds it.",
        )
    found = [there[one] for one in dict.fromkeys(names)]
    for node in dict.fromkeys(nodes):
        on_node = [pod for pod in there.values() if pod["spec"].get("nodeName") == node]
        if not on_node:
            raise FleetError(
                f"nodes: no pod with the label app={name} runs on node {node}.",
                "Look with runner_info where the runners are, or use nodes_through: name, which writes the map before there is a pod.",
            )
        found += sorted(on_node, key=lambda pod: str(pod["metadata"]["name"]))
    return found


def _host_name(pod: Pod) -> str:
    """The kubelet cuts a host name at 63 characters, and what may not be at its end then."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:LONGEST_HOST_NAME].rstrip("-.")


def _fields(pod: Pod) -> dict[str, str]:
    """The fields of a pod that an environment may refer to; those that are not settled yet are not there."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    known = {f"metadata.{key}": meta.get(key) for key in ("name", "namespace", "uid")}
    known.update({f"spec.{key}": spec.get(key) for key in ("nodeName", "serviceAccountName")})
    known.update({f"status.{key}": status.get(key) for key in ("podIP", "hostIP")})
    return {place: value for place, value in known.items() if value}
