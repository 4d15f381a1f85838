# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(start) and C(stop): the snap's services by snapd, and the pods, which outlive containerd."""

from __future__ import annotations

import subprocess
import sys
import time

from . import pods, readiness
from .node import Node

SNAP = "microk8s"
START_SECONDS = 60
WORKER_HINT = "This MicroK8s deployment is acting as a node in a cluster.\nPlease use 'snap {action} microk8s' on this machine."


def snap(*arguments: str) -> None:
    """Ask snapd; a refusal is shown in its own words."""
    done = subprocess.run(["snap", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"'snap {' '.join(arguments)}' failed: {done.stderr.strip()}")


def units(node: Node) -> list[str]:
    """The services that this node runs."""
    names = ["daemon-containerd", "daemon-kubelite", "daemon-cluster-agent"]
    if not node.is_worker:
        names.append("daemon-etcd")
    return [f"{SNAP}.{name}" for name in names]


def stop(node: Node, _words: list[str]) -> int:
    """Stop everything, kill all containers, and remember that it was asked for."""
    if node.is_worker:
        print(WORKER_HINT.format(action="stop"))
        return 0
    node.lock("stopped.lock").touch()
    snap("stop", "--disable", SNAP)
    pods.kill_all(node)
    print("Stopped.")
    return 0


def start(node: Node, _words: list[str]) -> int:
    """Start everything and wait a while for the node; a node that does not get ready is no failure here."""
    if node.is_worker:
        print(WORKER_HINT.format(action="start"))
        return 0
    node.lock("stopped.lock").unlink(missing_ok=True)
    snap("start", "--enable", *units(node))
    deadline = time.monotonic() + START_SECONDS
    while not readiness.is_ready(node) and time.monotonic() < deadline:
        time.sleep(0.5)
    sys.stdout.write("Started.\n" if node.track.minor < 24 else "")
    return 0
