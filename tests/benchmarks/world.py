# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet to measure on: the real etcd and API server, with TLS, and for each target a kubeconfig with a client certificate and a namespace of its own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

import yaml

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "unit" / "api")]

from conftest import CLONE  # noqa: E402  it makes the collection importable from the clone
from control_plane import ControlPlane, find_programs  # noqa: E402

from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api  # noqa: E402

INTERPRETER = pathlib.Path(sys.executable)
# Namespace of the node maps, apart from the targets' own.
NODES = "nodes"
# The audit log as a production cluster writes it: behind the answers, not before them.
AUDIT = ("--audit-log-mode=batch", "--audit-log-batch-max-wait=1s", "--audit-log-batch-buffer-size=100000")
AUDIT_SECONDS = 4


class World:
    """C(count) targets, called t0000 and so on."""

    def __init__(self, directory: pathlib.Path, count: int) -> None:
        programs = find_programs()
        if not programs:
            sys.exit("kube-apiserver and etcd are not built: run python3 tests/sandbox/sandbox.py build, or set KUBEBUILDER_ASSETS.")
        self.directory, self.count = directory, count
        self.names = [f"t{number:04}" for number in range(count)]
        self.plane = ControlPlane(programs, directory)

    def __enter__(self) -> World:
        self.plane.start(*AUDIT)
        self.admin = Api(load(str(self.plane.kubeconfig("admin"))))
        self.admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": NODES}})
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._target, self.names))
        return self

    def __exit__(self, *_error: object) -> None:
        self.admin.close()
        self.plane.stop()

    def _target(self, name: str) -> None:
        self.admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
        path = self.plane.kubeconfig(name, name, namespace=name)
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text())))  # as MicroK8s and clouds write theirs

    def asked(self, since: int) -> int:
        """How many requests of the collection the audit log has; it is some seconds late."""
        time.sleep(AUDIT_SECONDS)
        return len(self.plane.requests(since))

    def path(self, name: str) -> str:
        """The kubeconfig of a target."""
        return str(self.plane.directory / f"{name}.kubeconfig")

    def bare(self, what: str, word: str, lines: list[str], threads: int = 64) -> float:
        """The seconds that the bare client takes for these targets, its start not counted."""
        command = [INTERPRETER, pathlib.Path(__file__).with_name("bare.py"), what, word, str(threads)]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return float(done.stdout)

    def inventory(self, count: int) -> pathlib.Path:
        """An inventory with the first targets as hosts of the group fleet: clusters of their own."""
        return self._inventory(f"clusters-{count}", [f"{name} fleet_kubeconfig={self.path(name)} fleet_namespace={name}" for name in self.names[:count]])

    def nodes_inventory(self, count: int) -> pathlib.Path:
        """The same hosts as nodes of one cluster, all through one kubeconfig."""
        place = f"fleet_kubeconfig={self.path(self.names[0])} fleet_namespace={NODES}"
        return self._inventory(f"nodes-{count}", [f"{name} {place} fleet_node_name={name}" for name in self.names[:count]])

    def _inventory(self, name: str, lines: list[str]) -> pathlib.Path:
        path = self.directory / f"{name}.ini"
        more = ["[all:vars]", "ansible_connection=local", f"ansible_python_interpreter={INTERPRETER}"]
        path.write_text("\n".join(["[fleet]", *lines, *more, ""]))
        return path

    def play(self, name: str, hosts: str, task: dict[str, t.Any]) -> pathlib.Path:
        """A play of one task."""
        path = self.directory / f"{name}.yml"
        path.write_text(yaml.safe_dump([{"hosts": hosts, "gather_facts": False, "tasks": [task]}], sort_keys=False))
        return path

    def ansible(self, inventory: pathlib.Path, play: pathlib.Path) -> float:
        """Seconds that a play takes, from the start of the command to its end."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_"))}
        settings = {**kept, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_LOCAL_TEMP": str(self.directory), "ANSIBLE_LOCALHOST_WARNING": "false"}
        command = [INTERPRETER.with_name("ansible-playbook"), "-i", inventory, play]
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=CLONE, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        took = time.perf_counter() - begun
        if done.returncode:
            sys.exit(f"{play.name}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return took
