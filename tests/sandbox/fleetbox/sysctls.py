"""Kernel settings of the whole machine: recorded before the first sandbox, put back after the last one.

Some are set here, others by the kubelets in the hosts (which share the machine's kernel).
The record also keeps the number of each instance, from which its networks follow.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .command import run
from .errors import SandboxError
from .locks import locked
from .paths import cache_home
from .state import write_private

# None: recorded only. A host holds about 28 inotify instances, and the usual limit for root is 128.
WANTED: dict[str, int | None] = {
    "net.ipv4.ip_forward": 1,
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 524288,
    "vm.overcommit_memory": None,
    "kernel.panic": None,
    "kernel.panic_on_oops": None,
}
NUMBERS = range(100)
# an engine hides these by mounts of its own, and mounts need a directory
HIDDEN = ["/run/containerd", "/run/docker"]


def _path(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")


def current() -> dict[str, str]:
    return {name: _path(name).read_text().strip() for name in WANTED}


def _record() -> Path:
    return cache_home() / "sandbox" / ".machine.json"


def _read() -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(_record().read_text())
    except (FileNotFoundError, ValueError):
        return {"boot": "", "sysctls": {}, "instances": {}, "made": []}
    return record


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def claim(name: str) -> int:
    """Enter an instance into the record, set what it needs, and hand back its number."""
    with locked(_record().with_suffix(".lock"), what="the machine's settings"):
        record = _read()
        if record["boot"] != _boot():
            # settings and directories under /run do not outlive a boot
            record.update(boot=_boot(), sysctls=current(), made=[])
        elif not record["instances"]:
            record.update(sysctls=current())
        if name not in record["instances"]:
            record["instances"][name] = _free_number(set(record["instances"].values()))
        for directory in HIDDEN:
            if not Path(directory).exists():
                Path(directory).mkdir(mode=0o711)
                record["made"].append(directory)
        write_private(_record(), json.dumps(record, indent=1) + "\n")
        for key, value in WANTED.items():
            if value is not None and int(_path(key).read_text()) < value:
                _path(key).write_text(f"{value}\n")
        return int(record["instances"][name])


def release(name: str) -> None:
    """Take an instance out of the record; after the last one, put everything back."""
    with locked(_record().with_suffix(".lock"), what="the machine's settings"):
        record = _read()
        record["instances"].pop(name, None)
        if not record["instances"]:
            if record["boot"] == _boot():
                for key, value in record["sysctls"].items():
                    if _path(key).read_text().strip() != value:
                        _path(key).write_text(f"{value}\n")
                _remove_made(record["made"])
            _record().unlink(missing_ok=True)
            return
        write_private(_record(), json.dumps(record, indent=1) + "\n")


def _remove_made(directories: list[str]) -> None:
    for directory in directories:
        path = Path(directory)
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _free_number(taken: set[int]) -> int:
    """A number whose networks are not in use here, by another sandbox or by anything else."""
    routes = run(["ip", "-4", "route", "show", "table", "all"]).stdout + run(["ip", "-4", "address"]).stdout
    used = {int(third) for third in re.findall(r"\b10\.213\.(\d+)\.", routes)}
    for number in NUMBERS:
        if number not in taken and number not in used and 100 + number not in used:
            return number
    raise SandboxError("All networks from 10.213.0.0/24 to 10.213.99.0/24 are in use on this machine.", "Take sandboxes down: `sandbox.py status --all`.")
