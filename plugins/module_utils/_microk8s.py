# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MicroK8s of this host, asked and told with care: its command may wait for ever, and it ends with status 0 when it did not do what was asked.

Every call has a limit in time, both its status and its content are looked at, and whether the node is ready is read from the API: to C(microk8s status)
a cordoned node does not run at all.
"""

from __future__ import annotations

import json
import os
import re
import socket
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _microk8s_status
from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import read_text
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_status import Status
from ansible_collections.studioml.fleet.plugins.module_utils._process_group import run_group

NAME = "microk8s"
API_PORT = 16443
# status asks dqlite up to ten times, some seconds each
STATUS_SECONDS = 90.0
KUBECTL_SECONDS = 45.0
SHORT_SECONDS = 30.0

ADVICE = (
    ("Insufficient permissions", "Run the task with become: true."),
    ("Elevated permissions", "Run the task with become: true."),
    ("low memory", "MicroK8s found less than 512 MB of memory at its installation: see 'microk8s start --disable-low-memory-guard'."),
)


class Node(t.NamedTuple):
    """This host as the API knows it."""

    name: str
    ready: bool
    cordoned: bool
    reason: str
    allocatable: t.Dict[str, str]


class MicroK8s:
    """The MicroK8s snap of this host.

    :param root: where the file system begins.
    """

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self.command = self.path("snap/bin/microk8s")
        self.data = self.path("var/snap/microk8s/current")
        self.common = self.path("var/snap/microk8s/common")

    def path(self, relative: str) -> str:
        """A path of the host."""
        return os.path.join(self._root, relative)

    def installed(self) -> bool:
        """Whether it is there, told by one look at the file system."""
        return os.path.lexists(self.path("snap/microk8s/current"))

    def leftover(self) -> bool:
        """Whether the snap has data although it is not mounted: it is disabled."""
        return not self.installed() and os.path.isdir(self.path("var/snap/microk8s"))

    def stopped(self) -> bool:
        """Whether C(microk8s stop) was called."""
        return os.path.exists(f"{self.data}/var/lock/stopped.lock")

    def worker(self) -> bool:
        """Whether the node joined another machine's cluster as a worker."""
        return os.path.exists(f"{self.data}/var/lock/clustered.lock")

    def node_name(self) -> str:
        """The node's name in its cluster: what the kubelet is told, else the host name in lower case."""
        told = self.argument("kubelet", "--hostname-override")
        return told if told and "$" not in told else socket.gethostname().lower()

    def api_port(self) -> int:
        """Where the API server listens."""
        port = self.argument("kube-apiserver", "--secure-port")
        return int(port) if port.isdigit() else API_PORT

    def argument(self, program: str, flag: str) -> str:
        """A flag from the files in args; empty when it is not set."""
        for line in (read_text(f"{self.data}/args/{program}") or "").splitlines():
            found = re.match(rf"^\s*{re.escape(flag)}[= ]\s*(\S+)", line)
            if found:
                return found.group(1).strip("\"'")
        return ""

    def call(self, *words: str, timeout: float = SHORT_SECONDS, stdin: str = "", hint: str = "") -> Completed:
        """The microk8s command, by its full path; a status other than 0 is an answer."""
        return run_group([self.command, *words], timeout=timeout, stdin=stdin, hint=hint or "See 'microk8s inspect' on the host.")

    def version(self) -> str:
        """The version, such as C(v1.36.3)."""
        found = re.search(r"MicroK8s (v\S+)", self.call("version").out)
        return found.group(1) if found else ""

    def status(self) -> Status:
        """What status says, with the sentences that are no YAML understood."""
        done = self.call("status", "--format", "yaml", timeout=STATUS_SECONDS)
        if not done.out.strip():
            raise refusal("microk8s status --format yaml", done)
        return _microk8s_status.parse(done.out)

    def kubectl(self, *words: str, timeout: float = KUBECTL_SECONDS, stdin: str = "") -> str:
        """kubectl's output.

        :raises FleetError: when it failed, or this is a worker, where it prints a sentence and ends with status 0.
        """
        done = self.call("kubectl", *words, timeout=timeout, stdin=stdin)
        shown = "microk8s kubectl " + " ".join(words[:4])
        if done.rc:
            raise refusal(shown, done)
        if _microk8s_status.WORKER in done.out or _microk8s_status.STOPPED in done.out + done.err:
            raise FleetError(f"{shown} did nothing: {done.words()}", "Ask a control plane node that runs.")
        return done.out

    def get(self, *words: str) -> t.Dict[str, t.Any]:
        """An object, or a list of them, from the API."""
        text = self.kubectl("get", *words, "-o", "json", "--request-timeout=30s")
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise FleetError(f'microk8s kubectl get {" ".join(words)} printed no JSON: "{text.strip()[:200]}".', "Run it on the host by hand.")
        return found

    def node(self) -> Node:
        """This host's node, by the API."""
        return node_of(self.get("node", self.node_name()))

    def kubeconfig(self) -> str:
        """The administrator's kubeconfig: it holds a credential."""
        done = self.call("config")
        if done.rc or "clusters:" not in done.out:
            # what was printed is shown only when it cannot hold a credential
            raise refusal("microk8s config", done if "apiVersion:" not in done.out else done._replace(out=""))
        return done.out


def node_of(node: t.Mapping[str, t.Any]) -> Node:
    """The few facts of a node object that matter here."""
    status = node.get("status") or {}
    ready, reason = False, "it has not reported yet"
    for condition in status.get("conditions") or []:
        if condition.get("type") == "Ready":
            ready = condition.get("status") == "True"
            reason = f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")
    cordoned = bool((node.get("spec") or {}).get("unschedulable"))
    return Node(node["metadata"]["name"], ready, cordoned, reason, dict(status.get("allocatable") or {}))


def refusal(shown: str, done: Completed) -> FleetError:
    """The error for a call that failed, in the command's own words."""
    words = last_lines(done)
    for text, advice in ADVICE:
        if text in words:
            return FleetError(f"{shown} failed: {words}", advice)
    return FleetError(f"{shown} failed with status {done.rc}: {words or 'it printed nothing'}", "See 'microk8s inspect' on the host.")


def last_lines(done: Completed, count: int = 8) -> str:
    """The end of what a call printed, as one paragraph; of a Python traceback only its last line."""
    text = "\n".join(part for part in (done.out, done.err) if part.strip())
    start = text.find("Traceback (most recent call last):")
    lines = [line.strip() for line in (text if start < 0 else text[:start]).splitlines() if line.strip()]
    if start >= 0:
        lines += [line for line in text[start:].splitlines() if line and not line.startswith((" ", "Traceback"))][-1:]
    return " | ".join(lines[-count:])
