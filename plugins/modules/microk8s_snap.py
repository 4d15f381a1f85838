# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: microk8s_snap
short_description: Install MicroK8s and have its node ready
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Installs the snap C(microk8s) from a channel of the store, or offline from a file, and waits until its node is ready.
  - Holds its automatic refreshes, which would restart the node without asking, and adds users to its group.
  - A node that was stopped with C(microk8s stop) is started again; a snap that was disabled is enabled again.
  - An installed snap is refreshed only with O(allow_refresh=true).
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    platforms: posix
options:
  channel:
    description:
      - Channel of the store as C(track/risk), for example V(1.36/stable).
      - A track alone and V(latest) are refused, because the one counts as another channel on every run and the other moves between minors.
    type: str
    default: 1.36/stable
  snap_file:
    description:
      - Path of a snap file on the target, to install from instead of the store.
      - The file that snapd keeps of an installed snap is compared with it, so that the same file does not install twice.
    type: path
  assertion_file:
    description:
      - Path of the assertion file that C(snap download) put beside O(snap_file).
      - Without it the snap is installed unsigned (C(--dangerous)) and will never be refreshed by itself.
    type: path
  base_snap_files:
    description:
      - Snap files on the target that O(snap_file) needs first, in their order; those whose snap is installed are left alone.
      - An assertion file of the same name beside one of them is used.
    type: list
    elements: path
    default: []
  classic:
    description: Classic confinement; V(false) for the C(-strict) tracks.
    type: bool
    default: true
  hold_refreshes:
    description:
      - Hold the automatic refreshes.
      - >-
        With snapd 2.58 and newer those of MicroK8s and of its base snap, for good. Older ones can only hold those of all snaps until a day: it is set
        60 days ahead, and moved on by a run that finds it nearer than 30 days.
      - V(false) leaves them as they are.
    type: bool
    default: true
  allow_refresh:
    description:
      - Refresh an installed snap that follows another channel, or came from another file.
      - That restarts the node. Drain it first.
    type: bool
    default: false
  users:
    description: Users who may call C(microk8s) without becoming root. Others are left in the group.
    type: list
    elements: str
    default: []
  group:
    description: The group that they are added to. By default the one that the snap makes, V(microk8s), or V(snap_microk8s) with strict confinement.
    type: str
  ready_timeout:
    description:
      - Seconds until the node has to be ready, after what was done; a node that is cordoned counts as ready, and so does a worker of another machine's cluster.
      - V(0) does not wait.
    type: int
    default: 300
seealso:
  - module: studioml.fleet.microk8s_addon
  - module: studioml.fleet.microk8s_info
  - module: studioml.fleet.microk8s_kubeconfig
"""

EXAMPLES = r"""
- name: Install MicroK8s from the store
  studioml.fleet.microk8s_snap:
    channel: 1.36/stable
    users: [operator]

- name: Install MicroK8s offline
  studioml.fleet.microk8s_snap:
    snap_file: /opt/snaps/microk8s_8612.snap
    assertion_file: /opt/snaps/microk8s_8612.assert
    base_snap_files:
      - /opt/snaps/snapd_24505.snap
      - /opt/snaps/core22_1963.snap

- name: Go to the next minor version, on a node that was drained
  studioml.fleet.microk8s_snap:
    channel: 1.36/stable
    allow_refresh: true
"""

RETURN = r"""
action:
  description: What was done to the snap.
  returned: success
  type: str
  sample: install
state:
  description: The node after the run; in check mode as it was found. See RV(studioml.fleet.microk8s_info#module:state).
  returned: success
  type: str
  sample: ready
version:
  description: Version of MicroK8s; empty in check mode where it is not installed.
  returned: success
  type: str
  sample: v1.36.3
revision:
  description: Revision of the snap; those of files without an assertion begin with C(x).
  returned: success
  type: str
  sample: "8612"
channel:
  description: Channel that the snap follows; empty for one that came from a file without an assertion.
  returned: success
  type: str
  sample: 1.36/stable
group:
  description: The group of those who may call C(microk8s).
  returned: success
  type: str
  sample: microk8s
users_added:
  description: Users who were added to it.
  returned: success
  type: list
  elements: str
  sample: [operator]
held:
  description: Whether the refreshes were held already.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _microk8s_ready, _microk8s_snap
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import NAME

ARGUMENTS = {
    "channel": {"type": "str", "default": "1.36/stable"},
    "snap_file": {"type": "path"},
    "assertion_file": {"type": "path"},
    "base_snap_files": {"type": "list", "elements": "path", "default": []},
    "classic": {"type": "bool", "default": True},
    "hold_refreshes": {"type": "bool", "default": True},
    "allow_refresh": {"type": "bool", "default": False},
    "users": {"type": "list", "elements": "str", "default": []},
    "group": {"type": "str"},
    "ready_timeout": {"type": "int", "default": 300},
}


def perform(params: dict, check: bool) -> dict:
    """Plan; do it unless this is check mode."""
    wanted = _microk8s_snap.Wanted(
        channel="" if params["snap_file"] else params["channel"],
        snap_file=params["snap_file"] or "",
        assertion_file=params["assertion_file"] or "",
        base_snap_files=params["base_snap_files"],
        classic=params["classic"],
        hold_refreshes=params["hold_refreshes"],
        allow_refresh=params["allow_refresh"],
        users=list(dict.fromkeys(params["users"])),
        group=params["group"] or "",
        ready_timeout=params["ready_timeout"],
    )
    host = _microk8s_snap.this_host()
    plan = _microk8s_snap.plan(wanted, host)
    condition = _microk8s_ready.look(host.microk8s) if check else _microk8s_snap.apply(plan, wanted, host)
    installed = host.snapd.snap(NAME) if plan.changed() and not check else plan.installed
    before, after = _microk8s_snap.describe(plan, wanted)
    return {
        "changed": plan.changed(),
        "action": plan.action,
        "state": condition.state,
        "version": installed.version if installed else "",
        "revision": installed.revision if installed else "",
        "channel": installed.channel if installed else "",
        "group": plan.group,
        "users_added": plan.add_users,
        "held": before["refreshes_held"],
        "diff": {"before": before, "after": after},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        mutually_exclusive=[("channel", "snap_file")],
        required_by={"assertion_file": ("snap_file",)},
        supports_check_mode=True,
    )
    try:
        module.exit_json(**perform(module.params, module.check_mode))
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
