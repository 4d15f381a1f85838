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
  - studioml.fleet.runner
  - studioml.fleet.broker
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
      - >-
        V(absent) removes what this module has made, the namespace, claims and mounted Secrets excepted (see O(remove_data)), and what other runners of the
        namespace use. What runs in the pods is lost then; drain first.
      - V(rolled_back) brings back the version that was up before the last change, with its environment. A second time it changes nothing.
    type: str
    choices: [present, absent, rolled_back]
    default: present
  create_namespace:
    description: Whether to make the namespace if it does not exist. Needs the permission to read namespaces.
    type: bool
    default: true
  force_conflicts:
    description: Take over fields that another manager owns.
    type: bool
    default: false
  wait:
    description: Wait until all pods are of the newest version and have run for 5 seconds (of a Job, until they run). Nothing is awaited in check mode.
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

- name: Two groups of runners on one cluster, each with its queues and GPUs
  studioml.fleet.runner_deploy:
    kubeconfig: /etc/fleet/cluster.yaml
    group: "{{ item.group }}"
    profile: google
    image: hub:5000/studioml/runner:0.14.2
    gpu_product: "{{ item.product }}"
    env: {QUEUE_MATCH: "^rmq_{{ item.group }}_.*$"}
    secret_env: {AMQP_URL: "{{ vault_amqp_url }}"}
    cache: {size: 10Gi}
  loop:
    - {group: a100, product: NVIDIA-A100-SXM4-40GB}
    - {group: t4, product: Tesla-T4}

- name: A new version when the running work is done, and the former one if it does not come up
  studioml.fleet.runner_deploy:
    kubeconfig: /etc/fleet/gpu1.yaml
    image: hub:5000/studioml/runner:0.14.3
    gpus: 1
    drain_first: true
    rollback_on_failure: true

- name: Back to the version before
  studioml.fleet.runner_deploy: {kubeconfig: /etc/fleet/gpu1.yaml, state: rolled_back}

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
kept:
  description: Claims and Secrets that stay, since O(remove_data) is not set.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [PersistentVolumeClaim/studioml/runner-cache]
drain:
  description: The drain before the change; C(verdict), C(reason), C(waited) and C(enforced) as M(studioml.fleet.runner_state) returns them.
  returned: when O(drain_first) had something to drain
  type: dict
  sample: {verdict: quiet, reason: "No experiment runs, and the broker waits for no message.", waited: 1.2, enforced: []}
rolled_back:
  description: Whether the former version was brought back after a failure.
  returned: when the rollout fails and O(rollback_on_failure) has brought it back
  type: bool
  sample: true
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

from ansible_collections.studioml.fleet.plugins.module_utils import _deploy, _door, _runner_options

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **_runner_options.ARGUMENTS,
    "state": {"type": "str", "choices": ["present", "absent", "rolled_back"], "default": "present"},
    "create_namespace": {"type": "bool", "default": True},
    "force_conflicts": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 300},
    "image_pull_grace": {"type": "float", "default": 60},
    "schedule_grace": {"type": "float", "default": 60},
}


def perform(params: dict[str, t.Any], check: bool, report: t.Callable[[str], None] | None = None) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check and params["state"] == "present")
    namespace = _door.namespace_of(params, target) if target else params.get("namespace") or "default"
    runner, said = _runner_options.runner_of(params, namespace)
    result = _deploy.run(_door.connect(params, target) if target else None, runner, params, check, report)
    return {**result, "warnings": [*warnings, *result["warnings"], *said]}


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
