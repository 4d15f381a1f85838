# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ending what a containerd that is gone leaves behind: pods, their mounts, their network."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

from .node import Node
from .prepare import LINKS

BRIDGE = "cni0"
# marks our routes to other nodes, so that exactly those are removed
ROUTE_PROTOCOL = "177"


def shims(node: Node) -> list[int]:
    """The process ids of this containerd's shims."""
    found = []
    socket = f"{node.common}/run/containerd.sock".encode()
    for directory in pathlib.Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (directory / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"containerd-shim-runc-v2") and socket in words:
                found.append(int(directory.name))
    return found


def kill_all(node: Node) -> None:
    """Kill all pods and their shims, and unmount what they used."""
    parents = shims(node)
    for process in _with_children(parents):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while shims(node) and time.monotonic() < deadline:
        time.sleep(0.05)
    unmount(f"{node.common}/run/", f"{node.common}/var/lib/kubelet/", "/run/netns/", "/var/run/netns/")


def unmount(*below: str) -> None:
    """Unmount everything that is mounted below the given directories, the deepest first."""
    points = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    for point in sorted((point for point in points if point.startswith(below)), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)


def remove_network(node: Node) -> None:
    """Take the pods' bridge, routes and firewall rules away, and the network's configuration."""
    subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)
    subprocess.run(["ip", "route", "flush", "proto", ROUTE_PROTOCOL], check=False, capture_output=True)
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    kept = "".join(f"{line}\n" for line in saved.splitlines() if "KUBE-" not in line and "CNI-" not in line)
    if kept:
        subprocess.run(["iptables-restore"], input=kept, text=True, check=False, capture_output=True)
    shutil.rmtree("/var/lib/cni", ignore_errors=True)
    for path in (node.data / "args/cni-network").glob("*.conflist"):
        path.unlink()


def remove(node: Node) -> int:
    """The snap's remove hook: leave nothing that keeps its directories busy."""
    kill_all(node)
    remove_network(node)
    for link in map(pathlib.Path, LINKS):
        if link.is_symlink() and "/var/snap/microk8s/" in os.readlink(link):
            link.unlink()
    return 0


def _with_children(parents: list[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for directory in pathlib.Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = int((directory / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(directory.name))
    found: list[int] = []
    waiting = list(parents)
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting.extend(children.get(process, []))
    return found
