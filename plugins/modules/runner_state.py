# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: runner_state
short_description: Ask studio-go-runners to run, to drain and suspend, or to drain and terminate
version_added: 0.1.0
description:
  - Writes the key C(STATE) of the ConfigMaps that runners watch, and of nothing else. Other keys of the maps are kept.
  - >-
    A runner follows the last event of either of two maps, the global one and the one of its node. This module therefore writes the global map first and the
    node maps after it, and writes node maps that say something else once more after a change of the global one, so that they go on winning.
  - >-
    What is written is a request. Runners of the versions 0.9 to 0.14 go on taking work from a queue that they have adopted, whatever the state says, and later
    versions do not read it at all.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.targets
  - studioml.fleet.drain
  - studioml.fleet.broker
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - The API server is asked for a dry run, so that a refusal shows in check mode too.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - One request when nothing changes, one more for each map that does.
  platform:
    platforms: posix
options:
  state:
    description:
      - What the runners are asked to do. The runner knows exactly these words; the case matters.
      - V(DrainAndTerminate) does not end a runner of the versions 0.9 to 0.14; it is V(DrainAndSuspend) by another name to them.
    type: str
    required: true
    choices: [Running, DrainAndSuspend, DrainAndTerminate]
  configmap:
    description: Name of the global map.
    type: str
    default: studioml-go-runner
  nodes:
    description:
      - Names of Kubernetes nodes whose runner is meant, as M(studioml.fleet.runner_deploy) sets it up. The map of a node is called C(<configmap>-<node>).
      - Defaults to the host's variable C(fleet_node_name) when neither O(map_names) nor O(global) is given.
    type: list
    elements: str
  map_names:
    description:
      - Names of node maps, for runners whose C(HOSTNAME) is something else (the name of the pod, when nobody has set it).
      - >-
        A name that sorts before that of the global map is refused: whenever a runner renews its watch, the maps are read in the order of their names and
        the last one wins.
    type: list
    elements: str
  pods:
    description:
      - Names of pods whose runners are meant, by whatever map each of them follows. The value of C(HOSTNAME) in its container names it, else the pod's name.
      - A map that has the pod's own name belongs to the pod, and goes away with it.
      - One more request finds the pods.
    type: list
    elements: str
  nodes_through:
    description:
      - How the maps of O(nodes) are found.
      - V(name) takes C(<configmap>-<node>), as M(studioml.fleet.runner_deploy) sets it up; it can be written before there is a pod.
      - V(pods) looks for the runners' pods on the node and takes the map that each of them follows, as with O(pods).
    type: str
    choices: [name, pods]
    default: name
  global:
    description:
      - Whether to write the global map.
      - Defaults to V(true) when none of O(nodes), O(pods) and O(map_names) is given, else to V(false).
    type: bool
  drop_overrides:
    description:
      - Remove node maps, so that their runners follow the global map again.
      - These are the maps that O(nodes), O(pods) and O(map_names) name, or else all that are called C(<configmap>-...).
      - >-
        A runner takes the end of a map for one more event with the state that the map had. So each map is first made equal to O(state), then removed; one
        that holds other keys too loses only C(STATE).
      - O(state) must be that of the global map, or O(global) be V(true), which it is when no node map is named.
    type: bool
    default: false
  force_conflicts:
    description:
      - Take the key over from another controller that owns it. That controller may write it again.
      - A state that was set with C(kubectl), C(oc) or another tool in a person's hands is taken over in any case.
    type: bool
    default: false
seealso:
  - module: studioml.fleet.runner_info
  - module: studioml.fleet.runner_deploy
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Ask all runners of the cluster to drain
  studioml.fleet.runner_state:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: studioml
    state: DrainAndSuspend

- name: Ask the runner of one node to drain, the others go on
  studioml.fleet.runner_state:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: studioml
    nodes: [gpu1]
    state: DrainAndSuspend

- name: Ask whatever runs on two nodes to drain, however it was deployed
  studioml.fleet.runner_state:
    kubeconfig: /etc/fleet/rack2.yaml
    nodes: [gpu1, gpu2]
    nodes_through: pods
    state: DrainAndSuspend

- name: Let all run, and no node be an exception any more
  studioml.fleet.runner_state:
    kubeconfig: /etc/fleet/rack2.yaml
    state: Running
    drop_overrides: true

- name: Let a node's runner run again if it is drained still for the reason that was seen, and its cluster is not drained
  studioml.fleet.runner_state:
    kubeconfig: /etc/fleet/rack2.yaml
    nodes: [gpu1]
    state: Running
    expect:
      state: DrainAndSuspend
      note: new fans
      global_state: Running

- name: Ask a whole rack at once, ten hosts at a time, and stop when more than two have failed
  studioml.fleet.runner_state:
    targets: "{{ groups.gpu_rack2 }}"
    batch: 10
    max_failures: 2
    state: DrainAndSuspend
  delegate_to: localhost
  run_once: true

- name: Let every host's runners run again, each host's cluster is in its variable fleet_kubeconfig
  studioml.fleet.runner_state:
    state: Running
"""

RETURN = r"""
targets:
  description: With O(targets), one result for each of them in the order given. The other values below are then in these.
  returned: when O(targets) is given, also when some of them failed
  type: list
  elements: dict
  sample:
    - {target: gpu1, changed: true, failed: false, skipped: false, msg: "", hint: "", namespace: studioml, touched: [], dropped: [], maps: []}
  contains:
    target:
      description: The name of the host or the entry.
      type: str
      returned: always
    changed:
      description: Whether anything changed there.
      type: bool
      returned: always
    failed:
      description: Whether it failed. One that failed after some of its maps were written names these in C(written).
      type: bool
      returned: always
    skipped:
      description: Whether it was not begun, and so is untouched.
      type: bool
      returned: always
    msg:
      description: What failed, or why it was not begun.
      type: str
      returned: always
    hint:
      description: What to do about it.
      type: str
      returned: always
maps:
  description: The maps that were asked for, in the order in which they are written.
  returned: success
  type: list
  elements: dict
  sample:
    - name: studioml-go-runner
      scope: global
      previous: Running
      state: DrainAndSuspend
      changed: true
      holds: true
      reason: ""
  contains:
    name:
      description: Name of the ConfigMap.
      type: str
      returned: success
    scope:
      description: V(global) or V(node).
      type: str
      returned: success
    previous:
      description: The state before; V(null) where there was no map or no such key.
      type: str
      returned: success
    state:
      description: The state now; V(null) for a map that was dropped.
      type: str
      returned: success
    changed:
      description: Whether this map changed.
      type: bool
      returned: success
    holds:
      description: Whether every runner that reads this map will follow it; V(false) for a global map that a node map overrides somewhere.
      type: bool
      returned: success
    reason:
      description: Why it does not hold everywhere.
      type: str
      returned: success
verdict:
  description:
    - How the runners stand to what was asked. V(asked) is written, but nobody has looked; V(quiet) is known to do nothing; V(running) takes work again.
    - >-
      A failed task has it too. V(busy) has work left; V(not_listening) does not follow its state and goes on taking work; V(unreachable) does not answer any
      more.
  returned: always
  type: str
  sample: quiet
reason:
  description: Why it is this verdict.
  returned: always
  type: str
  sample: No experiment runs, and the broker waits for no message.
since:
  description: Since when the verdict holds, as far as this task has seen it (UTC).
  returned: after a wait
  type: str
  sample: "2026-01-20T10:00:00Z"
waited:
  description: How long was waited, in seconds.
  returned: after a wait
  type: float
  sample: 42.5
experiments:
  description: What runs by the runner's metrics.
  returned: after a wait
  type: list
  elements: dict
  sample: []
unacknowledged:
  description: Messages that the broker waits for; V(null) when it was not asked.
  returned: after a wait
  type: int
  sample: 0
jobs:
  description: Active Jobs.
  returned: after a wait
  type: list
  elements: str
  sample: []
listening:
  description: Whether the runners follow their state, and how that is known.
  returned: after a drain with O(wait) or O(enforce)
  type: dict
  sample: {listens: true, era: state, reason: Its version reads STATE, and its settings and permissions let it., effective: {}}
enforced:
  description: What was done or undone beside the state, in order.
  returned: always
  type: list
  elements: dict
  sample:
    - {step: broker, what: runner-gpu1@/, changed: true, before: ".*", after: nothing}
    - {step: scale, what: Deployment/studioml/studioml-go-runner-deployment, changed: true, before: 1, after: 0}
forced:
  description: Whether runners were ended while they were busy.
  returned: always
  type: bool
  sample: false
touched:
  description:
    - Node maps that were written once more, as they were, so that their runners hear them after the global map.
    - These are the ones that override a global map which has changed, and the ones asked for after which somebody else wrote to the global map.
  returned: success
  type: list
  elements: str
  sample: [studioml-go-runner-gpu1]
dropped:
  description: Node maps that were removed, or that lost their C(STATE) because they hold other keys.
  returned: success
  type: list
  elements: str
  sample: []
namespace:
  description: The namespace of the maps.
  returned: success
  type: str
  sample: studioml
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_options, _change, _contract, _door, _how, _state, _state_fleet

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **_door.FLEET,
    **_how.ARGUMENTS,
    "state": {"type": "str", "required": True, "choices": list(_contract.STATES)},
    "configmap": {"type": "str", "default": _contract.RUNNER},
    "nodes": {"type": "list", "elements": "str"},
    "map_names": {"type": "list", "elements": "str"},
    "pods": {"type": "list", "elements": "str"},
    "nodes_through": {"type": "str", "choices": ["name", "pods"], "default": "name"},
    "global": {"type": "bool"},
    "note": {"type": "str"},
    "expect": {"type": "dict", "options": {"state": {"type": "str"}, "note": {"type": "str"}, "global_state": {"type": "str"}}},
    "drop_overrides": {"type": "bool", "default": False},
    "force_conflicts": {"type": "bool", "default": False},
    "broker": {"type": "dict", "options": _broker_options.OPTIONS},
}


def perform(params: dict[str, t.Any], check: bool, report: t.Callable[[str], None] | None = None) -> dict[str, t.Any]:
    if params["targets"] is not None:
        return _state_fleet.converge(params, check, _door.api_of, report)
    target = _door.target_of(params)
    wanted = _state.Wanted.of(params, _door.namespace_of(params, target))
    return _change.converge(_door.connect(params, target), wanted, _how.How.of(params), check, report)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
