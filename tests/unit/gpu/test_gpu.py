"""GPUs by a tree that looks like the kernel's."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._gpu import Gpu, Roots, driver, gpus, nvswitches

H100 = ("0x10de", "0x030200", "0x2330")
NVIDIA_AUDIO = ("0x10de", "0x040300", "0x10fa")
NVIDIA_USB = ("0x10de", "0x0c0330", "0x1ad6")
NVSWITCH = ("0x10de", "0x068000", "0x22a3")
MI300 = ("0x1002", "0x120000", "0x74a1")
AMD_BRIDGE = ("0x1022", "0x060400", "0x1480")
INTEL_SCREEN = ("0x8086", "0x030000", "0x4680")
INTEL_NETWORK = ("0x8086", "0x020000", "0x1533")


class Tree:
    """A machine's /sys, /proc and /dev."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self.roots = Roots(str(folder / "sys"), str(folder / "proc"), str(folder / "dev"))

    def write(self, path: str, text: str = "") -> pathlib.Path:
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def add(self, address: str, function: tuple[str, str, str]) -> None:
        for name, text in zip(("vendor", "class", "device"), function, strict=True):
            self.write(f"sys/bus/pci/devices/{address}/{name}", text + "\n")

    def smi(self, script: str) -> str:
        file = self.write("nvidia-smi", "#!/bin/sh\n" + script)
        file.chmod(0o755)
        return str(file)


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> Tree:
    return Tree(tmp_path)


def test_only_gpus_of_the_vendors_count(tree: Tree):
    functions = (NVIDIA_AUDIO, H100, NVIDIA_USB, NVSWITCH, MI300, AMD_BRIDGE, INTEL_SCREEN, INTEL_NETWORK)
    for number, function in enumerate(functions):
        tree.add(f"0000:{number:02x}:00.0", function)
    tree.write("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H100\nGPU UUID: \t GPU-1\n")
    assert gpus(tree.roots) == [
        Gpu("nvidia", "0000:01:00.0", "0x2330", "0x030200", "NVIDIA H100"),
        Gpu("amd", "0000:04:00.0", "0x74a1", "0x120000", ""),
        Gpu("intel", "0000:06:00.0", "0x4680", "0x030000", ""),
    ]
    assert nvswitches(tree.roots) == 1


def test_a_machine_without_a_bus(tree: Tree):
    assert gpus(tree.roots) == [] and nvswitches(tree.roots) == 0
    assert driver(tree.roots, []) == ("", False, "", False, "")


def test_hardware_without_a_driver(tree: Tree):
    tree.add("0000:01:00.0", H100)
    assert driver(tree.roots, gpus(tree.roots), "/bin/true") == ("nvidia", False, "", False, "")


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.133.20  Wed Mar 19\nGCC version: 13\n",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build\n",
    ],
)
def test_a_driver_that_works(tree: Tree, text):
    tree.add("0000:01:00.0", H100)
    tree.write("proc/driver/nvidia/version", text)
    assert driver(tree.roots, gpus(tree.roots), tree.smi("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'")) == ("nvidia", True, "570.133.20", True, "")


def test_a_library_newer_than_the_module(tree: Tree):
    tree.add("0000:01:00.0", H100)
    tree.write("sys/module/nvidia/version", "570.133.20\n")
    found = driver(tree.roots, gpus(tree.roots), tree.smi("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18"))
    assert found.loaded and not found.ready and found.version == "570.133.20"
    assert "status 18: Failed to initialize NVML" in found.problem and "reboot" in found.problem


def test_other_vendors_by_their_module_and_device(tree: Tree):
    tree.add("0000:01:00.0", MI300)
    tree.write("sys/module/amdgpu/version", "6.8.5\n")
    found = driver(tree.roots, gpus(tree.roots))
    assert found.loaded and not found.ready and "no " in found.problem and "/dev/kfd" in found.problem
    tree.write("dev/kfd")
    assert driver(tree.roots, gpus(tree.roots)) == ("amd", True, "6.8.5", True, "")


def test_nvidia_wins_over_the_screen(tree: Tree):
    tree.add("0000:00:02.0", INTEL_SCREEN)
    tree.add("0000:01:00.0", H100)
    tree.write("sys/module/i915/version", "1\n")
    assert driver(tree.roots, gpus(tree.roots), "/bin/true").vendor == "nvidia"
