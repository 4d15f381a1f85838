# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_info
short_description: Find the container registry that lives inside a cluster
version_added: 0.1.0
description:
  - Looks for the registry that MicroK8s's add-on C(registry) makes (or another one behind a service) and returns every address at which it is reached.
  - A cluster without such a registry is no failure; RV(present) says so.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.info_module
  - studioml.fleet.attributes.controller
attributes:
  platform:
    platforms: posix
options:
  namespace:
    description: Not used by this module; taken so that it can be set for all modules of the group.
    type: str
  registry_namespace:
    description: Namespace of the registry.
    type: str
    default: container-registry
  service:
    description: Name of the registry's service.
    type: str
    default: registry
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Where does the cluster's own registry answer?
  studioml.fleet.registry_info:
    kubeconfig: /etc/fleet/gpu1.yaml
  register: found

- name: Show the address for each node
  ansible.builtin.debug:
    msg: "{{ found.addresses }}"
  when: found.present
"""

RETURN = r"""
present:
  description: Whether there is such a registry.
  returned: success
  type: bool
  sample: true
ready:
  description: Whether a pod of it is ready.
  returned: success
  type: bool
  sample: true
namespace:
  description: Its namespace.
  returned: success
  type: str
  sample: container-registry
service:
  description: Its service.
  returned: success
  type: str
  sample: registry
cluster_ip:
  description: Address of the service inside the cluster.
  returned: success
  type: str
  sample: 10.152.183.40
cluster_host:
  description: Name and port of the service inside the cluster, as pods use it.
  returned: success
  type: str
  sample: registry.container-registry.svc.cluster.local:5000
port:
  description: Port of the service inside the cluster.
  returned: success
  type: int
  sample: 5000
node_port:
  description: Port on every node; 0 if the service has none.
  returned: success
  type: int
  sample: 32000
pod_ip:
  description: Address of a pod that serves it, a ready one if there is any.
  returned: success
  type: str
  sample: 10.1.5.12
addresses:
  description: Where each node answers for it.
  returned: success
  type: list
  elements: dict
  sample:
    - node: gpu1
      address: 192.0.2.11:32000
  contains:
    node:
      description: Name of the node.
      type: str
      returned: success
    address:
      description: Address and port.
      type: str
      returned: success
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _apply, _cluster_registry, _contract, _door

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "registry_namespace": {"type": "str", "default": "container-registry"},
    "service": {"type": "str", "default": "registry"},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check)
    namespace, service = _contract.checked_namespace(params["registry_namespace"]), _contract.checked_name(params["service"], "service")
    if target is None:
        return {**_cluster_registry.absent(namespace, service), "warnings": warnings}
    api = _door.connect(params, target)
    _apply.same_cluster(api, params["cluster_id"])
    return _cluster_registry.look(api, namespace, service)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
