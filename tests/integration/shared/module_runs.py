"""Single modules on hosts of the sandbox, as a playbook would run them, and what a shell there says afterwards."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
import typing as t

from instance import CLONE, Instance

__all__ = ["CLONE", "Hosts"]
CALLBACKS = pathlib.Path(__file__).with_name("callbacks")
Result = dict[str, t.Any]


class Hosts(Instance):
    """The hosts of one sandbox, and modules on them."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "module_results",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        }

    def module(self, host: str, what: str, /, check: bool = False, **arguments: t.Any) -> Result:
        """Run a module; returns its result, whether it failed or not."""
        program = pathlib.Path(sys.executable).with_name("ansible")
        command = [program, host, "-i", CLONE / "inventory/sandbox", "-m", f"studioml.fleet.{what}", "--diff"]
        command += ["-a", json.dumps(arguments)] if arguments else []
        command += ["--check"] if check else []
        with tempfile.TemporaryDirectory() as folder:
            answer = pathlib.Path(folder, "result.json")
            environment = {**self.environment, "MODULE_RESULTS": str(answer)}
            done = subprocess.run(command, env=environment, cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1100, check=False)
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
