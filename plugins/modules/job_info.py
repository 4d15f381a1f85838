# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: job_info
short_description: How Jobs stand, on one cluster or across the fleet
version_added: 0.1.0
description:
  - Reads one Job, those that a selector names, or all that this collection has made, in one request a cluster.
  - With O(gather) it tells what C(kubectl describe) does, as data.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.targets
  - studioml.fleet.attributes
  - studioml.fleet.attributes.info_module
  - studioml.fleet.attributes.controller
attributes:
  platform:
    platforms: posix
options:
  name:
    description: Name of one Job.
    type: str
  selector:
    description:
      - A label selector, such as C(app=submission-helper) or C(fleet.studioml.ai/grid=sweep). V('') is all Jobs of the namespace.
      - Without it and without O(name), all Jobs that this collection has made are read.
    type: str
  gather:
    description:
      - What else to read. V(pods) is where each of them ran and how it ended, V(events) what the cluster says of them, V(log) the last lines of the newest pod.
      - V(pods) and V(events) cost one request each for all Jobs together, V(log) one for each Job.
    type: list
    elements: str
    choices: [pods, events, log]
    default: []
  log_lines:
    description: How many lines V(log) has.
    type: int
    default: 20
seealso:
  - module: studioml.fleet.gpu_job
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: All Jobs of the fleet
  studioml.fleet.job_info:
    targets: "{{ groups.gpu_rack2 }}"
  delegate_to: localhost
  run_once: true

- name: Everything about one of them
  studioml.fleet.job_info:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: research
    name: train-1
    gather: [pods, events, log]
"""

RETURN = r"""
jobs:
  description: The Jobs, in the order of their names.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: train-1, namespace: research, state: running, reason: "", active: 1, exit_code: null, start: "2026-01-20T10:00:00Z", end: "", pods: []}
  contains:
    name:
      description: Name of the Job.
      type: str
      returned: always
    namespace:
      description: Its namespace.
      type: str
      returned: always
    uid:
      description: What tells it from a former one of that name.
      type: str
      returned: always
    state:
      description: V(suspended), V(pending), V(running), V(complete), V(failed) or V(deleting).
      type: str
      returned: always
    reason:
      description: Why it is in that state, in one word of Kubernetes.
      type: str
      returned: always
    message:
      description: The same in more words.
      type: str
      returned: always
    start:
      description: When it began.
      type: str
      returned: always
    end:
      description: When it ended.
      type: str
      returned: always
    seconds:
      description: How long it took; V(null) until it has ended.
      type: float
      returned: always
    active:
      description: How many pods it has that have not ended.
      type: int
      returned: always
    succeeded:
      description: How many have succeeded.
      type: int
      returned: always
    failed:
      description: How many have failed.
      type: int
      returned: always
    exit_code:
      description: Exit code of the pod that ended last. It is V(null) where it is not known, which it is of a failed Job without V(pods) in O(gather).
      type: int
      returned: always
    pods:
      description: Its pods.
      type: list
      elements: dict
      returned: with V(pods) or V(log) in O(gather), else empty
    labels:
      description: Its labels.
      type: dict
      returned: always
    image:
      description: Its image.
      type: str
      returned: always
    events:
      description: What the cluster says of it and of its pods.
      type: list
      elements: dict
      returned: with V(events) in O(gather)
    log:
      description: The last lines of its newest pod.
      type: list
      elements: str
      returned: with V(log) in O(gather)
counts:
  description: How many of them there are in each state.
  returned: success
  type: dict
  sample: {total: 1, suspended: 0, pending: 0, running: 1, complete: 0, failed: 0, deleting: 0}
namespace:
  description: Their namespace.
  returned: success
  type: str
  sample: research
targets:
  description: With O(targets), one result for each of them in the order given, with the values above in it.
  returned: when O(targets) is given, also when some of them failed
  type: list
  elements: dict
  sample: [{target: gpu1, changed: false, failed: false, skipped: false, msg: "", hint: "", jobs: [], counts: {total: 0}}]
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _door, _job_look
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **_door.FLEET,
    "name": {"type": "str"},
    "selector": {"type": "str"},
    "gather": {"type": "list", "elements": "str", "choices": _job_look.GATHER, "default": []},
    "log_lines": {"type": "int", "default": 20},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    if params["name"] and params["selector"]:
        raise FleetError("name and selector are both given.", "Give one of them, or none for all Jobs of this collection.")
    if params["log_lines"] < 1:
        raise FleetError(f"log_lines: {params['log_lines']} is too small.", "Give 1 or more.")
    if params["targets"] is not None:
        from ansible_collections.studioml.fleet.plugins.module_utils import _fleet  # one target needs none of it

        return _fleet.gather(params, _door.api_of, _look)
    return _look(params, _door.api_of)


def _look(params: dict[str, t.Any], connect: t.Callable[[dict[str, t.Any]], t.Any]) -> dict[str, t.Any]:
    api = connect(params)
    return _job_look.look(api, params, _door.namespace_of(params, api.target))


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
