"""playbooks/maintain.yml where something goes wrong: nothing is drained for work that cannot be done, and a host that is lost is not called well.

The modules that need a cluster are stand-ins here; tests/integration/site maintains real runners.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]
STAND_IN = '''
import os

from ansible.plugins.action import ActionBase

ANSWERS = {
    "runner_state": {"verdict": "quiet", "failed": False, "skipped": False, "msg": "", "hint": "", "reason": ""},
    "runner_info": {"nodes": [{"name": "stand-in", "ready": True, "gpu_capacity": 1, "gpu_allocatable": 1}], "runners": []},
    "gpu_info": {"gpus": [{"name": "stand-in"}]},
}


class ActionModule(ActionBase):
    """Stand-in for an API module: every runner is quiet, every node is ready, but for the first look of a run where that was asked for. It notes all."""

    def run(self, tmp=None, task_vars=None):
        name = self._task.action.split(".")[-1]
        if name == "runner_state":
            with open(task_vars["stand_in_notes"], "a") as notes:
                notes.write(f"{self._task.args['state']} {task_vars['inventory_hostname']}\\n")
        if name == "runner_info" and not os.path.exists(task_vars["stand_in_notes"] + ".seen"):
            open(task_vars["stand_in_notes"] + ".seen", "w").close()
            return {"changed": False, "nodes": [{"name": "stand-in", "ready": False, "gpu_capacity": 1, "gpu_allocatable": 0}], "runners": []}
        targets = [{"target": target, **ANSWERS[name]} for target in self._task.args.get("targets") or []]
        return {"changed": False, **ANSWERS[name], **({"targets": targets} if targets else {})}
'''
LOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o ConnectTimeout=2"}
WORK = "- name: Work\n  ansible.builtin.command: /bin/true\n  changed_when: false\n"


class Run(t.NamedTuple):
    status: int
    words: str
    asked: list[str]
    outcome: dict[str, t.Any]


class Fleet:
    """The collection with stand-ins, and two machines and a cluster."""

    def __init__(self, place: pathlib.Path) -> None:
        self.place = place
        self.collection = place / "collections/ansible_collections/studioml/fleet"
        for part in ("playbooks", "plugins", "meta"):
            shutil.copytree(CLONE / part, self.collection / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(CLONE / "galaxy.yml", self.collection)
        for name in ("runner_state", "runner_info", "gpu_info"):
            (self.collection / f"plugins/action/{name}.py").write_text(STAND_IN, encoding="utf-8")

    def maintain(self, limit: str, *lost: str, late: bool = False, **said: t.Any) -> Run:
        notes = self.place / "notes"
        notes.write_text("", encoding="utf-8")
        seen = self.place / "notes.seen"
        seen.unlink(missing_ok=True) if late else seen.touch()
        hosts = {name: LOST if name in lost else {"ansible_connection": "local"} for name in ("gpu1", "gpu2", "gpu3", "research")}
        shared = {"stand_in_notes": str(notes), "ansible_python_interpreter": sys.executable}
        groups = {"clusters": {"hosts": {"research": hosts.pop("research")}}, "runner_hosts": {"hosts": hosts}}
        (self.place / "hosts.json").write_text(json.dumps({"all": {"vars": shared, "children": groups}}), encoding="utf-8")
        program = pathlib.Path(sys.executable).with_name("ansible-playbook")
        command = [program, "-i", self.place / "hosts.json", self.collection / "playbooks/maintain.yml", "-l", limit, "-e", json.dumps(said)]
        settings = {"ANSIBLE_COLLECTIONS_PATH": str(self.place / "collections"), "ANSIBLE_SHOW_CUSTOM_STATS": "true", "ANSIBLE_NOCOLOR": "1"}
        settings.update(HOME=str(self.place), ANSIBLE_HOST_KEY_CHECKING="false", ANSIBLE_LOCALHOST_WARNING="false")
        done = subprocess.run(command, env={**os.environ, **settings}, cwd=self.place, capture_output=True, text=True, timeout=300, check=False)
        output = done.stdout + done.stderr
        shown = [line.partition(": ")[2] for line in output.splitlines() if line.startswith("\tRUN: ")]
        assert shown, output
        return Run(done.returncode, " ".join(output.split()), notes.read_text(encoding="utf-8").splitlines(), json.loads(shown[-1])["fleet_outcome"])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    fleet = Fleet(tmp_path_factory.mktemp("maintain"))
    (fleet.place / "work.yml").write_text(WORK, encoding="utf-8")
    return fleet


def test_work_that_can_be_done(fleet: Fleet) -> None:
    run = fleet.maintain("gpu1,research", fleet_maintenance="~/work.yml", fleet_wait_timeout=None)
    well = {"ok": True, "verdict": "running", "message": ""}
    assert run.status == 0, run.words
    assert run.asked == ["DrainAndSuspend gpu1", "Running gpu1", "DrainAndSuspend research", "Running research"]
    assert run.outcome == {"playbook": "maintain", "ok": True, "failed": [], "hosts": {"gpu1": well, "research": well}}


def test_a_node_that_comes_up_late_is_waited_for(fleet: Fleet) -> None:
    run = fleet.maintain("gpu1", late=True, fleet_maintenance="work.yml")
    said = "FAILED - RETRYING: [gpu1]: Wait until the node is ready and offers all GPUs of the host (59 retries left)."
    assert run.status == 0 and said in run.words, run.words
    assert run.asked == ["DrainAndSuspend gpu1", "Running gpu1"]


def test_a_mistyped_file_is_refused_before_the_drain(fleet: Fleet) -> None:
    run = fleet.maintain("gpu1", fleet_maintenance="wrok.yml")
    assert run.status == 2 and run.asked == []
    assert f"fleet_maintenance: there is no file {fleet.place}/wrok.yml. A relative path counts from where Ansible is started." in run.words
    assert (run.outcome["ok"], run.outcome["failed"]) == (False, ["gpu1"])


@pytest.mark.parametrize("said", [{}, {"fleet_maintenance": None}])
def test_a_cluster_is_not_drained_for_nothing(fleet: Fleet, said: dict[str, t.Any]) -> None:
    run = fleet.maintain("gpu1,research", **said)
    assert run.status == 2 and run.asked == []
    assert "Nothing would be done on a host that is only a cluster (research). Name a file of tasks with fleet_maintenance" in run.words


def test_a_host_that_is_lost_in_the_work_is_not_well_and_the_last(fleet: Fleet) -> None:
    run = fleet.maintain("gpu1,gpu2,gpu3", "gpu2", fleet_maintenance="work.yml", fleet_batch=2)
    assert run.status == 4, run.words
    assert run.asked == ["DrainAndSuspend gpu1", "Running gpu1"]
    assert run.outcome["ok"] is False and run.outcome["failed"] == ["gpu2"]
    assert run.outcome["hosts"]["gpu1"] == {"ok": True, "verdict": "running", "message": ""}
    assert run.outcome["hosts"]["gpu2"] == {"ok": False, "verdict": "unfinished", "message": "The playbook maintain was not finished on this host."}
    assert "gpu2 could not be reached any more and is left as it is, perhaps drained." in run.words
    assert "run this again with -l gpu2,gpu3" in run.words and "Not touched yet: gpu3." in run.words


def test_nobody_is_left_to_say_that_the_only_host_is_lost(fleet: Fleet) -> None:
    run = fleet.maintain("gpu1,gpu2", "gpu1", fleet_maintenance="work.yml")
    assert run.status == 4 and run.asked == ["DrainAndSuspend gpu1"]
    assert (run.outcome["playbook"], run.outcome["ok"], run.outcome["failed"]) == ("maintain", False, ["gpu1"])
    assert run.outcome["hosts"]["gpu1"]["verdict"] == "unfinished"
