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
  - Tells what is known of whether a runner follows it, by its version, settings, permissions, metrics and its own log, and sums it up in one verdict.
  - With O(broker) RabbitMQ is asked, too, for the messages that the runner holds and for its queues. V({}) asks as the runner's own user.
  - Only reads. What the kubeconfig's user may not see and what does not answer is left out with a warning.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.targets
  - studioml.fleet.broker
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
  nodes:
    description:
      - Look at these nodes, and at the runners' pods on them, only.
      - Defaults to the host's variable C(fleet_node_name), so that a host that is one node of a larger cluster shows its own runner.
    type: list
    elements: str
  gpu_resource:
    description: Name under which the nodes offer GPUs.
    type: str
    default: nvidia.com/gpu
  gather:
    description:
      - What to find out beyond the objects themselves. Each costs requests and permissions.
      - V(metrics) asks each pod for its metrics through the API server's pod proxy (verb C(get) on C(pods/proxy)), which tell whether it works.
      - V(logs) reads the end of each pod's log (verb C(get) on C(pods/log)), where a runner that logs with C(LOGXI=*=INF) names the state that it follows.
      - >-
        V(permissions) asks whether the runner may watch its maps (verb C(create) on C(subjectaccessreviews), which writes nothing), where nothing else has
        decided whether it listens.
      - V(messages) asks the O(broker), where one is given.
      - V(allocations) lists the pods of all namespaces, where nodes have GPUs, to tell how many of these are taken.
    type: list
    elements: str
    choices: [allocations, logs, messages, metrics, permissions]
    default: [allocations, logs, messages, metrics, permissions]
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

- name: Look at the objects only, in six requests
  studioml.fleet.runner_info:
    kubeconfig: /etc/fleet/gpu1.yaml
    namespace: studioml
    gather: []

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
      kind: Deployment
      deployment: studioml-go-runner-deployment
      image: hub:5000/studioml/runner:0.14.2
      replicas: 1
      ready: 1
      asked_state: DrainAndSuspend
      asked_since: "2026-01-20T10:30:00Z"
      effective_state: DrainAndSuspend
      era: state
      listens: true
      listens_reason: Its log names the state that it follows.
      listens_advice: ""
      verdict: busy
      verdict_reason: It is to drain, with 1 experiment.
      running: 1
      experiments:
        - {project: demo, experiment: exp-1, queue: rmq_demo}
      unacknowledged: 1
      queues:
        - {name: rmq_demo, ready: 4, unacknowledged: 1, redelivered: 0, poisoned: false}
      enforced: []
      restarted_since_asked: 0
      maps:
        - {name: studioml-go-runner, scope: global, state: DrainAndSuspend, holds: true, since: "2026-01-20T10:30:00Z", note: new fans}
      pods:
        - name: studioml-go-runner-deployment-6d9f-x2x
          node: gpu1
          phase: Running
          ready: true
          restarts: 0
          restarted_since_asked: false
          started: "2026-01-20T10:00:00Z"
          container_started: "2026-01-20T10:00:02Z"
          image_id: hub:5000/studioml/runner@sha256:6b1f
          node_map: studioml-go-runner-gpu1
          asked_state: DrainAndSuspend
          asked_since: "2026-01-20T10:30:00Z"
          asked_by: studioml-go-runner
          holds: true
          effective_state: DrainAndSuspend
          running: 1
          completed: 12
          experiments:
            - {project: demo, experiment: exp-1, queue: rmq_demo}
  contains:
    name:
      description: The label C(app).
      type: str
      returned: success
    namespace:
      description: Its namespace.
      type: str
      returned: success
    kind:
      description: What it is deployed as. A drain can only be enforced where it is a Deployment.
      type: str
      returned: success
      sample: Deployment
    deployment:
      description: Name of the Deployment, or of what RV(runners[].kind) says.
      type: str
      returned: success
    image:
      description: Image of the runner's container.
      type: str
      returned: success
    replicas:
      description: Pods that are wanted; with O(nodes), pods that are there.
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
    asked_since:
      description: When that was written last (RFC 3339), by the API server's record of who owns the field; empty if there is none.
      type: str
      returned: success
    effective_state:
      description: The state that the pods follow by their own logs; several are joined by commas, empty when no log says it.
      type: str
      returned: success
    era:
      description:
        - The contract that the runner keeps, by its log, the annotation C(fleet.studioml.ai/contract) on its Deployment, or the version in its image's tag.
        - V(state) reads STATE (0.9 to 0.14), V(queue_match) reads queue patterns instead, V(none) reads no map, V(unknown) is anything else.
      type: str
      returned: success
    listens:
      description: Whether it reads the state that is written for it; V(null) when nobody knows.
      type: bool
      returned: success
    listens_reason:
      description: How that is known.
      type: str
      returned: success
    listens_advice:
      description: What to do about it; empty when it listens.
      type: str
      returned: success
    verdict:
      description:
        - V(running) when it was asked to run and has a pod that is ready, V(quiet) when it was asked to drain and is known to do nothing,
          V(busy) when it was asked to drain and still works, V(not_listening) when it does not read its state.
        - V(asked) when nothing contradicts what was asked, but nothing proves it either.
      type: str
      returned: success
    verdict_reason:
      description: Why it is this one.
      type: str
      returned: success
    running:
      description: Experiments that run, by the pods' metrics; V(null) when nobody knows.
      type: int
      returned: success
    experiments:
      description: These experiments, each with C(project), C(experiment) and C(queue).
      type: list
      elements: dict
      returned: success
    unacknowledged:
      description: Messages of the runner's user for which the broker waits; V(null) when the broker was not asked.
      type: int
      returned: success
    queues:
      description:
        - The queues that the runner polls, each with C(name), C(ready), C(unacknowledged), C(redelivered) and C(poisoned); empty when the broker was not asked.
        - >-
          C(poisoned) is V(true) when messages have come back to the queue and some are still there. A runner gives a message that fails or that it cannot read
          back, and takes it again, for ever.
      type: list
      elements: dict
      returned: success
    enforced:
      description: What M(studioml.fleet.runner_state) has done beside asking and will undo for V(Running), some of V(broker) and V(scale).
      type: list
      elements: str
      returned: success
    restarted_since_asked:
      description: Pods that started after they were asked to drain. A runner that starts takes work before it has read its state.
      type: int
      returned: success
    maps:
      description:
        - The state maps of the namespace, each with C(name), C(scope), C(state), C(holds), C(since) and the C(note) of whoever asked for it.
        - C(holds) is V(false) for a node map whose name sorts before the global one.
      type: list
      elements: dict
      returned: success
    pods:
      description:
        - The runner's pods. C(asked_state) is that of the pod's own node map where there is one that holds, else the global one; C(asked_by) is the map.
        - C(holds) is V(false) when the pod's own map sorts before the global one, so that its state is lost within the hour.
      type: list
      elements: dict
      returned: success
nodes:
  description: The nodes of the cluster; empty with a warning when the kubeconfig's user may not see them.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: gpu1, ready: true, schedulable: true, gpu_capacity: 2, gpu_allocatable: 2, gpu_allocated: 1, kubelet: v1.36.3}
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
    gpu_allocated:
      description: GPUs that pods of any namespace have; V(null) when nobody knows.
      type: int
      returned: success
    kubelet:
      description: Version of its kubelet.
      type: str
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
server:
  description: Address of the API server.
  returned: success
  type: str
  sample: https://gpu1.example:16443
version:
  description: Version of the API server.
  returned: success
  type: str
  sample: v1.36.3
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_options, _contract, _door, _fleet, _observe

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **_door.FLEET,
    "name": {"type": "str", "default": _contract.RUNNER},
    "configmap": {"type": "str", "default": _contract.RUNNER},
    "nodes": {"type": "list", "elements": "str"},
    "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
    "broker": {"type": "dict", "options": _broker_options.OPTIONS},
    "gather": {"type": "list", "elements": "str", "choices": list(_observe.EVIDENCE), "default": list(_observe.EVIDENCE)},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    if params["targets"] is not None:
        return _fleet.gather(params, _door.api_of, lambda one, connect: look(one, check, connect))
    return look(params, check, _door.api_of)


def look(params: dict[str, t.Any], check: bool, connect: t.Callable[[dict[str, t.Any]], t.Any]) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check)
    if target is None:
        return _observe.nothing(params["namespace"] or "", warnings)
    namespace = _door.namespace_of(params, target)
    return _observe.look(connect(params), _observe.Wanted.of(params, namespace))


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
