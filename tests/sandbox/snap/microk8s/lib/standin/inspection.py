# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(inspect): the services' states, the best known warnings, and a report with the services' logs."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tarfile
import tempfile
import time

from . import services
from .node import Node


def inspect(node: Node, _words: list[str]) -> int:
    """Print the checks and write the report; exit status 1 when a service is down."""
    print("Inspecting system (this is a stand-in for MicroK8s: its report is a small one)\nInspecting services", flush=True)
    down = 0
    units = [f"snap.{name}" for name in services.units(node)]
    for unit in units:
        if subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode:
            print(f" FAIL:  Service {unit} is not running")
            print(f"For more details look at: sudo journalctl -u {unit}")
            down += 1
        else:
            print(f"  Service {unit} is running")
    for text in warnings(pathlib.Path("/etc/docker/daemon.json")):
        print(f"WARNING:  {text}")
    print("Building the report tarball")
    print(f"  Report tarball is at {report(node, units)}")
    return 1 if down else 0


def warnings(daemon_json: pathlib.Path) -> list[str]:
    """What the real one warns of first: Docker beside it, and a FORWARD policy that drops the pods' traffic."""
    found = []
    try:
        listed = json.loads(daemon_json.read_text(encoding="utf-8")).get("insecure-registries", [])
        installed = True
    except (OSError, ValueError):
        listed, installed = [], pathlib.Path("/usr/bin/dockerd").exists()
    if installed and "localhost:32000" not in listed:
        found.append('Docker is installed. \nFile "/etc/docker/daemon.json" does not exist or lacks the insecure registry "localhost:32000".')
    try:
        policy = subprocess.run(["iptables", "-S", "FORWARD"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        policy = ""
    if "-P FORWARD DROP" in policy:
        found.append("IPtables FORWARD policy is DROP. Consider enabling traffic forwarding with: sudo iptables -P FORWARD ACCEPT")
    return found


def report(node: Node, units: list[str]) -> pathlib.Path:
    """The tarball with each service's journal and the node's arguments (no certificates, no credentials)."""
    target = node.data / f"inspection-report-{time.strftime('%Y%m%d_%H%M%S')}.tar.gz"
    with tempfile.TemporaryDirectory() as directory, tarfile.open(target, "w:gz") as archive:
        for unit in units:
            journal = pathlib.Path(directory) / f"{unit}.log"
            done = subprocess.run(["journalctl", "--unit", unit, "--lines", "1000", "--no-pager"], capture_output=True, check=False)
            journal.write_bytes(done.stdout)
            archive.add(journal, f"inspection-report/{unit}/journal.log")
        archive.add(node.data / "args", "inspection-report/args")
    target.chmod(0o600)
    return target
