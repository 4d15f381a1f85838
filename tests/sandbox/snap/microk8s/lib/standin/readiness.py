# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the node is ready, found out as MicroK8s does: by looking for a word in what kubectl prints."""

from __future__ import annotations

import subprocess
import time

from . import addons
from .node import Node
from .status import Situation

# the real one looks every two seconds
POLL_SECONDS = 1.0


def is_ready(node: Node) -> bool:
    """C( Ready ) in the list of nodes; a cordoned node shows another word and counts as not ready, as in the real one."""
    try:
        nodes = node.kubectl("get", "nodes", timeout=15)
        return nodes.returncode == 0 and " Ready " in nodes.stdout
    except subprocess.TimeoutExpired:
        return False


def wait(node: Node, timeout: float, poll: float = POLL_SECONDS) -> bool:
    """Wait until the node is ready; a timeout of 0 is none at all."""
    start = time.monotonic()
    while not is_ready(node):
        if timeout and time.monotonic() - start > timeout:
            return False
        time.sleep(poll)
    return True


def look(node: Node, ready: bool) -> Situation:
    """What C(status) shows."""
    nodes = ((f"{node.address}:19001", "voter"),)
    availability = node.lock("ha-cluster").exists()
    if not ready:
        return Situation(False, high_availability=availability, nodes=nodes)
    enabled, disabled = addons.split_enabled(addons.available(node.track), rows(node), node.variables)
    return Situation(True, enabled, disabled, availability, nodes)


def rows(node: Node) -> str:
    """What MicroK8s searches for the add-ons' check texts."""
    everything = node.kubectl("get", "all,ingress,ingressclass", "--all-namespaces", "--no-headers")
    roles = node.kubectl("get", "clusterroles", "--show-kind", "--no-headers")
    # every cluster has the role cluster-admin here; in MicroK8s it is there only while rbac is enabled
    kept = (line for line in roles.stdout.splitlines() if "/cluster-admin" not in line)
    return everything.stdout + "\n".join(kept)
