# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: job_log
short_description: Read or follow the log of a Job, or of pods
version_added: 0.1.0
description:
  - Reads the log of a Job's pods, or of any pods, or follows it to its end and shows it while it comes, in a terminal and in the log of AWX.
  - A followed log goes on over broken connections, restarts of the API server and expired tokens that were renewed, without losing a line or telling one twice.
  - Following a Job includes the pods that it makes for its retries, unless O(container) is given. That the Job fails is no failure of this module.
  - This is what C(kubectl logs) does by hand.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - The log is read, but not followed, and no file is written.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - With O(dest) it is changed when the log is another one than in the file. Nothing in the cluster ever changes.
  platform:
    platforms: posix
options:
  name:
    description: Name of the Job.
    type: str
  selector:
    description: Label selector of pods, such as C(app=submission-helper).
    type: str
  pod:
    description: Name of one pod.
    type: str
  container:
    description:
      - Name of the container. Defaults to the first one.
      - With it O(follow) of a Job follows the pods that are there now, and ends with them; without it also those that the Job makes for its retries.
    type: str
  follow:
    description: Show the log while it comes, until its containers, or the Job, have ended. Of up to 16 pods side by side.
    type: bool
    default: false
  previous:
    description: The log of the run before the last one, of a container that was started again.
    type: bool
    default: false
  since:
    description: Leave out what is older than a length of time (C(90s), C(10m), C(2h), C(1d)) or a time (C(2026-01-20T10:00:00Z)).
    type: str
  lines:
    description: How many of the last lines of each pod the result has. Without O(since) and O(dest) no more than these are read.
    type: int
    default: 100
  dest:
    description: File on the controller that gets the whole log, readable by its owner only. Of several pods one after the other, each line with the pod's name.
    type: path
  timeout:
    description: Seconds that reading or following may take.
    type: float
    default: 3600
seealso:
  - module: studioml.fleet.gpu_job
  - module: studioml.fleet.build_workload
  - module: studioml.fleet.job_info
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Follow a Job from here on
  studioml.fleet.job_log:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: research
    name: train-1
    follow: true

- name: The last ten minutes of all pods with a label, in a file
  studioml.fleet.job_log:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: default
    selector: app=submission-helper
    since: 10m
    dest: submissions.log
"""

RETURN = r"""
logs:
  description: One entry for each pod, in the order of their start.
  returned: success
  type: list
  elements: dict
  sample: [{pod: train-1-x7x2c, container: job, lines: [epoch 1, epoch 2], error: ""}]
  contains:
    pod:
      description: Name of the pod.
      type: str
      returned: success
    container:
      description: Name of the container; empty when a Job was followed to its end.
      type: str
      returned: success
    lines:
      description: The last O(lines) lines.
      type: list
      elements: str
      returned: success
    error:
      description: Why its log could not be read.
      type: str
      returned: success
job:
  description: How the Job stands. See M(studioml.fleet.gpu_job).
  returned: when a Job was followed, without O(container)
  type: dict
  sample: {name: train-1, namespace: research, state: complete, exit_code: 0}
namespace:
  description: The namespace.
  returned: success
  type: str
  sample: research
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _apply, _door, _job_logs

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "name": {"type": "str"},
    "selector": {"type": "str"},
    "pod": {"type": "str"},
    "container": {"type": "str"},
    "follow": {"type": "bool", "default": False},
    "previous": {"type": "bool", "default": False},
    "since": {"type": "str"},
    "lines": {"type": "int", "default": 100},
    "dest": {"type": "path"},
    "timeout": {"type": "float", "default": 3600},
}


def perform(params: dict[str, t.Any], check: bool, report: t.Callable[[str], None] | None = None) -> dict[str, t.Any]:
    with _door.opened(params) as (api, namespace):
        _apply.same_cluster(api, params["cluster_id"])
        return _job_logs.read(api, params, namespace, check, report)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
