# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet as its clusters tell of it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: Hosts from the contexts of kubeconfigs, or from the nodes of their clusters
version_added: 0.1.0
description:
  - >-
    Each context of the kubeconfigs becomes a host, or each node of their clusters does. The hosts have the variables by which the modules and playbooks of
    this collection find their cluster, and are grouped by what is found there.
  - Each cluster is looked at once, all of them side by side, as M(studioml.fleet.runner_info) looks. Nothing is written anywhere.
  - >-
    A cluster that does not answer, or says no, stays in the inventory as one host of the group C(fleet_unreachable), with the reason in
    C(fleet_observed.reason) and one warning. The others are not touched by it.
  - Needs a configuration file whose name ends in C(fleet.yml) or C(fleet.yaml).
author:
  - studioml.fleet contributors (@studioml)
extends_documentation_fragment:
  - constructed
  - inventory_cache
notes:
  - >-
    Hosts are called after their context, a node is called C(node.context), so that nodes of the same name in two clusters stay two hosts. What is no letter,
    digit, C(.), C(_) or C(-) becomes C(-). Two contexts that would be one host are refused.
  - >-
    The variables of each host are C(fleet_kubeconfig), C(fleet_context), C(fleet_namespace) (where O(namespace) or the context gives one),
    C(fleet_cluster_id) (where it may be read), C(fleet_node_name) (of a node), C(fleet_observed), and those of the O(connection). No credential is among
    them.
  - >-
    C(fleet_observed) has the same keys for every host: C(at) (when it was looked), C(reachable), C(reason), C(warnings), C(server), C(version), C(namespace),
    C(gpus), C(gpus_allocatable), C(gpus_allocated) (V(null) when nobody knows), C(gpu_products), C(gpu_drivers), C(kubelet_series), C(microk8s_tracks),
    C(asked_states), C(verdict) (empty where there is no runner), C(verdict_reason), C(runners), and C(nodes), each with C(name), C(ready), C(schedulable),
    C(gpu_capacity), C(gpu_allocatable), C(gpu_allocated), C(gpu_product), C(gpu_driver), C(kubelet), C(kubelet_series), C(microk8s_track), C(addresses) and
    C(labels).
  - >-
    With O(cache) a cluster that was reached is not asked again for so long. One that was not is asked each time.
  - The file C(~/.kube/config) and the credentials of a pod are never used by themselves.
seealso:
  - module: studioml.fleet.runner_info
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [studioml.fleet.fleet]
  kubeconfig:
    description:
      - Path of a kubeconfig file, several with C(:) between them, or a list. A path in the configuration file begins in the folder of that file, and may have
        the wildcards of a shell.
      - >-
        When E(K8S_AUTH_KUBECONFIG) gives it, C(fleet_kubeconfig) is an expression that reads the variable again when a play runs. So an inventory that AWX has
        synchronised finds the files that AWX writes anew for each job.
    type: raw
    env:
      - name: K8S_AUTH_KUBECONFIG
    ini:
      - {section: fleet_inventory, key: kubeconfig}
  contexts:
    description: The contexts that are meant, as names or with the wildcards of a shell. Without it, all of them.
    type: list
    elements: str
    default: []
    env:
      - name: FLEET_INVENTORY_CONTEXTS
    ini:
      - {section: fleet_inventory, key: contexts}
  context_names:
    description:
      - What the host of a context is called after.
      - V(context) is its name. V(file) is the name of its file without the ending. V(server) is the name or address of its API server.
    type: str
    choices: [context, file, server]
    default: context
    env:
      - name: FLEET_INVENTORY_CONTEXT_NAMES
    ini:
      - {section: fleet_inventory, key: context_names}
  hosts:
    description:
      - What becomes a host.
      - >-
        With V(nodes) the state of a host is that of its node, C(fleet_node_name) makes modules mean the runner on that node only, and the verdict is judged by
        the pods there.
    type: str
    choices: [contexts, nodes]
    default: contexts
    env:
      - name: FLEET_INVENTORY_HOSTS
    ini:
      - {section: fleet_inventory, key: hosts}
  namespace:
    description: Namespace of the runners. Defaults to that of each context, else to V(default).
    type: str
    env:
      - name: FLEET_INVENTORY_NAMESPACE
    ini:
      - {section: fleet_inventory, key: namespace}
  group:
    description:
      - The group that all hosts are in. The playbooks of this collection work at C(clusters) and at C(runner_hosts), which are machines that they reach.
    type: str
    default: clusters
    env:
      - name: FLEET_INVENTORY_GROUP
    ini:
      - {section: fleet_inventory, key: group}
  connection:
    description:
      - The hosts' C(ansible_connection). V(local) is right for what is reached by its API alone.
      - Empty where the host is a machine of another inventory, too, whose variables say how it is reached.
    type: str
    default: local
    env:
      - name: FLEET_INVENTORY_CONNECTION
    ini:
      - {section: fleet_inventory, key: connection}
  group_by:
    description:
      - The groups to make. Each is called C(fleet_), the word here, C(_), and the value, in which what is no letter or digit becomes C(_).
      - >-
        V(gpu) and V(driver) are the labels of the nodes by NVIDIA's feature discovery, V(track) is the MicroK8s track (1.36) of a MicroK8s node, V(kubelet) the
        same of any node, V(asked) the state that was asked for, V(verdict) that of the runners, V(cluster) the nodes of one context.
      - A cluster as a host is in the groups of all its nodes.
    type: list
    elements: str
    choices: [asked, cluster, driver, gpu, kubelet, track, verdict]
    default: [asked, cluster, driver, gpu, kubelet, track, verdict]
    env:
      - name: FLEET_INVENTORY_GROUP_BY
    ini:
      - {section: fleet_inventory, key: group_by}
  gather:
    description:
      - What to find out beyond the objects themselves, as in M(studioml.fleet.runner_info). Without V(metrics) nobody knows whether a runner works.
      - V(allocations), the GPUs that pods have, lists the pods of all namespaces.
    type: list
    elements: str
    choices: [allocations, logs, metrics, permissions]
    default: [logs, metrics, permissions]
    env:
      - name: FLEET_INVENTORY_GATHER
    ini:
      - {section: fleet_inventory, key: gather}
  runner:
    description: The runners to look at, by their label C(app).
    type: str
    default: studioml-go-runner
  configmap:
    description: Name of the global map, for runners whose Deployment does not say it in C(K8S_CONFIGMAP).
    type: str
    default: studioml-go-runner
  gpu_resource:
    description: Name under which the nodes offer GPUs.
    type: str
    default: nvidia.com/gpu
  connect_timeout:
    description: Seconds to wait for a connection to an API server.
    type: float
    default: 5
  request_timeout:
    description: Seconds that one request may take in all, its repetitions after passing failures included.
    type: float
    default: 10
  target_timeout:
    description: Seconds that the look at one cluster may take in all.
    type: float
    default: 20
    env:
      - name: FLEET_INVENTORY_TARGET_TIMEOUT
    ini:
      - {section: fleet_inventory, key: target_timeout}
  parallel:
    description: How many clusters are looked at at the same time.
    type: int
    default: 64
    env:
      - name: FLEET_INVENTORY_PARALLEL
    ini:
      - {section: fleet_inventory, key: parallel}
"""

EXAMPLES = r"""
# fleet.yml: each context of one file is a host, as the clusters that exist already
plugin: studioml.fleet.fleet
kubeconfig: ~/.kube/config
contexts: [research, "lab-*"]
namespace: studioml
---
# workstations.fleet.yml: beside the inventory of machines that are each their own MicroK8s, whose kubeconfigs the role studioml.fleet.microk8s has written
plugin: studioml.fleet.fleet
kubeconfig: ~/.kube/studioml-fleet/*.yaml
context_names: file
namespace: studioml
group: runner_hosts
connection: ""
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/studioml-fleet-inventory
cache_timeout: 300
---
# nodes.fleet.yml: each node of a larger cluster is a host, and Ansible reaches it as a machine
plugin: studioml.fleet.fleet
kubeconfig: kubeconfigs/rack.yaml
hosts: nodes
namespace: studioml
group: runner_hosts
connection: ssh
strict: true
compose:
  ansible_host: fleet_observed.nodes[0].addresses.InternalIP
groups:
  big: fleet_observed.gpus >= 8
keyed_groups:
  - {key: "fleet_observed.nodes[0].labels['topology.kubernetes.io/zone'] | default('none')", prefix: zone}
"""

import json
import os
import time
import typing as t

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.studioml.fleet.plugins.module_utils import _kubeconfig
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.plugin_utils import _inventory_contexts, _inventory_hosts, _inventory_look

Thing = t.Dict[str, t.Any]
ENDINGS = ("fleet.yml", "fleet.yaml")
# What belongs to the files of the cache: another form of what is kept has another number.
FORM = 1
# What decides what is found at a cluster.
ASKED = ("namespace", "runner", "configmap", "gpu_resource", "gather", "hosts")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "studioml.fleet.fleet"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(ENDINGS)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        try:
            self._refuse_unknown(config)
            contexts = self._contexts(config, path)
            found = self._found(contexts, self.get_cache_key(path), cache)
        except FleetError as error:
            raise AnsibleParserError(error.text()) from error
        for group in (self.get_option("group"), _inventory_hosts.UNREACHABLE):
            self.inventory.add_group(group)
        for context, one in zip(contexts, found):
            self._add(context, one)

    def _refuse_unknown(self, config: t.Mapping[str, t.Any]) -> None:
        known = self.get_options()
        unknown = [str(key) for key in config if key not in known]
        if unknown:
            raise FleetError(f"There is no option {', '.join(unknown)}.", f"The options are: {', '.join(sorted(known))}.")

    def _contexts(self, config: t.Mapping[str, t.Any], path: str) -> list[_inventory_contexts.Context]:
        by_file = config.get("kubeconfig") is not None
        by_environment = not by_file and bool(os.environ.get(_inventory_contexts.VARIABLE))
        folder = os.path.dirname(os.path.abspath(path)) if by_file else os.getcwd()
        files = _inventory_contexts.files(self.get_option("kubeconfig"), by_environment, folder)
        return _inventory_contexts.chosen(files, [str(one) for one in self.get_option("contexts")], self.get_option("context_names"))

    def _found(self, contexts: list[_inventory_contexts.Context], key: str, cache: bool) -> list[Thing]:
        """What is known of each cluster: from the cache, or found now. What could not be found is not kept."""
        caching = self.get_option("cache")
        kept = self._kept(key) if caching and cache else {}
        keys = [self._key(one) for one in contexts]
        missing = [place for place, one in enumerate(keys) if one not in kept]
        by_node = self.get_option("hosts") == "nodes"
        looked = _inventory_look.look([contexts[place] for place in missing], self.get_options(), by_node)
        for place, one in zip(missing, looked):
            said = [one["reason"]] if one["reason"] else one["warnings"]
            if said:
                self.display.warning(f"{contexts[place].host}: {' '.join(said)}")
        now = dict(zip(missing, looked))
        found = [now[place] if place in now else kept[one] for place, one in enumerate(keys)]
        if caching and any(not one["reason"] for one in looked):
            self._cache[key] = {one: seen for one, seen in zip(keys, found) if one and not seen["reason"]}
        return found

    def _kept(self, key: str) -> Thing:
        """What the cache has of each cluster, without what is too old: an entry of the cache gets younger when a cluster is added to it."""
        try:
            kept = self._cache[key]
        except KeyError:
            return {}
        seconds = self.get_option("cache_timeout") or float("inf")
        return {one: found for one, found in kept.items() if time.time() - found["at"] < seconds}

    def _key(self, context: _inventory_contexts.Context) -> str:
        """What of the same cluster, asked the same, is kept as; empty for a context that leads nowhere."""
        try:
            target = _kubeconfig.load(context.path, context.name)
        except FleetError:
            return ""
        asked = {option: self.get_option(option) for option in ASKED}
        return json.dumps([FORM, target.server, _without_user(target.proxy_url), target.context, target.namespace, asked], sort_keys=True)

    def _add(self, context: _inventory_contexts.Context, found: Thing) -> None:
        shape = _inventory_hosts.Shape(self.get_option("connection"), self.get_option("namespace") or "", self.get_option("group_by"))
        by_node = self.get_option("hosts") == "nodes"
        for host in (_inventory_hosts.of_nodes if by_node else _inventory_hosts.of_cluster)(context, found, shape):
            self._populate_host_vars([host.name], host.variables, self.get_option("group"))
            for group in host.groups:
                self.inventory.add_group(group)
                self.inventory.add_child(group, host.name)
            self._construct(host.name)

    def _construct(self, host: str) -> None:
        """What C(compose), C(groups) and C(keyed_groups) make of the variables."""
        strict, variables = self.get_option("strict"), self.inventory.get_host(host).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, host, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict)


def _without_user(proxy: str) -> str:
    """The address of a proxy without its credentials, which do not belong into a cache."""
    return proxy.rpartition("@")[2]
