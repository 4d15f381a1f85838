# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GPUs of a host as the kernel shows them: the PCI bus needs no driver. Looks only."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._command import find, run
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

SMI_SECONDS = 30.0
# By vendor: which classes of PCI functions are GPUs. NVIDIA's others are their audio and USB, and the switches between them.
CLASSES = {
    "nvidia": ("0x10de", ("0x03",)),
    "amd": ("0x1002", ("0x0300", "0x0302", "0x0380", "0x1200")),
    "intel": ("0x8086", ("0x0300", "0x0380")),
}
NVSWITCH = ("0x10de", "0x0680")
# The modules that drive the other vendors' GPUs, and what they make in /dev when they work.
MODULES = {"amd": (("amdgpu",), "kfd"), "intel": (("xe", "i915"), "dri")}


class Gpu(t.NamedTuple):
    """One GPU; C(pci_class) and C(device_id) are the kernel's numbers, C(name) is the driver's word when there is one."""

    vendor: str
    address: str
    device_id: str
    pci_class: str
    name: str


class Driver(t.NamedTuple):
    """The driver of the host's GPUs; C(problem) is empty unless it is there and does not work."""

    vendor: str
    loaded: bool
    version: str
    ready: bool
    problem: str


NO_DRIVER = Driver("", False, "", False, "")


class Roots(t.NamedTuple):
    """Where the kernel's file systems begin."""

    sysfs: str = "/sys"
    proc: str = "/proc"
    dev: str = "/dev"


def gpus(roots: Roots) -> t.List[Gpu]:
    """All GPUs on the PCI bus, in the order of their addresses."""
    found = []
    for address, vendor_id, pci_class in _functions(roots):
        for vendor, (number, classes) in CLASSES.items():
            if vendor_id == number and pci_class.startswith(classes):
                device_id = _read(roots.sysfs, "bus/pci/devices", address, "device")
                found.append(Gpu(vendor, address, device_id, pci_class, _name(roots, address) if vendor == "nvidia" else ""))
    return found


def nvswitches(roots: Roots) -> int:
    """How many NVSwitches there are: with one, the GPUs need NVIDIA's fabric manager."""
    return sum(1 for _address, vendor, pci_class in _functions(roots) if vendor == NVSWITCH[0] and pci_class.startswith(NVSWITCH[1]))


def driver(roots: Roots, found: t.Sequence[Gpu], smi: t.Optional[str] = None) -> Driver:
    """The driver of the GPUs that were found; NVIDIA's when there are several vendors' (an Intel one often drives the screen)."""
    vendors = {gpu.vendor for gpu in found}
    if "nvidia" in vendors:
        return _nvidia(roots, smi or find("nvidia-smi"))
    for vendor, (modules, device) in MODULES.items():
        for module in modules:
            if vendor in vendors and os.path.isdir(os.path.join(roots.sysfs, "module", module)):
                ready = os.path.exists(os.path.join(roots.dev, device))
                problem = "" if ready else f"the module {module} is loaded, but there is no {roots.dev}/{device}"
                return Driver(vendor, True, _read(roots.sysfs, "module", module, "version"), ready, problem)
    return NO_DRIVER


def _nvidia(roots: Roots, smi: t.Optional[str]) -> Driver:
    text = _read(roots.proc, "driver/nvidia/version")
    match = re.search(r"Kernel Module(?: for \S+)?\s+(\S+)", text)
    version = match.group(1) if match else _read(roots.sysfs, "module/nvidia/version")
    loaded = bool(text or version)
    if smi:
        problem = _smi_problem(smi)
        # without a module nvidia-smi cannot work; a package that was installed and not yet loaded says just that
        return Driver("nvidia", loaded, version, loaded and not problem, problem)
    if loaded and not os.path.exists(os.path.join(roots.dev, "nvidia0")):
        return Driver("nvidia", True, version, False, f"the driver is loaded, but there is no {roots.dev}/nvidia0")
    return Driver("nvidia", loaded, version, loaded, "")


def _smi_problem(smi: str) -> str:
    try:
        done = run([smi, "-L"], timeout=SMI_SECONDS)
    except FleetError as error:
        return error.message
    if done.rc == 0:
        return ""
    words = done.words() or "it printed nothing"
    advice = " (the driver's module is older than its library: reboot, or reload the modules)" if "version mismatch" in words else ""
    return f"nvidia-smi -L ended with status {done.rc}: {words}{advice}"


def _functions(roots: Roots) -> t.Iterator[t.Tuple[str, str, str]]:
    try:
        addresses = sorted(os.listdir(os.path.join(roots.sysfs, "bus/pci/devices")))
    except OSError:  # a machine without a PCI bus
        return
    for address in addresses:
        yield address, _read(roots.sysfs, "bus/pci/devices", address, "vendor"), _read(roots.sysfs, "bus/pci/devices", address, "class")


def _name(roots: Roots, address: str) -> str:
    match = re.search(r"^Model:\s*(.+)$", _read(roots.proc, "driver/nvidia/gpus", address, "information"), re.MULTILINE)
    return match.group(1).strip() if match else ""


def _read(*parts: str) -> str:
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""
