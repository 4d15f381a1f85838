"""What of a machine a sandbox could change: taken before and after, so that a test can compare."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from . import sysctls

# programs of a sandbox that run on the machine itself; what runs in hosts is known by its control group
PROGRAMS = {
    "dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "docker-proxy", "docker-init", "runc", "engine-init.sh", "unshare", "nsenter",
    "mmdebstrap", "ssh",
}  # fmt: skip


@dataclass
class Snapshot:
    """Each part is a list of lines; equal machines give equal lists."""

    processes: list[str]
    mounts: list[str]
    links: list[str]
    addresses: list[str]
    routes: list[str]
    firewall: list[str]
    sysctls: list[str]
    control_groups: list[str]
    listening: list[str]
    runtime_directories: list[str]
    binfmt: list[str]

    def differences(self, other: Snapshot) -> dict[str, list[str]]:
        """What `other` has more (+) and less (-), by part."""
        found = {}
        for part, mine in asdict(self).items():
            theirs = getattr(other, part)
            lines = [f"+ {line}" for line in theirs if line not in mine] + [f"- {line}" for line in mine if line not in theirs]
            if lines:
                found[part] = lines
        return found


def take(ours: Collection[str] | None = None) -> Snapshot:
    """The machine now; with names given, less what belongs to other sandboxes: those may be worked on at the same time."""
    return Snapshot(
        processes=_processes(ours),
        mounts=_mounts(),
        links=sorted(entry["ifname"] for entry in json.loads(_say("ip", "-json", "link") or "[]")),
        addresses=sorted(f"{entry['ifname']} {one['local']}" for entry in json.loads(_say("ip", "-json", "address") or "[]") for one in entry["addr_info"]),
        routes=sorted(_say("ip", "-4", "route", "show", "table", "all").splitlines()),
        firewall=_firewall(),
        sysctls=[f"{name} = {value}" for name, value in sorted(_settings(ours).items())],
        control_groups=_control_groups(ours),
        listening=_listening(),
        runtime_directories=sorted(str(path) for path in Path("/run").iterdir() if path.is_dir()),
        binfmt=sorted(os.listdir("/proc/sys/fs/binfmt_misc")) if Path("/proc/sys/fs/binfmt_misc").is_dir() else [],
    )


def settled(ours: Collection[str] | None = None, limit: float = 60.0) -> Snapshot:
    """The machine once two looks, a second apart, are the same: what has been told to end may take a moment to be gone."""
    deadline = time.monotonic() + limit
    found = take(ours)
    while time.monotonic() < deadline:
        time.sleep(1)
        found, before = take(ours), found
        if found == before:
            break
    return found


def remaining(before: Snapshot, ours: Collection[str] | None = None, limit: float = 90.0) -> dict[str, list[str]]:
    """The differences that do not pass: connections, processes and control groups take the kernel a moment to let go."""
    deadline = time.monotonic() + limit
    while True:
        left = before.differences(take(ours))
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.5)


def _say(*words: str) -> str:
    if not shutil.which(words[0]):
        return ""
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, text=True).stdout


def _processes(ours: Collection[str] | None) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name = (entry / "comm").read_text().strip()
            command = (entry / "cmdline").read_text()
            place = (entry / "cgroup").read_text() + command
        except (OSError, UnicodeDecodeError):
            continue  # it has ended
        if not command:
            continue  # dead, and waits for the machine's first process to take note
        if name == "ssh" and "/studioml-fleet/" not in place:
            continue  # the user's own
        if (name in PROGRAMS or "/fleet-" in place) and _is_ours(place, ours):
            found.append(f"{name} (process {entry.name})")
    return sorted(found)


def _is_ours(place: str, ours: Collection[str] | None) -> bool:
    """False when a control group or command line belongs to a sandbox that is not among the named ones."""
    match = re.search(r"(?:/studioml-fleet/(?:sandbox/)?|/fleet-)([a-z][a-z0-9-]*)[/.]", place)
    return ours is None or match is None or match.group(1) in ours


def _mounts() -> list[str]:
    """Place, type and source of each mount; the kernel's mount numbers are its own affair."""
    rows = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _dash, right = line.partition(" - ")
        rows.append(f"{left.split()[4]} {' '.join(right.split()[:2])}")
    return sorted(rows)


def _firewall() -> list[str]:
    rules = _say("nft", "list", "ruleset").splitlines()
    legacy = Path("/proc/net/ip_tables_names")
    for table in legacy.read_text().split() if legacy.exists() else []:
        rules += _say("iptables-legacy-save", "-t", table).splitlines()
    # packet counters move, and the dates in comments are those of the listing
    return [re.sub(r"(counter packets) \d+ bytes \d+|\[\d+:\d+\]", r"\1", line).strip() for line in rules if line.strip() and not line.startswith("#")]


def _settings(ours: Collection[str] | None) -> dict[str, str]:
    """All kernel settings of the machine, less those that move by themselves or belong to one interface.

    Other sandboxes go on needing what the first one has set, and their kubelets set more.
    """
    moving = re.compile(
        r"(^fs\.(dentry|inode|file|aio-nr|quota)|random|ns_last_pid|nf_conntrack_count|sched_domain|\.neigh\.|\.conf\.|perf_event_max_sample_rate|pty\.nr)"
    )
    listed = dict(line.split(" = ", 1) for line in _say("sysctl", "-a").splitlines() if " = " in line)
    return {name: value for name, value in listed.items() if not moving.search(name) and (ours is None or name not in sysctls.WANTED)}


def _control_groups(ours: Collection[str] | None) -> list[str]:
    root = Path("/sys/fs/cgroup")
    found = [path.relative_to(root) for depth in ("*", "*/*") for path in root.glob(depth) if path.is_dir() and not path.is_symlink()]
    return sorted(str(path) for path in found if (root / path / "cgroup.procs").exists() and _is_ours(f"/{path}/", ours))


def _listening() -> list[str]:
    """Sockets of the machine that a program of the sandbox listens on."""
    rows = [line.split() for line in _say("ss", "-H", "-lntup").splitlines()]
    return sorted(f"{row[0]} {row[4]} {row[-1]}" for row in rows if any(f'"{program}"' in row[-1] for program in PROGRAMS))
