"""Simulate GPUs on this sandbox host: what the kernel and the driver show of them, not the devices themselves.

    simulate-gpus --count 4                      four GPUs with a driver that is ready
    simulate-gpus --count 4 --driver absent      the hardware alone
    simulate-gpus --nvidia-smi failing           nvidia-smi ends as it does when the driver does not answer
    simulate-gpus --count 0                      no GPU at all

Shown are: /sys/bus/pci (the host's own devices are hidden), /proc/driver/nvidia, /dev/nvidia*, nvidia-smi.
"""

import argparse
import json
import os
import shutil
import stat
import struct
import subprocess
from pathlib import Path

STATE = Path("/run/fleet-sandbox/gpus.json")
PCI = Path("/run/fleet-sandbox/pci")
DRIVER = Path("/proc/driver")
SMI = Path("/usr/bin/nvidia-smi")
VERSION = "570.00.00"
VENDORS = {"nvidia": (0x10DE, 0x2330, "030200"), "amd": (0x1002, 0x74A1, "120000")}


def asked_at_boot():
    """The number of GPUs that the sandbox gave this host, from the environment of PID 1."""
    for item in Path("/proc/1/environ").read_bytes().split(b"\0"):
        key, _equals, value = item.decode(errors="replace").partition("=")
        if key == "FLEET_SANDBOX_GPUS":
            return int(value)
    return 0


def identity(index):
    """A stable UUID for a GPU of this host."""
    host = os.uname().nodename.encode().hex().ljust(12, "0")[:12]
    return f"GPU-5a5a0000-{index:04x}-4000-8000-{host}"


def address(index):
    return f"0000:{0x3B + index:02x}:00.0"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def show_pci(state):
    # the directory itself stays: it is what is mounted over /sys/bus/pci
    for name in ("devices", "drivers"):
        shutil.rmtree(PCI / name, ignore_errors=True)
        (PCI / name).mkdir(parents=True)
    vendor, device, pci_class = VENDORS[state["vendor"]]
    functions = [(address(index), vendor, device, pci_class) for index in range(state["count"])]
    if state["nvswitch"]:
        functions.append(("0000:c1:00.0", 0x10DE, 0x22A3, "068000"))
    for name, vendor, device, pci_class in functions:
        folder = PCI / "devices" / name
        for key, value in {
            "vendor": f"0x{vendor:04x}",
            "device": f"0x{device:04x}",
            "class": f"0x{pci_class}",
            "subsystem_vendor": f"0x{vendor:04x}",
            "subsystem_device": "0x16c1",
            "revision": "0xa1",
            "irq": "0",
            "enable": "1",
            "resource": "0x0 0x0 0x0",
        }.items():
            write(folder / key, value + "\n")
        config = struct.pack("<HHHH", vendor, device, 0, 0) + bytes([0xA1, 0, int(pci_class[2:4], 16), int(pci_class[:2], 16)])
        (folder / "config").write_bytes(config.ljust(64, b"\0"))
    if not os.path.ismount("/sys/bus/pci"):
        subprocess.run(["mount", "--bind", str(PCI), "/sys/bus/pci"], check=True)


def show_driver(state):
    if not os.path.ismount(DRIVER):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "sandbox-gpus", str(DRIVER)], check=True)
    shutil.rmtree(DRIVER / "nvidia", ignore_errors=True)
    if not has_driver(state):
        return
    write(DRIVER / "nvidia" / "version", f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {VERSION}  (simulated)\nGCC version:  simulated\n")
    for index in range(state["count"]):
        write(
            DRIVER / "nvidia" / "gpus" / address(index) / "information",
            f"Model: \t\t NVIDIA H100 (simulated)\nIRQ:   \t\t 0\nGPU UUID: \t {identity(index)}\n"
            f"Bus Type: \t PCIe\nBus Location: \t {address(index)}\nDevice Minor: \t {index}\nGPU Excluded:\t No\n",
        )


def show_devices(state):
    for node in Path("/dev").glob("nvidia*"):
        if node.is_char_device():
            node.unlink()
    if not has_driver(state):
        return
    for index in range(state["count"]):
        os.mknod(f"/dev/nvidia{index}", 0o666 | stat.S_IFCHR, os.makedev(195, index))
    os.mknod("/dev/nvidiactl", 0o666 | stat.S_IFCHR, os.makedev(195, 255))


def show_smi(state):
    SMI.unlink(missing_ok=True)
    if has_driver(state) and state["nvidia_smi"] != "absent":
        SMI.symlink_to("/usr/local/lib/fleet-sandbox/nvidia-smi")


def has_driver(state):
    return state["vendor"] == "nvidia" and state["driver"] == "ready" and state["count"] > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-boot", action="store_true", help="take the number of GPUs that the sandbox gave this host")
    parser.add_argument("--count", type=int)
    parser.add_argument("--vendor", choices=sorted(VENDORS))
    parser.add_argument("--driver", choices=["ready", "absent"])
    parser.add_argument("--nvidia-smi", choices=["working", "failing", "absent"], dest="nvidia_smi")
    parser.add_argument("--nvswitch", choices=["yes", "no"])
    asked = parser.parse_args()

    state = {"count": 0, "vendor": "nvidia", "driver": "ready", "nvidia_smi": "working", "nvswitch": False}
    if asked.at_boot:
        state["count"] = asked_at_boot()
    elif STATE.exists():
        state.update(json.loads(STATE.read_text()))
    for key in ("count", "vendor", "driver", "nvidia_smi"):
        if getattr(asked, key) is not None:
            state[key] = getattr(asked, key)
    if asked.nvswitch:
        state["nvswitch"] = asked.nvswitch == "yes"
    for show in (show_pci, show_driver, show_devices, show_smi):
        show(state)
    state["gpus"] = [{"index": index, "uuid": identity(index), "address": address(index)} for index in range(state["count"])]
    write(STATE, json.dumps(state, indent=1) + "\n")


if __name__ == "__main__":
    main()
