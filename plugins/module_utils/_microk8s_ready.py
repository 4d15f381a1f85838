# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a MicroK8s node is up: one of five states, a bounded wait, and on failure the reason."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._command import find, run
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s, Node
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import Service, Snapd

POLL_SECONDS = 1.0
LOG_LINES = 3
# Without these no node gets ready, whatever its role.
NEEDED = ("daemon-containerd", "daemon-kubelite")
# What tells most of a log: the errors of the Kubernetes programs, else whatever sounds like one.
TELLING = (re.compile(r"^[EF][0-9]{4} "), re.compile(r"error|fail|cannot", re.IGNORECASE), re.compile(""))
# Lines of a log that say nothing about the cause.
NOISE = ("Started Service", "Stopped Service", "Stopping Service", "Scheduled restart", "Deactivated successfully", "Consumed ")


class Condition(t.NamedTuple):
    """The state of the node with the words behind it."""

    state: str
    node: t.Optional[Node]
    reason: str


def look(microk8s: MicroK8s) -> Condition:
    """The state: V(absent), V(stopped), V(worker), V(notready) or V(ready)."""
    if not microk8s.installed():
        if microk8s.leftover():
            return Condition("stopped", None, "the snap is disabled (snap enable microk8s)")
        return Condition("absent", None, "the snap microk8s is not installed")
    if microk8s.stopped():
        return Condition("stopped", None, "it was stopped with 'microk8s stop'")
    if microk8s.worker():
        return Condition("worker", None, "the node is a worker of another machine's cluster")
    try:
        node = microk8s.node()
    except FleetError as error:
        return Condition("notready", None, f"the API does not know the node: {error.message}")
    if not node.ready:
        return Condition("notready", node, f"the node {node.name} is not Ready: {node.reason}")
    return Condition("ready", node, "")


def wait_ready(microk8s: MicroK8s, seconds: float, snapd: t.Optional[Snapd] = None) -> Condition:
    """Look until the node is ready (a worker counts), at most some seconds.

    :raises FleetError: when it is not ready in time, or cannot become it by waiting; with the reason.
    """
    deadline = time.monotonic() + seconds
    while True:
        condition = look(microk8s)
        if condition.state in ("ready", "worker"):
            return condition
        if condition.state in ("absent", "stopped"):
            raise FleetError(f"MicroK8s is {condition.state} on this host: {condition.reason}.", _advice(condition), state=condition.state)
        if time.monotonic() >= deadline:
            causes = why_not(snapd or Snapd())
            raise FleetError(
                f"MicroK8s was not ready within {seconds:g} seconds: {condition.reason}. " + " ".join(causes),
                "See 'microk8s inspect' and 'journalctl -u snap.microk8s.daemon-kubelite' on the host.",
                state=condition.state,
                causes=causes,
            )
        time.sleep(POLL_SECONDS)


def why_not(snapd: Snapd) -> t.List[str]:
    """What the services say: those that are down, else the last lines of the kubelet's log."""
    try:
        services = snapd.services("microk8s")
    except FleetError as error:
        return [error.message]
    down = [service for service in services if not service.active and (service.enabled or service.name in NEEDED)]
    causes = [f"The service {service.unit} is down{_log(service)}" for service in down]
    if not down:
        causes += [f"All services run{_log(service)}" for service in services if service.name == "daemon-kubelite"]
    return causes


def _advice(condition: Condition) -> str:
    if condition.state == "absent":
        return "Install it first (studioml.fleet.microk8s_snap)."
    return "Start it (microk8s start), or let studioml.fleet.microk8s_snap do so."


def _log(service: Service) -> str:
    if not find("journalctl"):
        return "."
    try:
        text = run(["journalctl", "--unit", service.unit, "--output=cat", "--no-pager", "--lines=60"], timeout=20).out
    except FleetError:
        return "."
    lines = [line.strip() for line in text.splitlines() if line.strip() and not any(word in line for word in NOISE)]
    found = next((chosen for chosen in ([line for line in lines if pattern.search(line)] for pattern in TELLING) if chosen), [])
    chosen = [line[:300] for line in found[-LOG_LINES:]]
    return f'; its log ends: "{" | ".join(chosen)}".' if chosen else "; its log is empty."
