# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runner_info
short_description: Show the studio-go-runners of a namespace and the nodes they run on
version_added: 0.1.0
description:
  - Returns what is deployed, which state was asked of each runner and by which map, its pods, and the GPUs that the nodes offer.
  - The state shown is the one that was asked for. Whether a runner follows it is another question.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.info_module
  - studioml.fleet.attributes.controller
attributes:
  platform:
    platforms: posix
options:
  name:
    description: The runners to show, by their label C(app).
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
seealso:
  - module: studioml.fleet.runner_state
  - module: studioml.fleet.runner_deploy
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Look at the runners of a host's cluster
  studioml.fleet.runner_info:
    kubeconfig: /etc/fleet/gpu1.yaml
    namespace: studioml
  register: fleet

- name: Stop if a runner has no pod that is ready
  ansible.builtin.assert:
    that: fleet.runners | selectattr('ready', 'lt', 1) | length == 0
"""

RETURN = r"""
runners:
  description: One entry for each Deployment of runners.
  returned: success
  type: list
  elements: dict
  sample:
    - name: studioml-go-runner
      namespace: studioml
      deployment: studioml-go-runner-deployment
      image: hub:5000/studioml/runner:0.14.2
      replicas: 1
      ready: 1
      asked_state: Running
      maps:
        - {name: studioml-go-runner, scope: global, state: Running, holds: true}
      pods:
        - name: studioml-go-runner-deployment-6d9f-x2x
          node: gpu1
          phase: Running
          ready: true
          restarts: 0
          started: "2026-01-20T10:00:00Z"
          node_map: studioml-go-runner-gpu1
          asked_state: Running
  contains:
    name:
      description: The label C(app).
      type: str
      returned: success
    namespace:
      description: Its namespace.
      type: str
      returned: success
    deployment:
      description: Name of the Deployment.
      type: str
      returned: success
    image:
      description: Image of the runner's container.
      type: str
      returned: success
    replicas:
      description: Pods that are wanted.
      type: int
      returned: success
    ready:
      description: Pods that are ready.
      type: int
      returned: success
    asked_state:
      description: STATE of the global map, empty if there is none.
      type: str
      returned: success
    maps:
      description: The state maps of the namespace. C(holds) is V(false) for a node map whose name sorts before the global one.
      type: list
      elements: dict
      returned: success
    pods:
      description: The runner's pods. C(asked_state) is that of the pod's own node map where there is one, else the global one.
      type: list
      elements: dict
      returned: success
nodes:
  description: The nodes of the cluster; empty with a warning when the kubeconfig's user may not see them.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: gpu1, ready: true, schedulable: true, gpu_capacity: 2, gpu_allocatable: 2}
  contains:
    name:
      description: Name of the node.
      type: str
      returned: success
    ready:
      description: Whether its kubelet reports it as ready.
      type: bool
      returned: success
    schedulable:
      description: Whether it takes new pods (is not cordoned).
      type: bool
      returned: success
    gpu_capacity:
      description: GPUs in it.
      type: int
      returned: success
    gpu_allocatable:
      description: GPUs that pods can have.
      type: int
      returned: success
namespace:
  description: The namespace that was looked at.
  returned: success
  type: str
  sample: studioml
cluster_id:
  description: UID of the cluster's C(kube-system) namespace; empty with a warning when the kubeconfig's user may not see it.
  returned: success
  type: str
  sample: 7b3f5c0e-9d5b-4f6e-8f0a-2c1f6e1f4a11
version:
  description: Version of the API server.
  returned: success
  type: str
  sample: v1.36.3
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _contract, _door, _observe

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "name": {"type": "str", "default": _contract.RUNNER},
    "configmap": {"type": "str", "default": _contract.RUNNER},
    "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check)
    if target is None:
        return {"changed": False, "runners": [], "nodes": [], "namespace": params["namespace"] or "", "cluster_id": "", "version": "", "warnings": warnings}
    namespace = _door.namespace_of(params, target)
    name, configmap = _contract.checked_name(params["name"], "name"), _contract.checked_name(params["configmap"], "configmap")
    return _observe.look(_door.connect(params, target), namespace, name, configmap, params["gpu_resource"], params["cluster_id"] or "")


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
