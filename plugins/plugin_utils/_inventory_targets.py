# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of inventory hosts among C(targets): the few variables that say where each host's runners are, and nothing else of the host."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._targets import MAPS

# key of an entry: the host's variable
VARIABLES = {
    "kubeconfig": "fleet_kubeconfig",
    "context": "fleet_context",
    "namespace": "fleet_namespace",
    "cluster_id": "fleet_cluster_id",
    "node": "fleet_node_name",
    "broker": "fleet_broker",
}


def resolved(arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> list[t.Any]:
    """The entries with each name replaced by a mapping. Variables are templated as the host itself sees them."""
    entries = arguments["targets"]
    if isinstance(entries, str):
        entries = [name.strip() for name in entries.split(",") if name.strip()]
    if not isinstance(entries, (list, tuple)):
        return [entries]
    hosts = task_vars.get("hostvars") or {}
    # The node of a host stands for its maps, unless the task says for all which maps are meant.
    wanted = [key for key in VARIABLES if key != "node" or not any(arguments.get(option) is not None for option in MAPS)]
    return [_host(hosts, entry, wanted) if isinstance(entry, str) else entry for entry in entries]


def _host(hosts: t.Mapping[str, t.Any], name: str, wanted: list[str]) -> dict[str, t.Any]:
    if name not in hosts:
        raise FleetError(f"targets: the inventory has no host {name}.", "Name hosts (groups.gpu_rack2 is a list of them), or give a mapping with kubeconfig.")
    variables = hosts[name]
    found = {key: variables[VARIABLES[key]] for key in wanted if VARIABLES[key] in variables}
    return {"name": name, **{key: value for key, value in found.items() if value}}
