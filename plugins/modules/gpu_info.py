# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_info
short_description: Find GPUs of a host, with or without a driver
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Finds GPUs on the PCI bus by what the kernel shows, which needs neither a driver nor a further program.
  - Says whether their driver is loaded and works. Changes nothing.
extends_documentation_fragment:
  - studioml.fleet.attributes
  - studioml.fleet.attributes.info_module
attributes:
  platform:
    platforms: linux
options:
  sysfs_root:
    description: Where the kernel's sysfs is mounted.
    type: path
    default: /sys
  proc_root:
    description: Where the kernel's procfs is mounted.
    type: path
    default: /proc
  dev_root:
    description: Where the device nodes are.
    type: path
    default: /dev
seealso:
  - module: studioml.fleet.microk8s_addon
"""

EXAMPLES = r"""
- name: Look for GPUs
  studioml.fleet.gpu_info:
  register: found

- name: Say what there is
  ansible.builtin.debug:
    msg: "{{ found.count }} GPU(s) of {{ found.vendors | join(', ') }}"
  when: found.count > 0
"""

RETURN = r"""
gpus:
  description: The GPUs on the PCI bus, in the order of their addresses.
  returned: success
  type: list
  elements: dict
  contains:
    vendor:
      description: V(nvidia), V(amd) or V(intel).
      type: str
    address:
      description: Address on the PCI bus.
      type: str
    device_id:
      description: The vendor's number of the device.
      type: str
    class:
      description: PCI class.
      type: str
    name:
      description: The name that the driver gives; empty without a driver.
      type: str
  sample:
    - vendor: nvidia
      address: "0000:3b:00.0"
      device_id: "0x2330"
      class: "0x030200"
      name: NVIDIA H100 80GB HBM3
count:
  description: How many there are.
  returned: success
  type: int
  sample: 1
vendors:
  description: Their vendors.
  returned: success
  type: list
  elements: str
  sample: [nvidia]
driver:
  description: The driver of these GPUs; NVIDIA's when there are several vendors'.
  returned: success
  type: dict
  contains:
    vendor:
      description: Whose driver it is; empty when none was found.
      type: str
    loaded:
      description: Whether its kernel module is loaded.
      type: bool
    version:
      description: Version of the module.
      type: str
    ready:
      description: Whether it works; for NVIDIA, C(nvidia-smi -L) ended well where there is one.
      type: bool
    problem:
      description: What is wrong with a driver that is there and does not work; empty otherwise.
      type: str
  sample: {vendor: nvidia, loaded: true, version: 570.133.20, ready: true, problem: ""}
nvswitch:
  description: Whether the host has an NVSwitch, so that its GPUs need NVIDIA's fabric manager.
  returned: success
  type: bool
  sample: false
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _gpu
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

ARGUMENTS = {
    "sysfs_root": {"type": "path", "default": "/sys"},
    "proc_root": {"type": "path", "default": "/proc"},
    "dev_root": {"type": "path", "default": "/dev"},
}


def perform(params: dict) -> dict:
    """Look."""
    roots = _gpu.Roots(params["sysfs_root"], params["proc_root"], params["dev_root"])
    found = _gpu.gpus(roots)
    keys = ("vendor", "address", "device_id", "class", "name")
    return {
        "changed": False,
        "gpus": [dict(zip(keys, gpu)) for gpu in found],
        "count": len(found),
        "vendors": sorted({gpu.vendor for gpu in found}),
        "driver": dict(_gpu.driver(roots, found)._asdict()),
        "nvswitch": _gpu.nvswitches(roots) > 0,
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**perform(module.params))
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
