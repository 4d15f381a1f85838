"""A stand-in for nvidia-smi on a sandbox host with simulated GPUs. It answers what tools ask to find GPUs:
-L, --query-gpu=... --format=csv[,noheader][,nounits], and a short table without arguments."""

import json
import sys
from pathlib import Path

VERSION = "570.00.00"
NAME = "NVIDIA H100 (simulated)"


def field(gpu, name):
    """One value of --query-gpu; what is not simulated reads as the real program prints it."""
    return {
        "index": str(gpu["index"]),
        "uuid": gpu["uuid"],
        "gpu_uuid": gpu["uuid"],
        "name": NAME,
        "gpu_name": NAME,
        "driver_version": VERSION,
        "pci.bus_id": "0000" + gpu["address"].upper(),
        "memory.total": "81559 MiB",
        "memory.used": "0 MiB",
        "memory.free": "81559 MiB",
        "utilization.gpu": "0 %",
        "compute_cap": "9.0",
    }.get(name, "[N/A]")


def main():
    state = json.loads(Path("/run/fleet-sandbox/gpus.json").read_text())
    if state["nvidia_smi"] == "failing":
        print(
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n"
        )
        return 9
    arguments = sys.argv[1:]
    if "-L" in arguments or "--list-gpus" in arguments:
        for gpu in state["gpus"]:
            print(f"GPU {gpu['index']}: {NAME} (UUID: {gpu['uuid']})")
        return 0
    query = next((item.split("=", 1)[1] for item in arguments if item.startswith("--query-gpu=")), None)
    if query is not None:
        form = next((item.split("=", 1)[1] for item in arguments if item.startswith("--format=")), "csv").split(",")
        names = [name.strip() for name in query.split(",")]
        if "noheader" not in form:
            print(", ".join(names))
        for gpu in state["gpus"]:
            values = [field(gpu, name) for name in names]
            if "nounits" in form:
                values = [value.removesuffix(" MiB").removesuffix(" %") for value in values]
            print(", ".join(values))
        return 0
    print(f"NVIDIA-SMI {VERSION} (simulated)   Driver Version: {VERSION}   CUDA Version: 12.8")
    for gpu in state["gpus"]:
        print(f"| {gpu['index']}  {NAME}  {gpu['address']} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
