# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: microk8s_info
short_description: Look at MicroK8s on a host
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Says in one of five words how MicroK8s is on the host, and what it is made of. Changes nothing.
  - Every call has a limit in time. Whether the node is ready is read from the API, so that a cordoned node is ready.
  - Can wait until the node is ready, and then says on failure why it is not.
extends_documentation_fragment:
  - studioml.fleet.attributes
  - studioml.fleet.attributes.info_module
attributes:
  platform:
    platforms: posix
options:
  wait_ready:
    description:
      - Seconds to wait until the node is ready; the module fails with the reason when it is not.
      - V(0) only looks.
    type: int
    default: 0
seealso:
  - module: studioml.fleet.microk8s_snap
  - module: studioml.fleet.microk8s_addon
"""

EXAMPLES = r"""
- name: Look at MicroK8s
  studioml.fleet.microk8s_info:
  register: microk8s

- name: Wait until the node is ready
  studioml.fleet.microk8s_info:
    wait_ready: 120
"""

RETURN = r"""
state:
  description:
    - V(absent), the snap is not installed.
    - V(stopped), it was stopped with C(microk8s stop), or the snap is disabled.
    - V(worker), the node is a worker of another machine's cluster.
    - V(notready), the API does not answer or the node is not Ready.
    - V(ready), the node is Ready; it may be cordoned.
  returned: success
  type: str
  sample: ready
reason:
  description: Why the state is not V(ready), empty otherwise.
  returned: success
  type: str
  sample: "the node gpu1 is not Ready: KubeletNotReady: container runtime network not ready"
version:
  description: Version of MicroK8s.
  returned: success
  type: str
  sample: v1.36.3
revision:
  description: Revision of the snap.
  returned: success
  type: str
  sample: "8612"
channel:
  description: Channel that the snap follows; empty for one that came from a file.
  returned: success
  type: str
  sample: 1.36/stable
confinement:
  description: V(classic) or V(strict).
  returned: success
  type: str
  sample: classic
refresh_held:
  description: Whether something holds the snap's automatic refreshes now.
  returned: success
  type: bool
  sample: true
refresh_hold:
  description: What holds them.
  returned: success
  type: dict
  contains:
    by:
      description: V(snap) for this snap alone, V(system) for all snaps, or V(none).
      type: str
    until:
      description: Until when, as snapd writes it.
      type: str
    lasting:
      description: Whether that is more than 30 days away.
      type: bool
  sample: {by: system, until: "2027-01-20T00:00:00Z", lasting: true}
api_port:
  description: Port of the API server.
  returned: success
  type: int
  sample: 16443
node:
  description: The node as the API knows it; empty when it does not.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the node.
      type: str
    ready:
      description: Whether its condition Ready is true.
      type: bool
    cordoned:
      description: Whether nothing new is scheduled on it.
      type: bool
    reason:
      description: What the condition Ready says.
      type: str
    allocatable:
      description: What the node offers to pods.
      type: dict
  sample: {name: gpu1, ready: true, cordoned: false, reason: "KubeletReady: kubelet is posting ready status", allocatable: {"nvidia.com/gpu": "2"}}
services:
  description: The services of the snap.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the service.
      type: str
    unit:
      description: Name of its systemd unit.
      type: str
    enabled:
      description: Whether it is started at boot.
      type: bool
    active:
      description: Whether it runs.
      type: bool
  sample: [{name: daemon-kubelite, unit: snap.microk8s.daemon-kubelite.service, enabled: true, active: true}]
addons:
  description: The add-ons that C(microk8s status) lists; empty when it lists none because the node is cordoned or not ready.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the add-on.
      type: str
    repository:
      description: Its repository; empty up to MicroK8s 1.23.
      type: str
    version:
      description: Its version.
      type: str
    enabled:
      description: What MicroK8s believes; only M(studioml.fleet.microk8s_addon) proves it.
      type: bool
  sample: [{name: dns, repository: core, version: 1.13.1, enabled: true}]
registry_style:
  description: How containerd is told about registries, by the file that says it - V(certs.d), V(mirrors), V(mixed) or V(none).
  returned: success
  type: str
  sample: certs.d
group:
  description: The group of those who may call C(microk8s).
  returned: success
  type: str
  sample: microk8s
group_members:
  description: Its members.
  returned: success
  type: list
  elements: str
  sample: [operator]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _microk8s_facts
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import Snapd

ARGUMENTS = {"wait_ready": {"type": "int", "default": 0}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **_microk8s_facts.gather(MicroK8s(), Snapd(), module.params["wait_ready"]))
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
