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
  global:
    description:
      - Whether to write the global map.
      - Defaults to V(true) when neither O(nodes) nor O(map_names) is given, else to V(false).
    type: bool
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

- name: Let every host's runners run again, each host's cluster is in its variable fleet_kubeconfig
  studioml.fleet.runner_state:
    state: Running
"""

RETURN = r"""
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
      description: The state now.
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
touched:
  description: Node maps with another state that were written once more, as they were, so that they win over the changed global map.
  returned: success
  type: list
  elements: str
  sample: [studioml-go-runner-gpu1]
namespace:
  description: The namespace of the maps.
  returned: success
  type: str
  sample: studioml
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _contract, _door, _state

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "state": {"type": "str", "required": True, "choices": list(_contract.STATES)},
    "configmap": {"type": "str", "default": _contract.RUNNER},
    "nodes": {"type": "list", "elements": "str"},
    "map_names": {"type": "list", "elements": "str"},
    "global": {"type": "bool"},
    "force_conflicts": {"type": "bool", "default": False},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    target = _door.target_of(params)
    wanted = _state.Wanted.of(params, _door.namespace_of(params, target))
    return _state.converge(_door.connect(params, target), wanted, check)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
