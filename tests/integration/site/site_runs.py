"""Runs of the collection's playbooks against the sandbox, with everything that a test asks about them."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time
import typing as t
import urllib.parse

from instance import CLONE, Instance

CALLBACKS = pathlib.Path(__file__).with_name("callbacks")
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.M)


@dataclasses.dataclass
class Run:
    """One run of a playbook."""

    status: int
    seconds: float
    output: str
    verdicts: dict[str, dict[str, t.Any]]
    calls: list[dict[str, str]]

    @property
    def changed(self) -> dict[str, int]:
        """The number of changed tasks by host, as the recap says."""
        return {found.group(1): int(found.group(3)) for found in RECAP.finditer(self.output)}

    def calls_by_role(self) -> dict[tuple[str, str], list[str]]:
        """The modules sent to each host for each role."""
        sent: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
        for call in self.calls:
            if call["role"]:
                sent[call["host"], call["role"].split(".")[-1]].append(call["module"])
        return sent

    def messages(self, host: str) -> str:
        """What is wrong with a host, in the words of its verdict."""
        return " ".join(failure["message"] for failure in self.verdicts[host]["failures"])


@dataclasses.dataclass
class Site(Instance):
    """The sandbox's inventory, and a folder for what a run leaves."""

    folder: pathlib.Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "remote_calls",
            "FLEET_REMOTE_CALLS": str(self.folder / "calls"),
        }

    def play(self, *options: str, playbook: str = "site.yml", host_vars: dict[str, dict[str, t.Any]] | None = None) -> Run:
        """Run a playbook; host_vars are laid over the sandbox's inventory for this run alone."""
        for name in ("calls", "report.json"):
            (self.folder / name).unlink(missing_ok=True)
        overlay = self.folder / "overlay.json"
        overlay.write_text(json.dumps({"all": {"hosts": host_vars or {}}}), encoding="utf-8")
        inventory = ["-i", str(CLONE / "inventory/sandbox"), "-i", str(overlay)]
        program = pathlib.Path(sys.executable).with_name("ansible-playbook")
        begin = time.monotonic()
        outcome = subprocess.run(
            [program, *inventory, CLONE / playbook, "-e", f"fleet_report={self.folder / 'report.json'}", *options],
            env=self.environment,
            cwd=CLONE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1100,
            check=False,
        )
        return Run(outcome.returncode, time.monotonic() - begin, outcome.stdout, self._verdicts(), self._calls())

    def _verdicts(self) -> dict[str, dict[str, t.Any]]:
        report = self.folder / "report.json"
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
        return {verdict["host"]: verdict for verdict in found} if isinstance(found, list) else {}  # status.yml writes another report

    def _calls(self) -> list[dict[str, str]]:
        calls = self.folder / "calls"
        return [json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()] if calls.exists() else []

    def secret(self, host: str) -> str:
        """The broker's password of a host, as it stands in the URL that the inventory gives."""
        return str(urllib.parse.urlsplit(self.variables(host)["sandbox_amqp_url"]).password)
