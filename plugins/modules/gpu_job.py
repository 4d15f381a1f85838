# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_job
short_description: Run a Job, or a grid of Jobs, on one cluster or across the fleet
version_added: 0.1.0
description:
  - Makes a Kubernetes Job from plain options, follows it to its end by watch, and says how it ended, where, with which exit code and last log lines.
  - >-
    A Job cannot be changed once it is there. The same task with the same options finds its Job and does nothing; with other options it says what differs, and
    O(again) says what is to be done then.
  - Nothing half-made stays. A Job that this task has made and that cannot even begin (no such image, no room, quota) is removed again, and the cause is told.
  - It does not schedule. Where quotas and queues of a whole site are wanted, O(queue) hands the Job over to Kueue.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.targets
  - studioml.fleet.job
  - studioml.fleet.job_run
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - The API server is asked for a dry run, so that a refusal shows in check mode too. Nothing is awaited.
      - With O(again=new) the end of the name is another one each time.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - One request when the Job is there. A Job that was removed (O(keep), O(ttl)) and one with O(again=new) is made each time.
  platform:
    platforms: posix
options:
  state:
    description: V(present) makes the Job and waits for it, V(absent) removes it, or all that O(selector) names, and waits until they are gone.
    type: str
    choices: [present, absent]
    default: present
  selector:
    description: With O(state=absent), a label selector in place of O(name), such as C(app=submission-helper).
    type: str
  foreign:
    description: With O(state=absent), remove also Jobs that this collection has not made.
    type: bool
    default: false
  parameters:
    description:
      - Makes one Job for each entry, a grid. An entry may have C(name), C(env), C(args) and C(files); everything else is the same for all of them.
      - >-
        A Job of it is called C(<name>-<number>), or C(<name>-<name of the entry>). They carry the label C(fleet.studioml.ai/grid), so a task that was stopped
        goes on where it was when it runs again.
      - With O(targets) every target that is chosen gets the whole grid.
    type: list
    elements: raw
  max_running:
    description: With O(parameters), how many of the Jobs may be there unfinished at the same time. Without it, all are made at once.
    type: int
seealso:
  - module: studioml.fleet.job_info
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Run a program with one GPU and show its log while it comes
  studioml.fleet.gpu_job:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: research
    name: train-1
    image: hub:5000/train:3
    command: [python, train.py]
    args: [--lr, "0.1"]
    gpus: 1
    deadline: 7200
    follow: true

- name: The same at the first host of a rack that has two free GPUs
  studioml.fleet.gpu_job:
    targets: "{{ groups.gpu_rack2 }}"
    place: free
    name: train-2
    image: hub:5000/train:3
    gpus: 2
  delegate_to: localhost
  run_once: true

- name: A grid of Jobs, twenty at a time
  studioml.fleet.gpu_job:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: research
    name: sweep
    image: hub:5000/train:3
    gpus: 1
    parameters:
      - {name: lr-0.1, args: [--lr, "0.1"]}
      - {name: lr-0.01, args: [--lr, "0.01"]}
    max_running: 20

- name: Remove everything that the submission helper's label names
  studioml.fleet.gpu_job:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: default
    selector: app=submission-helper
    state: absent
"""

RETURN = r"""
job:
  description: How the Job stands. A failed task has it too.
  returned: without O(parameters), with O(state=present)
  type: dict
  sample:
    name: train-1
    namespace: research
    uid: 8f1c
    state: complete
    reason: CompletionsReached
    message: Reached expected number of succeeded pods
    start: "2026-01-20T10:00:00Z"
    end: "2026-01-20T10:05:00Z"
    seconds: 300.0
    active: 0
    succeeded: 1
    failed: 0
    exit_code: 0
    image: hub:5000/train:3
    labels: {}
    pods: [{name: train-1-x7x2c, node: gpu1, phase: Succeeded, exit_code: 0, reason: Completed, start: "2026-01-20T10:00:01Z", end: "2026-01-20T10:04:59Z"}]
jobs:
  description: One such entry for each Job of a grid.
  returned: with O(parameters)
  type: list
  elements: dict
  sample: []
counts:
  description: How many Jobs of a grid there are in each state; C(not_made) are still to be made, C(lost) were deleted by somebody before their end.
  returned: with O(parameters)
  type: dict
  sample: {total: 2, suspended: 0, pending: 0, running: 0, complete: 2, failed: 0, deleting: 0, not_made: 0, lost: 0}
name:
  description: Name of the Job, or of the grid; with O(again=new) the one that was chosen.
  returned: success
  type: str
  sample: train-1
namespace:
  description: Its namespace.
  returned: success
  type: str
  sample: research
log:
  description: The last O(log_lines) lines of its log.
  returned: without O(parameters), after a wait
  type: list
  elements: str
  sample: [epoch 1, epoch 2]
cause:
  description: Why it failed or did not begin, with the facts behind it.
  returned: when it failed
  type: dict
  sample: {pod: train-1-x7x2c, reason: ErrImagePull}
removed:
  description: Whether the Job was removed at its end.
  returned: without O(parameters), with O(state=present)
  type: bool
  sample: false
removed_jobs:
  description: Names of the Jobs that were removed.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [train-1]
objects:
  description: What was made or removed.
  returned: success
  type: list
  elements: dict
  sample: [{kind: Job, name: train-1, namespace: research, action: created}]
where:
  description: With O(targets), the names of those that have the Job; in the entry of a target, its own name.
  returned: with O(targets)
  type: raw
  sample: [gpu2]
targets:
  description: With O(targets), one result for each of them in the order given. C(why) says why this target was chosen; one that was not is C(skipped).
  returned: when O(targets) is given, also when some of them failed
  type: list
  elements: dict
  sample: [{target: gpu2, changed: true, failed: false, skipped: false, msg: "", hint: "", where: gpu2, why: "nvidia.com/gpu: 2 of 2 free on gpu2; 2 needed"}]
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _door, _job_options, _job_run
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **_door.FLEET,
    **_job_options.JOB,
    **_job_run.RUN,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "selector": {"type": "str"},
    "foreign": {"type": "bool", "default": False},
    "parameters": {"type": "list", "elements": "raw"},
    "max_running": {"type": "int"},
}


def perform(params: dict[str, t.Any], check: bool, report: t.Callable[[str], None] | None = None) -> dict[str, t.Any]:
    _job_run.check_options(params)
    present = params["state"] == "present"
    if present and params["selector"]:
        raise FleetError("selector says which Jobs to remove.", "Leave it out, or set state: absent.")
    if not present and bool(params["name"]) == bool(params["selector"]):
        raise FleetError("state: absent needs either name or selector.", "Give one of them.")
    if params["targets"] is not None:
        from ansible_collections.studioml.fleet.plugins.module_utils import _job_fleet  # one target needs none of it

        return _job_fleet.present(params, check, report) if present else _job_fleet.absent(params, check)
    with _door.opened(params) as (api, namespace):
        if not present:
            return _job_run.absent(api, params, namespace, check)
        return _job_run.end(api, _job_run.begin(api, params, namespace, check), params, check, report)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
