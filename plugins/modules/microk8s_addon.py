# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: microk8s_addon
short_description: Enable or disable add-ons of MicroK8s, and prove them
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Brings a list of add-ons into the state that is asked for, in the order of the list, and proves each before the next one begins.
  - >-
    C(microk8s enable) ends with status 0 when the work inside it has failed, and C(microk8s status) tells by a text search whether an add-on is enabled.
    So this module believes neither, but looks at the real objects.
  - >-
    Proven are C(dns), C(hostpath-storage) and C(metrics-server) by their rolled out Deployment, C(registry) also by its bound claim and an answer on
    C(localhost:32000), C(nvidia) by C(nvidia.com/gpu) that this node offers. Others count when C(microk8s status) lists them.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where MicroK8s is not installed or not up, everything that should be enabled counts as a change; RV(note) says so.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    platforms: posix
options:
  addons:
    description: The add-ons, in their order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the add-on, without its repository.
          - V(nvidia) and V(gpu) mean the same, V(hostpath-storage) and V(storage) too; the name that this MicroK8s knows is used.
        type: str
        required: true
      repository:
        description: Repository of the add-on.
        type: str
        default: core
      arguments:
        description:
          - Words for the add-on's own script, used only when it is enabled or disabled by this call.
          - An add-on that is enabled ignores arguments, so differences are reported in RV(addons[].drift) and nothing is changed.
          - >-
            The add-on C(nvidia) gets C(--gpu-operator-driver host) or C(operator) by what is found on the host, unless a driver is named here.
          - Data of C(hostpath-storage) is erased only by the argument V(destroy-storage).
        type: list
        elements: str
        default: []
      state:
        description:
          - What it should be.
          - A C(registry) that is disabled loses its images.
        type: str
        choices: [enabled, disabled]
        default: enabled
      readiness:
        description: Whether it has to be proven ready; V(none) is satisfied with what C(microk8s) says.
        type: str
        choices: [auto, none]
        default: auto
  ready_timeout:
    description: Seconds that each add-on may take until it is proven.
    type: int
    default: 300
seealso:
  - module: studioml.fleet.microk8s_snap
  - module: studioml.fleet.microk8s_info
"""

EXAMPLES = r"""
- name: A registry for the images of the cluster
  studioml.fleet.microk8s_addon:
    addons:
      - name: dns
      - name: hostpath-storage
      - name: registry
        arguments: [--size, 40Gi]

- name: GPUs with the driver of the host
  studioml.fleet.microk8s_addon:
    addons:
      - name: nvidia
        arguments: [--gpu-operator-driver, host]
    ready_timeout: 900

- name: Take the registry away with its images
  studioml.fleet.microk8s_addon:
    addons:
      - name: registry
        state: disabled
"""

RETURN = r"""
addons:
  description: What became of each add-on.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name as it was given.
      type: str
    repository:
      description: Its repository.
      type: str
    before:
      description: V(enabled) or V(disabled).
      type: str
    after:
      description: V(enabled) or V(disabled).
      type: str
    changed:
      description: Whether this run changed it.
      type: bool
    proof:
      description: What was found that proves it.
      type: str
    drift:
      description: Differences between the arguments and what the enabled add-on has.
      type: list
      elements: str
  sample:
    - name: registry
      repository: core
      before: disabled
      after: enabled
      changed: true
      proof: >-
        Deployment container-registry/registry has 1 of 1 pods available, the claim registry-claim is Bound,
        http://localhost:32000/v2/ answers 200
      drift: []
note:
  description: Why the prediction of check mode is a guess; empty when it is none.
  returned: success
  type: str
  sample: ""
causes:
  description: What the pods and events of an add-on say that did not come up.
  returned: when an add-on did not come up
  type: list
  elements: str
  sample: ["the pod registry-6f8d5c waits: ImagePullBackOff (container registry)"]
printed:
  description: The last lines that C(microk8s enable) printed.
  returned: when an add-on did not come up
  type: str
  sample: The registry will be created with the size of 40Gi.
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _addons
from ansible_collections.studioml.fleet.plugins.module_utils._addon_words import Wanted
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s

ADDON = {
    "name": {"type": "str", "required": True},
    "repository": {"type": "str", "default": "core"},
    "arguments": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
    "readiness": {"type": "str", "choices": ["auto", "none"], "default": "auto"},
}
ARGUMENTS = {
    "addons": {"type": "list", "elements": "dict", "required": True, "options": ADDON},
    "ready_timeout": {"type": "int", "default": 300},
}


def perform(params: dict, check: bool) -> dict:
    """One pass over the list."""
    wanted = [
        Wanted(addon["name"], addon["repository"], addon["arguments"], addon["state"] == "enabled", addon["readiness"] == "auto")
        for addon in params["addons"]
    ]
    results, note = _addons.converge(MicroK8s(), wanted, params["ready_timeout"], check)
    return {
        "changed": any(result.changed for result in results),
        "addons": [dict(result._asdict()) for result in results],
        "note": note,
        "diff": {"before": {result.name: result.before for result in results}, "after": {result.name: result.after for result in results}},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        outcome = perform(module.params, module.check_mode)
        for text in [text for addon in outcome["addons"] for text in addon["drift"]]:
            module.warn(text)
        module.exit_json(**outcome)
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
