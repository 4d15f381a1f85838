# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runner_deploy
short_description: Deploy studio-go-runners to a cluster and wait until they run
version_added: 0.1.0
description:
  - >-
    Makes and converges everything that a runner needs: namespace, ServiceAccount, a Role that may read ConfigMaps and nothing else, its environment, the state
    map, and the Deployment; then follows the rollout by watch and says why when it fails.
  - Works by server-side apply under the field manager C(studioml.fleet). Fields of others are left alone; one that another manager owns is a conflict.
  - >-
    The pods get C(K8S_NAMESPACE), C(K8S_CONFIGMAP) and C(HOSTNAME=<state_configmap>-<node>), so that the runner follows the global state map and the map of its
    node (see M(studioml.fleet.runner_state)).
  - The pods are replaced when their environment changes. With GPUs the old pod ends before the new one starts, since a host's GPUs cannot serve both.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details: The API server is asked for dry runs. Where the namespace or the kubeconfig does not exist yet, the result is predicted locally.
  diff_mode:
    support: full
    details: Shows the fields that this collection sets. Of Secrets it shows the keys, never a value.
  idempotent:
    support: full
    details: Nothing but reads is sent when nothing changes.
  platform:
    platforms: posix
options:
  state:
    description:
      - V(absent) removes what this module has made, the namespace excepted. What runs in the pods is lost then; drain first.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the runner; the Deployment is called C(<name>-deployment), and its pods carry the label C(app=<name>).
    type: str
    default: studioml-go-runner
  create_namespace:
    description: Whether to make the namespace if it does not exist. Needs the permission to read namespaces.
    type: bool
    default: true
  image:
    description: Image of the runner. Required for O(state=present).
    type: str
  image_pull_policy:
    description: When the node pulls the image.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  image_pull_secrets:
    description: Names of Secrets of the namespace with credentials for the registry.
    type: list
    elements: str
    default: []
  replicas:
    description: Number of pods.
    type: int
    default: 1
  gpus:
    description: GPUs for each pod; 0 for a runner on the CPU, which also needs C(CPU_ONLY=true) in O(env) where its image is built for GPUs.
    type: int
    default: 0
  gpu_resource:
    description: Name under which the nodes offer GPUs.
    type: str
    default: nvidia.com/gpu
  resources:
    description: CPU, memory and other resources for each pod, as Kubernetes writes them. GPUs are given by O(gpus).
    type: dict
    suboptions:
      limits:
        description: What a pod can have at most.
        type: dict
      requests:
        description: What a pod is sure to have.
        type: dict
  env:
    description:
      - The runner's environment. Becomes the ConfigMap O(env_configmap); keys that others have put there are kept.
      - A URL with a password in it is refused; it belongs in O(secret_env).
    type: dict
    default: {}
  env_configmap:
    description: Name of the ConfigMap for O(env).
    type: str
    default: studioml-env
  secret_env:
    description: Environment that nobody else may see, such as C(AMQP_URL) with its password. Becomes the Secret O(env_secret), and no result or diff shows it.
    type: dict
    default: {}
  env_secret:
    description: Name of the Secret for O(secret_env).
    type: str
    default: studioml-env-secret
  service_account:
    description: Name of the runner's ServiceAccount.
    type: str
    default: studioml-account
  node_name:
    description: Run on this node only.
    type: str
  node_selector:
    description: Run on nodes with these labels only. Linux is asked for in any case.
    type: dict
    default: {}
  tolerations:
    description: Taints that do not keep the pods away.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: Key of the taint.
        type: str
      operator:
        description: How the value is compared.
        type: str
        choices: [Exists, Equal]
      value:
        description: Value of the taint.
        type: str
      effect:
        description: Effect of the taint; every one if not given.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
      tolerationSeconds:
        description: How long V(NoExecute) is tolerated.
        type: int
  runtime_class:
    description: RuntimeClass of the pods, such as V(nvidia).
    type: str
  state_configmap:
    description: Name of the global state map.
    type: str
    default: studioml-go-runner
  initial_state:
    description: State that is written when the state map is made. A map that exists is never touched; see M(studioml.fleet.runner_state).
    type: str
    choices: [Running, DrainAndSuspend, DrainAndTerminate]
    default: Running
  force_conflicts:
    description: Take over fields that another manager owns.
    type: bool
    default: false
  wait:
    description: Wait until all pods are of the newest version and have run for 5 seconds. Nothing is awaited in check mode.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait.
    type: float
    default: 300
  image_pull_grace:
    description: Seconds for which a failing pull of the image is given time to recover.
    type: float
    default: 60
  schedule_grace:
    description: Seconds for which a pod may find no node, for example until an old pod has given its GPUs back.
    type: float
    default: 60
seealso:
  - module: studioml.fleet.runner_state
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Deploy a runner with one GPU
  studioml.fleet.runner_deploy:
    kubeconfig: /etc/fleet/gpu1.yaml
    namespace: studioml
    image: hub:5000/studioml/runner:0.14.2
    gpus: 1
    resources:
      limits: {cpu: 2, memory: 8Gi}
    env:
      QUEUE_MATCH: ^rmq_.*$
      CLEAR_TEXT_MESSAGES: true
    secret_env:
      AMQP_URL: "amqp://runner:{{ vault_broker_password }}@hub:5672/%2f"

- name: Deploy a runner without a GPU, drained from the start
  studioml.fleet.runner_deploy:
    kubeconfig: /etc/fleet/cpu1.yaml
    image: hub:5000/studioml/runner:0.14.2
    env: {CPU_ONLY: true}
    initial_state: DrainAndSuspend

- name: Remove it
  studioml.fleet.runner_deploy: {kubeconfig: /etc/fleet/cpu1.yaml, state: absent}
"""

RETURN = r"""
objects:
  description: What became of each object, in the order in which it was handled.
  returned: success
  type: list
  elements: dict
  sample:
    - {kind: Deployment, name: studioml-go-runner-deployment, namespace: studioml, action: created}
  contains:
    kind:
      description: Kind of the object.
      type: str
      returned: success
    name:
      description: Its name.
      type: str
      returned: success
    namespace:
      description: Its namespace, empty for a namespace.
      type: str
      returned: success
    action:
      description: V(created), V(changed), V(unchanged) or V(deleted); in check mode, what would be done.
      type: str
      returned: success
namespace:
  description: The namespace of the runner.
  returned: success
  type: str
  sample: studioml
rollout:
  description: State of the rollout.
  returned: success
  type: dict
  sample: {ready: true, image: "hub:5000/studioml/runner:0.14.2", pods: [studioml-go-runner-deployment-6d9f-x2x], conditions: []}
  contains:
    ready:
      description: Whether all pods are of the newest version and available.
      type: bool
      returned: success
    image:
      description: Image that was asked for.
      type: str
      returned: success
    pods:
      description: The pods, when there was something to wait for.
      type: list
      elements: str
      returned: success
    conditions:
      description: What the Deployment says about itself, when nothing was awaited.
      type: list
      elements: dict
      returned: success
cause:
  description: Why a rollout failed.
  returned: when the rollout fails
  type: dict
  sample: {pod: studioml-go-runner-deployment-6d9f-x2x, reason: ImagePullBackOff, events: ["Failed: Error: ImagePullBackOff"], terminated: {}, log: []}
  contains:
    pod:
      description: The pod that failed; empty if there is none.
      type: str
      returned: when the rollout fails
    reason:
      description: The reason, in Kubernetes' own word.
      type: str
      returned: when the rollout fails
    events:
      description: The newest events about it.
      type: list
      elements: str
      returned: when the rollout fails
    terminated:
      description: How its container ended (C(exit_code), C(reason), C(message)); empty if it did not.
      type: dict
      returned: when the rollout fails
    log:
      description: The container's last log lines, without credentials.
      type: list
      elements: str
      returned: when the rollout fails
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _contract, _deploy, _door

_NAMES = {
    "name": _contract.RUNNER,
    "env_configmap": _contract.ENV_CONFIGMAP,
    "env_secret": _contract.ENV_SECRET,
    "service_account": _contract.SERVICE_ACCOUNT,
    "state_configmap": _contract.RUNNER,
}
_TOLERATION = {
    "key": {"type": "str", "no_log": False},
    "operator": {"type": "str", "choices": ["Exists", "Equal"]},
    "value": {"type": "str"},
    "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
    "tolerationSeconds": {"type": "int"},
}
ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **{option: {"type": "str", "default": name, "no_log": False} for option, name in _NAMES.items()},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "create_namespace": {"type": "bool", "default": True},
    "image": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"], "default": "IfNotPresent"},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "replicas": {"type": "int", "default": 1},
    "gpus": {"type": "int", "default": 0},
    "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
    "resources": {"type": "dict", "options": {"limits": {"type": "dict"}, "requests": {"type": "dict"}}},
    "env": {"type": "dict", "default": {}},
    "secret_env": {"type": "dict", "default": {}, "no_log": True},
    "node_name": {"type": "str"},
    "node_selector": {"type": "dict", "default": {}},
    "tolerations": {"type": "list", "elements": "dict", "default": [], "options": _TOLERATION},
    "runtime_class": {"type": "str"},
    "initial_state": {"type": "str", "choices": list(_contract.STATES), "default": "Running"},
    "force_conflicts": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 300},
    "image_pull_grace": {"type": "float", "default": 60},
    "schedule_grace": {"type": "float", "default": 60},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check and params["state"] == "present")
    if target is None:
        runner = _deploy.runner_of(params, params.get("namespace") or "default")
        return {**_deploy.present(None, runner, params, check), "warnings": warnings}
    runner = _deploy.runner_of(params, _door.namespace_of(params, target))
    act = _deploy.present if params["state"] == "present" else _deploy.absent
    return act(_door.connect(params, target), runner, params, check)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
