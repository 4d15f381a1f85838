# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A playbook as a button runs it: with C(-e) alone, the variables in a file."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[4]


class Play(t.NamedTuple):
    """What became of it."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        return int(re.findall(r"localhost +: .*changed=(\d+)", self.output)[-1])

    def shown(self, task: str) -> str:
        """What a task has printed, as one text."""
        return self.output.split(f"{task}] ***", 1)[1].split("\nTASK [", 1)[0].split("\nPLAY RECAP", 1)[0]


def side_by_side(role: str, common: dict[str, t.Any], cases: dict[str, dict[str, t.Any]]) -> dict[str, str]:
    """A role on as many hosts as there are cases, each with its own variables; returns what each has failed with, as one line."""
    hosts = {f"case{number}": {**common, **case} for number, case in enumerate(cases.values())}
    with tempfile.TemporaryDirectory() as folder:
        inventory, playbook = pathlib.Path(folder, "hosts.yml"), pathlib.Path(folder, "play.yml")
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}}), encoding="utf-8")
        tasks = [{"ansible.builtin.include_role": {"name": f"studioml.fleet.{role}", "tasks_from": "{{ tasks_from | default('main') }}"}}]
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        output = _run("-i", inventory, playbook).stdout
    failures = {found[1]: found[2] for found in re.finditer(r"fatal: \[(case\d+)\]: FAILED! => (.*?)\n(?=\S)", output, re.S)}
    words = [failures.get(host, "(did not fail)").replace("\\n", " ").replace("''", "'").split() for host in hosts]
    return {name: " ".join(one) for name, one in zip(cases, words, strict=True)}


def steps(role: str, common: dict[str, t.Any], *given: dict[str, t.Any]) -> list[str]:
    """A role several times in one run, each time with other variables on top; returns what each has printed."""
    tasks = []
    for number, variables in enumerate(given):
        included = {"name": f"studioml.fleet.{role}", "tasks_from": variables.get("tasks_from", "main")}
        more = {key: value for key, value in variables.items() if key != "tasks_from"}
        tasks += [{"ansible.builtin.include_role": included, "vars": more}, {"name": f"End of step {number}", "ansible.builtin.meta": "noop"}]
    with tempfile.TemporaryDirectory() as folder:
        playbook = pathlib.Path(folder, "play.yml")
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "vars": common, "tasks": tasks}]), encoding="utf-8")
        done = _run("-i", "localhost,", "-c", "local", playbook)
    assert done.returncode == 0, done.stdout[-6000:]
    printed = re.split(r"TASK \[(?:End of step \d+|include_role[^\]]*)\]", done.stdout)
    return [text for text in printed if f"studioml.fleet.{role} : " in text]


def _run(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    settings = {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    return subprocess.run(
        [program, *arguments], cwd=CLONE, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False
    )


def play(name: str, variables: dict[str, t.Any], *more: str, passes: bool = True) -> Play:
    """Run playbooks/<name>.yml on no inventory at all."""
    given = {"fleet_hosts": "localhost", **variables}
    with tempfile.TemporaryDirectory() as folder:  # Ansible shows its own command line at -vvvv
        file = pathlib.Path(folder, "given.json")
        file.write_text(json.dumps(given), encoding="utf-8")
        done = _run("-i", "localhost,", "-c", "local", CLONE / f"playbooks/{name}.yml", "-e", f"@{file}", *more)
    assert (done.returncode == 0) == passes, done.stdout[-6000:]
    return Play(done.returncode, done.stdout)
