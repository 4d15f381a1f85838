# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as AWX starts them: a private data directory is transmitted, a worker runs it, the stream that comes back is processed.

AWX itself is not here (it is in no package registry). Everything that it hands over is written in its form: extra variables as a file in which every text
of a survey is unsafe, the inventory as an executable file that prints JSON, the machine credential as a key for ssh-agent, others as files and environment.
The worker's directory is what /runner is in AWX's container.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pathlib
import shlex
import signal
import subprocess
import tarfile
import time
import typing as t

from door_programs import BIN

Result = dict[str, t.Any]
# Answers of a survey and launches come as this; numbers stay numbers.
Answers = t.Mapping[str, t.Any]
TRANSMIT = "import json, sys, ansible_runner; ansible_runner.interface.run(streamer='transmit', _output=sys.stdout.buffer, **json.load(sys.stdin))"
SETTINGS = {"suppress_ansible_output": True, "suppress_output_file": True}


def unsafe(value: t.Any) -> str:
    """YAML in which no text is ever a template, as AWX writes extra variables that are not the template's own. Ansible reads C(!unsafe "") as null."""
    if isinstance(value, str):
        return f"!unsafe {json.dumps(value)}"
    if isinstance(value, dict):
        entries = ", ".join(f"{unsafe(key)}: {unsafe(item)}" for key, item in value.items())
        return f"{{{entries}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(unsafe, value))}]"
    return json.dumps(value)


@dataclasses.dataclass
class Job:
    """A job that has ended."""

    status: str
    seconds: float
    events: list[Result]

    @property
    def output(self) -> str:
        """What the job's page shows."""
        return "\n".join(event["stdout"] for event in self.events if event.get("stdout"))

    @property
    def words(self) -> str:
        """The same on one line, without colours, for texts that are wrapped."""
        plain = "".join(part.partition("m")[2] if index else part for index, part in enumerate(self.output.split("\x1b[")))
        return " ".join(plain.split())

    @property
    def artifacts(self) -> Result:
        """What set_stats has handed on: AWX takes it out of the last event."""
        (last,) = [event for event in self.events if event["event"] == "playbook_on_stats"]
        return t.cast(Result, last["event_data"].get("artifact_data", {}))

    def outcome(self) -> Result:
        """That of our playbooks."""
        return t.cast(Result, self.artifacts["fleet_outcome"])

    def results(self, task: str) -> dict[str, Result]:
        """The results of a task by host, as its events have them."""
        found = [event["event_data"] for event in self.events if event["event"] in ("runner_on_ok", "runner_on_failed")]
        return {data["host"]: data["res"] for data in found if data["task"] == task}


class Running:
    """A job that a worker works on."""

    def __init__(self, controller: Controller, folder: pathlib.Path, runner: pathlib.Path) -> None:
        self.folder, self.controller = folder, controller
        self.began = time.monotonic()
        self.stream = folder / "stream"
        # what a container of AWX has in its environment, and nothing of the one who tests
        settings = {"PATH": f"{BIN}{os.pathsep}{controller.programs}{os.pathsep}{os.defpath}", "HOME": str(folder / "home"), "LANG": "C.UTF-8"}
        (folder / "home").mkdir()
        program = [*controller.container, "ansible-runner"] if controller.container else [controller.programs / "ansible-runner"]
        with (folder / "sent").open("rb") as sent, self.stream.open("wb") as stream:
            self.worker = subprocess.Popen(
                [*program, "worker", f"--private-data-dir={runner}"],
                stdin=sent,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=settings,
                cwd=folder,
                start_new_session=True,
            )

    def lines(self) -> list[str]:
        """What the job's page shows by now, while the job goes on."""
        shown = []
        for line in self.stream.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue  # the line that is just being written
            if isinstance(found, dict) and found.get("stdout"):
                shown += str(found["stdout"]).splitlines()
        return shown

    def wait_for(self, text: str, seconds: float) -> str:
        """The first line with a text, as soon as it is there."""
        deadline = time.monotonic() + seconds
        while True:
            found = [line for line in self.lines() if text in line]
            if found:
                return found[0]
            assert self.worker.poll() is None, f"The job ended without {text!r}: {self.finish().output}"
            assert time.monotonic() < deadline, f"{text!r} did not come within {seconds} s: {self.lines()}"
            time.sleep(0.3)

    def cancel(self) -> Job:
        """As a person does by the button: the worker is told to end, and ends the playbook at once."""
        self.worker.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self, seconds: float = 900) -> Job:
        """Wait for the end, and take in what came back."""
        try:
            self.worker.wait(seconds)
        finally:
            if self.worker.poll() is None:
                os.killpg(self.worker.pid, signal.SIGKILL)
        took = time.monotonic() - self.began
        program: list[str | pathlib.Path] = [self.controller.programs / "ansible-runner", "--quiet", "process", self.folder / "controller"]
        with self.stream.open("rb") as stream:
            subprocess.run(program, stdin=stream, capture_output=True, check=True, cwd=self.folder)
        files = sorted((self.folder / "controller/artifacts/job_events").glob("*-*.json"), key=lambda path: int(path.name.split("-")[0]))
        statuses = [found["status"] for found in map(_mapping, self.stream.read_bytes().splitlines()) if "status" in found]
        return Job(statuses[-1] if statuses else "lost", took, [json.loads(path.read_text(encoding="utf-8")) for path in files])


@dataclasses.dataclass
class Controller:
    """What AWX knows: a project with its collections, an inventory, credentials."""

    programs: pathlib.Path
    place: pathlib.Path
    project: pathlib.Path
    #: what was installed for the project; none where the collection is in the execution environment
    collections: pathlib.Path | None
    inventory: Result
    key: str = ""
    #: name of an environment variable: the content of the file that it leads to, as a custom credential type injects it
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    #: the command that starts an execution environment, whose /runner is the worker's directory; none: the worker runs here
    container: tuple[str, ...] = ()
    _numbers: t.Iterator[int] = dataclasses.field(default_factory=lambda: itertools.count(1))

    def run(self, playbook: str, answers: Answers | None = None, *options: str, **more: t.Any) -> Job:
        """A job from its start to its end."""
        return self.start(playbook, answers, *options, **more).finish()

    def start(self, playbook: str, answers: Answers | None = None, *options: str, settings: Result | None = None, inventory: Result | None = None) -> Running:
        """Answers are those of a survey; options are what the form of a template has (limit, check mode)."""
        number = next(self._numbers)
        folder = self.place / str(number)
        private, runner = folder / "controller", pathlib.Path("/runner") if self.container else folder / "runner"
        for made in (private / "env", private / "inventory", private / "cp"):
            made.mkdir(parents=True, mode=0o700)
        self._write(private / "env/extravars", "".join(f"{unsafe(key)}: {unsafe(value)}\n" for key, value in {**(answers or {}), **_about(number)}.items()))
        self._write(private / "env/settings", json.dumps({**SETTINGS, "job_timeout": 0, **(settings or {})}))
        self._write(private / "env/cmdline", shlex.join(["-u", "root", *options]))
        listed = json.dumps(self.inventory if inventory is None else inventory)
        self._write(private / "inventory/hosts", f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({listed!r})\n", 0o700)
        environment = self._environment(number, runner)
        for index, (name, content) in enumerate(self.files.items()):
            self._write(private / f"env/tmp{index}", content)
            environment[name] = str(runner / f"env/tmp{index}")
        _copy(self.project, private / "project")
        if self.collections:
            _copy(self.collections, private / "requirements_collections")
        given = {
            "ident": str(number),
            "private_data_dir": str(private),
            "playbook": playbook,
            "inventory": "hosts",
            "envvars": environment,
            "suppress_env_files": True,
            "fact_cache_type": "",
            "passwords": {r"SSH password:\s*?$": "", r"BECOME password.*:\s*?$": ""},
            **({"ssh_key": self.key} if self.key else {}),
        }
        with (folder / "sent").open("wb") as sent:
            subprocess.run([self.programs / "python", "-c", TRANSMIT], input=json.dumps(given).encode(), stdout=sent, check=True, cwd=folder)
        return Running(self, folder, runner)

    def _environment(self, number: int, runner: pathlib.Path) -> dict[str, str]:
        """What AWX sets for each job; the collections' path that the project's ansible.cfg names comes after what was installed for it."""
        return {
            "ANSIBLE_BASE_TEAM_TEAM_DEFINITION": "",
            "ANSIBLE_COLLECTIONS_PATH": f"{runner}/requirements_collections:.build/collections:~/.ansible/collections:/usr/share/ansible/collections",
            "ANSIBLE_FORCE_COLOR": "True",
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_ROLES_PATH": f"{runner}/requirements_roles:~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{runner}/cp",
            "AWX_HOST": "https://awx.invalid",
            "AWX_PRIVATE_DATA_DIR": str(runner),
            "INVENTORY_ID": "1",
            "JOB_ID": str(number),
            "MAX_EVENT_RES": "700000",
            "PROJECT_REVISION": "0" * 40,
        }

    @staticmethod
    def _write(path: pathlib.Path, content: str, mode: int = 0o600) -> None:
        path.touch(mode)
        path.write_text(content, encoding="utf-8")


def _about(number: int) -> Result:
    """What AWX adds about the job itself."""
    found = {"job_id": number, "job_launch_type": "manual", "job_template_id": 7, "job_template_name": "test", "inventory_id": 1}
    found.update(user_id=1, user_name="tests")
    return {f"{prefix}_{key}": value for prefix in ("awx", "tower") for key, value in found.items()}


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """A tree with its links as they are, less what git keeps."""
    with tarfile.open(target.with_suffix(".tar"), "w") as archive:
        archive.add(source, arcname=".", filter=lambda entry: None if entry.name.endswith("/.git") else entry)
    with tarfile.open(target.with_suffix(".tar")) as archive:
        archive.extractall(target, filter="fully_trusted")
    target.with_suffix(".tar").unlink()


def _mapping(line: bytes) -> Result:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
