"""The simulation of GPUs that runs in hosts: what the kernel would show, and the stand-in nvidia-smi."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fleetbox.paths import SANDBOX

STATE = {"count": 2, "vendor": "nvidia", "driver": "ready", "nvidia_smi": "working", "nvswitch": True}


def module(name: str) -> ModuleType:
    path = SANDBOX / "image" / "root" / "usr" / "local" / "lib" / "fleet-sandbox" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_pci_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate = module("simulate_gpus")
    monkeypatch.setattr(simulate, "PCI", tmp_path / "pci")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: None)
    simulate.show_pci(STATE)
    gpu = tmp_path / "pci" / "devices" / "0000:3b:00.0"
    assert (gpu / "vendor").read_text() == "0x10de\n" and (gpu / "class").read_text() == "0x030200\n"
    config = (gpu / "config").read_bytes()
    assert len(config) == 64 and struct.unpack("<HH", config[:4]) == (0x10DE, 0x2330) and config[8:12] == b"\xa1\x00\x02\x03"
    assert sorted(path.name for path in (tmp_path / "pci" / "devices").iterdir()) == ["0000:3b:00.0", "0000:3c:00.0", "0000:c1:00.0"]

    simulate.show_pci({**STATE, "count": 1, "vendor": "amd", "nvswitch": False})
    assert [path.name for path in (tmp_path / "pci" / "devices").iterdir()] == ["0000:3b:00.0"]
    assert (gpu / "vendor").read_text() == "0x1002\n"


def test_driver_is_there_only_with_nvidia_gpus() -> None:
    simulate = module("simulate_gpus")
    assert simulate.has_driver(STATE)
    for other in ({"driver": "absent"}, {"vendor": "amd"}, {"count": 0}):
        assert not simulate.has_driver({**STATE, **other})


def smi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str, **other: Any) -> tuple[int, str]:
    program = module("nvidia_smi")
    gpus = [{"index": index, "uuid": f"GPU-{index}", "address": f"0000:3{index}:00.0"} for index in range(2)]

    class Told:
        def __init__(self, _text: str) -> None:
            pass

        def read_text(self) -> str:
            return json.dumps({**STATE, "gpus": gpus, **other})

    monkeypatch.setattr(program, "Path", Told)
    monkeypatch.setattr(sys, "argv", ["nvidia-smi", *words])
    return int(program.main()), capsys.readouterr().out


def test_nvidia_smi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert smi(monkeypatch, capsys, "-L") == (0, "GPU 0: NVIDIA H100 (simulated) (UUID: GPU-0)\nGPU 1: NVIDIA H100 (simulated) (UUID: GPU-1)\n")
    query = "--query-gpu=index,memory.total,fan.speed"
    assert smi(monkeypatch, capsys, query, "--format=csv,noheader,nounits")[1] == "0, 81559, [N/A]\n1, 81559, [N/A]\n"
    assert smi(monkeypatch, capsys, query)[1].startswith("index, memory.total, fan.speed\n0, 81559 MiB")
    status, told = smi(monkeypatch, capsys, "-L", nvidia_smi="failing")
    assert status == 9 and "couldn't communicate with the NVIDIA driver" in told
