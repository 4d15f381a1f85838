"""Single modules on hosts of the sandbox, as a playbook would run them, and what a shell there says afterwards."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[3]
CALLBACKS = pathlib.Path(__file__).with_name("callbacks")
Result = dict[str, t.Any]


@dataclasses.dataclass
class Hosts:
    """The hosts of one sandbox."""

    instance: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "module_results",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "FLEET_SANDBOX": self.instance,
        }

    def sandbox(self, *arguments: str) -> str:
        """The sandbox's own command."""
        program = [sys.executable, CLONE / "tests/sandbox/sandbox.py", *arguments, "--name", self.instance]
        return subprocess.run(program, env=self.environment, stdout=subprocess.PIPE, text=True, timeout=1800, check=True).stdout

    def module(self, host: str, what: str, /, check: bool = False, **arguments: t.Any) -> Result:
        """Run a module; returns its result, whether it failed or not."""
        program = pathlib.Path(sys.executable).with_name("ansible")
        command = [program, host, "-i", CLONE / "inventory/sandbox", "-m", f"studioml.fleet.{what}", "--diff"]
        command += ["-a", json.dumps(arguments)] if arguments else []
        command += ["--check"] if check else []
        with tempfile.TemporaryDirectory() as folder:
            answer = pathlib.Path(folder, "result.json")
            environment = {**self.environment, "MODULE_RESULTS": str(answer)}
            done = subprocess.run(command, env=environment, cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
            assert answer.exists(), done.stdout
            return json.loads(answer.read_text(encoding="utf-8"))

    def passes(self, host: str, what: str, /, check: bool = False, **arguments: t.Any) -> Result:
        """Run a module that must not fail."""
        result = self.module(host, what, check, **arguments)
        assert not result.get("failed"), result["msg"]
        return result

    def fails(self, host: str, what: str, /, check: bool = False, **arguments: t.Any) -> Result:
        """Run a module that must fail with one clear message."""
        result = self.module(host, what, check, **arguments)
        assert result.get("failed"), result
        assert "Traceback" not in json.dumps(result) and "\n" not in result["msg"]
        return result

    def four_beats(self, host: str, what: str, state: str, /, **arguments: t.Any) -> Result:
        """Check, real, check, real: check tells what real does and changes nothing, and the second time there is nothing to do.

        :param state: a shell script that prints everything that must not change in check mode.
        """
        before = self.on(host, state)
        predicted = self.passes(host, what, check=True, **arguments)
        assert self.on(host, state) == before, "check mode changed something"
        real = self.passes(host, what, **arguments)
        assert predicted["changed"] and real["changed"]
        assert predicted.get("diff") == real.get("diff")
        after = self.on(host, state)
        assert not self.passes(host, what, check=True, **arguments)["changed"]
        assert not self.passes(host, what, **arguments)["changed"]
        assert self.on(host, state) == after, "the second run changed something"
        return real

    def variables(self, host: str) -> Result:
        """What the inventory says of a host."""
        inventory = json.loads((self._folder() / "inventory.json").read_text(encoding="utf-8"))
        return {**inventory["all"]["vars"], **inventory["_meta"]["hostvars"][host]}

    def address(self, host: str) -> str:
        return str(self.variables(host)["ansible_host"])

    def on(self, host: str, script: str, check: bool = True, stdin: bytes | None = None) -> str:
        """What a shell on a host answers."""
        settings = self.variables(host)
        options = [*shlex.split(settings["ansible_ssh_common_args"]), "-i", settings["ansible_ssh_private_key_file"]]
        login = ["ssh", *options, f"root@{settings['ansible_host']}", f"export PATH=$PATH:/snap/bin; {script}"]
        done = subprocess.run(login, input=stdin or b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
        output = done.stdout.decode("utf-8", "replace")
        assert not check or done.returncode == 0, f"{host}: {script}: {output}"
        return output

    def _folder(self) -> pathlib.Path:
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        return cache / "studioml-fleet/sandbox" / self.instance
