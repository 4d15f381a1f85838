# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was found at a cluster to its hosts: names, variables, groups. Pure functions, no I/O."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible.template import trust_as_template

from ansible_collections.studioml.fleet.plugins.plugin_utils._inventory_contexts import Context, safe

Thing = t.Dict[str, t.Any]

# What groups are made of: fleet_<one of these>_<value>.
GROUPS = ("asked", "cluster", "driver", "gpu", "kubelet", "track", "verdict")
UNREACHABLE = "fleet_unreachable"
PYTHON = trust_as_template("{{ ansible_playbook_python }}")
# The namespace that modules take where neither an option nor the context names one.
DEFAULT = "default"
NO_NODE = "No node of it is known."
# Text that no template and no expression can be made of.
HARMLESS = re.compile(r"[\w ./:@+=,-]*", re.ASCII)


class Host(t.NamedTuple):
    """One host. Its groups are those beside the one that all hosts are in."""

    name: str
    variables: Thing
    groups: list[str]


class Shape(t.NamedTuple):
    """What is the same for all hosts: how they are reached (empty: nothing is said), the namespace that was given (or none), and which groups to make."""

    connection: str
    namespace: str
    group_by: t.Collection[str]


def of_cluster(context: Context, found: Thing, shape: Shape) -> list[Host]:
    """The cluster as one host."""
    return [_host(context.host, context, found, found["whole"], found["nodes"], shape)]


def of_nodes(context: Context, found: Thing, shape: Shape) -> list[Host]:
    """Each node as a host. A cluster that does not tell of its nodes is one host, so that it is not missing without a word."""
    if not found["nodes"]:
        reason = found["reason"] or " ".join([NO_NODE, *found["warnings"]])
        return of_cluster(context, {**found, "reason": reason}, shape)
    hosts = []
    for one in found["nodes"]:
        name = f"{one['name']}.{context.host}"
        host = _host(name, context, found, found["by_node"][one["name"]], [one], shape)
        host.variables["fleet_node_name"] = as_variable(one["name"])
        if "cluster" in shape.group_by:
            host.groups.append(_group("cluster", context.host))
        hosts.append(host)
    return hosts


def as_variable(value: t.Any) -> t.Any:
    """A value as hosts may have it: what a cluster says is no template, and names that cannot be one are shown as they are, in AWX too."""
    if isinstance(value, str):
        return trust_as_template(value) if HARMLESS.fullmatch(value) else value
    if isinstance(value, dict):
        return {key: as_variable(item) for key, item in value.items()}
    return [as_variable(item) for item in value] if isinstance(value, (list, tuple)) else value


def _host(name: str, context: Context, found: Thing, standing: Thing, nodes: list[Thing], shape: Shape) -> Host:
    observed = _observed(found, standing, nodes)
    variables = {"fleet_kubeconfig": context.kubeconfig, "fleet_context": context.name, "fleet_observed": observed}
    optional = {
        "ansible_connection": shape.connection,
        "ansible_python_interpreter": PYTHON if shape.connection == "local" else "",
        # the one that modules take by themselves is left to group variables
        "fleet_namespace": shape.namespace or (found["namespace"] if found["namespace"] != DEFAULT else ""),
        "fleet_cluster_id": found["cluster_id"],
    }
    variables.update({key: value for key, value in optional.items() if value})
    values = {
        "asked": observed["asked_states"],
        "verdict": [observed["verdict"]],
        "gpu": observed["gpu_products"],
        "driver": observed["gpu_drivers"],
        "kubelet": observed["kubelet_series"],
        "track": observed["microk8s_tracks"],
    }
    groups = [_group(word, value) for word in values if word in shape.group_by for value in values[word] if value]
    return Host(name, as_variable(variables), groups + [UNREACHABLE] * (not observed["reachable"]))


def _observed(found: Thing, standing: Thing, nodes: list[Thing]) -> Thing:
    """The variable C(fleet_observed); it has the same keys for every host."""
    allocated = [one["gpu_allocated"] for one in nodes]
    return {
        "at": datetime.datetime.fromtimestamp(found["at"], datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reachable": not found["reason"],
        "reason": found["reason"],
        "warnings": found["warnings"],
        "server": found["server"],
        "version": found["version"],
        "namespace": found["namespace"],
        "gpus": sum(one["gpu_capacity"] for one in nodes),
        "gpus_allocatable": sum(one["gpu_allocatable"] for one in nodes),
        "gpus_allocated": sum(allocated) if allocated and None not in allocated else None,
        "gpu_products": _different(nodes, "gpu_product"),
        "gpu_drivers": _different(nodes, "gpu_driver"),
        "kubelet_series": _different(nodes, "kubelet_series"),
        "microk8s_tracks": _different(nodes, "microk8s_track"),
        "nodes": nodes,
        **standing,
    }


def _different(nodes: list[Thing], key: str) -> list[str]:
    return sorted({one[key] for one in nodes if one[key]})


def _group(word: str, value: str) -> str:
    return f"fleet_{word}_{safe(value, '_', '_')}"
