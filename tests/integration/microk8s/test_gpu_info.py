"""gpu_info on hosts with simulated GPUs: what the kernel and the driver show of them."""

from __future__ import annotations

import pytest
from microk8s_machines import Machines

pytestmark = pytest.mark.sandbox

HOST = "gpu2"


@pytest.mark.parametrize(
    ("simulated", "count", "vendors", "driver"),
    [
        ("--count 2 --driver ready --nvidia-smi working --vendor nvidia", 2, ["nvidia"], {"loaded": True, "ready": True, "problem": ""}),
        ("--count 3 --driver absent", 3, ["nvidia"], {"loaded": False, "ready": False, "problem": ""}),
        ("--count 1 --driver ready --nvidia-smi absent", 1, ["nvidia"], {"loaded": True, "ready": True, "problem": ""}),
        ("--count 2 --vendor amd", 2, ["amd"], {"loaded": False, "ready": False, "problem": ""}),
        ("--count 0 --vendor nvidia", 0, [], {"loaded": False, "ready": False, "problem": ""}),
    ],
)
def test_seen_with_and_without_a_driver(machines: Machines, simulated, count, vendors, driver) -> None:
    machines.on(HOST, f"simulate-gpus {simulated}")
    found = machines.passes(HOST, "gpu_info")
    assert (found["count"], found["vendors"], len(found["gpus"])) == (count, vendors, count) and not found["changed"]
    assert {key: found["driver"][key] for key in driver} == driver


def test_a_broken_driver_is_named_and_switches_are_no_gpus(machines: Machines) -> None:
    machines.on(HOST, "simulate-gpus --count 2 --vendor nvidia --driver ready --nvidia-smi failing --nvswitch yes")
    found = machines.passes(HOST, "gpu_info")
    assert found["count"] == 2 and found["nvswitch"]
    assert not found["driver"]["ready"] and "couldn't communicate with the NVIDIA driver" in found["driver"]["problem"]
    machines.on(HOST, "simulate-gpus --nvidia-smi working --nvswitch no")
