# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume_fetch
short_description: Copy a folder out of a claim to the controller
version_added: 0.1.0
description:
  - Makes a short Job that mounts a PersistentVolumeClaim to read it, copies a folder out of it, and removes the Job again.
  - A Job that nobody removes, because the controller was killed, ends by itself and is removed by the cluster.
  - Nothing is written outside of O(dest), whatever the claim holds. Links that lead out of the folder are left out.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: partial
    details:
      - Sees whether the claim is there, and makes no Job. As nothing is copied, it cannot tell whether a file would change, and says that one would.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - It is changed when a file in O(dest) is another one than before.
  platform:
    platforms: posix
options:
  claim:
    description: Name of the PersistentVolumeClaim.
    type: str
    required: true
  path:
    description: The folder in the claim.
    type: str
    default: /
  dest:
    description: Folder on the controller. Files that are there are kept, those of the same name replaced.
    type: path
    required: true
  image:
    description: An image that has C(sh) and C(tar).
    type: str
    required: true
  image_pull_policy:
    description: When the image is pulled.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  pull_secrets:
    description: Names of the Secrets with which the image is pulled.
    type: list
    elements: str
    default: []
  node_name:
    description: The node to run on, for a claim that one node can mount only. The node where the claim is in use is often the only one that can.
    type: str
  run_as_user:
    description:
      - User that reads the files. Defaults to 65532, who may read what all may.
      - V(0) reads everything, where the namespace allows it.
    type: int
  max_bytes:
    description: Refuse to copy more than this.
    type: int
    default: 10737418240
  timeout:
    description: Seconds that all of it may take.
    type: float
    default: 3600
  image_pull_grace:
    description: Seconds for which pulling the image may fail.
    type: float
    default: 60
  schedule_grace:
    description: Seconds for which the claim may wait for its volume, or the pod for a node.
    type: float
    default: 60
seealso:
  - module: studioml.fleet.build_workload
  - module: studioml.fleet.job_log
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Bring the results of an experiment
  studioml.fleet.volume_fetch:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: research
    claim: storage
    path: results/train-1
    dest: results/train-1
    image: hub:5000/busybox:1
"""

RETURN = r"""
claim:
  description: Name of the claim.
  returned: success
  type: str
  sample: storage
namespace:
  description: Its namespace.
  returned: success
  type: str
  sample: research
dest:
  description: The folder on the controller.
  returned: success
  type: str
  sample: /home/me/results/train-1
files:
  description: How many files were copied.
  returned: success, not in check mode
  type: int
  sample: 12
bytes:
  description: How much that is.
  returned: success, not in check mode
  type: int
  sample: 48000
left_out:
  description: The first 100 entries that were left out, because they are links that lead out of the folder, or neither files nor folders.
  returned: success, not in check mode
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _apply, _door, _volume_fetch

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "claim": {"type": "str", "required": True},
    "path": {"type": "str", "default": "/"},
    "dest": {"type": "path", "required": True},
    "image": {"type": "str", "required": True},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"], "default": "IfNotPresent"},
    "pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "node_name": {"type": "str"},
    "run_as_user": {"type": "int"},
    "max_bytes": {"type": "int", "default": 10 << 30},
    "timeout": {"type": "float", "default": 3600},
    "image_pull_grace": {"type": "float", "default": 60},
    "schedule_grace": {"type": "float", "default": 60},
}


def perform(params: dict[str, t.Any], check: bool, report: t.Callable[[str], None] | None = None) -> dict[str, t.Any]:
    with _door.opened(params) as (api, namespace):
        _apply.same_cluster(api, params["cluster_id"])
        return _volume_fetch.fetch(api, params, namespace, check, report)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
