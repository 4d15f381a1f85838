"""An instance of the sandbox for the tests of one directory: brought up, asked by shell, removed at the end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shlex
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor

CLONE = pathlib.Path(__file__).resolve().parents[3]
SNAPS = "for snap in bare core; do snap install --dangerous /opt/snaps/$snap.snap; done; snap install --dangerous --classic /opt/snaps/microk8s.snap"


@dataclasses.dataclass
class Instance:
    """The hosts of one sandbox."""

    instance: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "FLEET_SANDBOX": self.instance}

    def sandbox(self, *arguments: str) -> str:
        """What the sandbox's command prints."""
        return self._answer([sys.executable, str(CLONE / "tests/sandbox/sandbox.py"), *arguments, "--name", self.instance])

    def variables(self, host: str) -> dict[str, t.Any]:
        """What the inventory says of a host; its secrets are among it."""
        inventory = json.loads(self._answer([str(CLONE / "inventory/sandbox/sandbox.sh"), "--list"]))
        return {**inventory["all"]["vars"], **inventory["_meta"]["hostvars"][host]}

    def address(self, host: str) -> str:
        return str(self.variables(host)["ansible_host"])

    def on(self, host: str, script: str, check: bool = True, stdin: bytes | None = None) -> str:
        """What a shell on a host answers."""
        settings = self.variables(host)
        options = [*shlex.split(settings["ansible_ssh_common_args"]), "-i", settings["ansible_ssh_private_key_file"]]
        login = ["ssh", *options, f"root@{settings['ansible_host']}", f"export PATH=$PATH:/snap/bin; {script}"]
        done = subprocess.run(login, input=stdin or b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
        output = done.stdout.decode("utf-8", "replace")
        assert not check or done.returncode == 0, f"{host}: {script}: {output}"
        return output

    def with_microk8s(self, *hosts: str) -> None:
        """The stand-in MicroK8s on each of these, installed where it is not, and its node ready."""

        def ready(host: str) -> None:
            self.on(host, f"snap wait system seed.loaded; test -e /snap/bin/microk8s || ( set -e; {SNAPS} )")
            self.on(host, "microk8s status --wait-ready --timeout 300")

        with ThreadPoolExecutor() as pool:
            list(pool.map(ready, hosts))

    def _answer(self, command: list[str]) -> str:
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, timeout=1800, check=True).stdout


Kind = t.TypeVar("Kind", bound=Instance)


def given(name: str) -> str:
    """The instance that FLEET_<NAME>_SANDBOX names: it is there already, and stays."""
    return os.environ.get(f"FLEET_{name.upper()}_SANDBOX", "")


@contextlib.contextmanager
def brought_up(name: str, *hosts: str, make: t.Callable[[str], Kind]) -> t.Iterator[Kind]:
    """Bare hosts, removed at the end, whatever becomes of the tests; those of the given instance, where there is one, as they are."""
    made = make(given(name) or f"test-{name}")
    try:
        if not given(name):
            made.sandbox("down")
            made.sandbox("up", "--hosts", ",".join(hosts))
        yield made
    finally:
        if not given(name):
            made.sandbox("down")
