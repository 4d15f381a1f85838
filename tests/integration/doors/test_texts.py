# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs without any cluster: the project finds its collection, unanswered questions count as not given, refusals are readable."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

import door_programs
import pytest
import yaml
from awx_jobs import Controller, Result, unsafe

pytestmark = pytest.mark.slow

INVENTORY: Result = {
    "all": {"children": ["runner_hosts", "clusters"]},
    "runner_hosts": {"hosts": []},
    "clusters": {"hosts": ["research"], "vars": {"ansible_connection": "local"}},
    "_meta": {"hostvars": {"research": {"fleet_kubeconfig": "/nowhere/kubeconfig.yaml", "fleet_namespace": "studioml"}}},
}
QUESTIONS = ("report", "page", "hosts", "wait_timeout", "enforce", "force_after", "max_failures", "maintenance", "batch")
EMPTY = {f"fleet_{name}": "" for name in QUESTIONS}
TEMPLATES = yaml.safe_load((door_programs.CLONE / "roles/awx/files/templates.yml").read_text(encoding="utf-8"))["controller_templates"]
SURVEYS = {pathlib.Path(one["playbook"]).stem: one["survey_spec"]["spec"] for one in TEMPLATES if one.get("survey_spec")}
# A role checks its variables before anything else: there a question that is no text is answered with what the form has filled in.
CHECKED = ("experiment", "secrets", "submission")
# What a survey cannot do without, and what a playbook refuses to guess.
NEEDED = {
    "alert": {"fleet_alert_host": "research"},
    "build": {"build_image": "hub:5000/build:1"},
    "cancel": {"job_name": "train"},
    "experiment": {"experiment_image": "hub:5000/mnist:1"},
    "job": {"job_name": "train", "job_image": "hub:5000/cuda:12"},
    "logs": {"log_job": "train"},
    "maintain": {"fleet_maintenance": "tests/integration/doors/maintenance.yml"},
    "recovered": {"fleet_alert_host": "research"},
    "state": {"fleet_state": "Running"},
    "submission": {"submission_image": "hub:5000/analysis:3", "submission_payloads": "echo one"},
}


def test_the_collection_of_the_clone_is_installed_and_nothing_else(project: pathlib.Path, collections: pathlib.Path) -> None:
    assert [path.name for path in (collections / "ansible_collections").glob("*/*") if path.is_dir()] == ["fleet"]
    installed = collections / "ansible_collections/studioml/fleet"
    assert (installed / "playbooks/drain.yml").read_bytes() == (project / "playbooks/drain.yml").read_bytes()
    assert "already installed" in door_programs.install(project, collections) or "Nothing to do" in door_programs.install(project, collections)


def test_a_look_with_nothing_answered(bare: Controller) -> None:
    job = bare.run("playbooks/status.yml", EMPTY, inventory=INVENTORY)
    assert job.status == "successful", job.output
    assert "research" in job.results("Show the table")["research"]["msg"][1]
    outcome = job.outcome()
    assert (outcome["playbook"], outcome["ok"], outcome["failed"]) == ("status", False, ["research"])
    assert outcome["hosts"]["research"]["verdict"] == "unreachable"
    assert "/nowhere/kubeconfig.yaml does not exist" in outcome["hosts"]["research"]["message"]


def test_a_failed_drain_hands_its_outcome_on_all_the_same(bare: Controller) -> None:
    job = bare.run("playbooks/drain.yml", {**EMPTY, "fleet_state": ""}, inventory=INVENTORY)
    assert job.status == "failed", job.output
    assert job.outcome()["failed"] == ["research"]
    failed = job.results("Say how this host stands")["research"]["msg"]
    assert failed.startswith("unreachable: ") and "/nowhere/kubeconfig.yaml" in failed


@pytest.mark.parametrize(
    ("playbook", "answers", "message"),
    [
        ("state", {"fleet_state": ""}, "Name the state, one of Running, DrainAndSuspend and DrainAndTerminate"),
        ("job", {"job_name": "", "job_image": ""}, "Name the Job and its image"),
        ("submission", {"submission_do": "begin"}, "begin is none of submit, status, logs and cancel."),
        ("drain", {"fleet_max_failures": "many"}, "max_failures"),
    ],
)
def test_what_is_missing_or_wrong_is_said(bare: Controller, playbook: str, answers: Result, message: str) -> None:
    job = bare.run(f"playbooks/{playbook}.yml", answers, inventory=INVENTORY)
    assert job.status == "failed", job.output
    assert message in job.words
    assert "Traceback" not in job.output


def unanswered(playbook: str, question: Result) -> t.Any:
    filled_in = playbook in CHECKED and question["type"] not in ("text", "textarea")
    return question.get("default", "") if filled_in else ""


@pytest.mark.parametrize("playbook", sorted(SURVEYS))
def test_no_question_has_to_be_answered_but_those_that_say_so(bare: Controller, playbook: str) -> None:
    """Everything is accepted, up to the cluster that is not there."""
    answers = {question["variable"]: unanswered(playbook, question) for question in SURVEYS[playbook]} | NEEDED.get(playbook, {})
    job = bare.run(f"playbooks/{playbook}.yml", answers, inventory=INVENTORY)
    assert job.status == "failed", job.output
    assert "The kubeconfig /nowhere/kubeconfig.yaml does not exist." in job.words, job.output


def test_a_text_is_never_a_template(bare: Controller) -> None:
    assert unsafe({"a": "{{ 1 }}"}) == '{!unsafe "a": !unsafe "{{ 1 }}"}'
    job = bare.run("playbooks/submission.yml", {"submission_do": "{{ 40 + 2 }}"}, inventory=INVENTORY)
    assert "{{ 40 + 2 }} is none of submit" in job.words, job.output


def test_a_project_of_ones_own(bare: Controller, repository: pathlib.Path, collections: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """It names the collection among its requirements; here the built artifact stands for Galaxy, which cannot be reached."""
    own = tmp_path / "own"
    (own / "collections").mkdir(parents=True)
    built = [door_programs.BIN / "ansible-galaxy", "collection", "build", "--output-path", tmp_path, repository]
    door_programs.run(built)
    (artifact,) = tmp_path.glob("studioml-fleet-*.tar.gz")
    (own / "collections/requirements.yml").write_text(f"collections:\n  - {{name: {artifact}, type: file}}\n", encoding="utf-8")
    (own / "status.yml").write_text("- name: The collection's own\n  ansible.builtin.import_playbook: studioml.fleet.status\n", encoding="utf-8")
    stage = tmp_path / "requirements_collections"
    door_programs.install(own, stage)
    job = dataclasses.replace(bare, project=own, collections=stage).run("status.yml", EMPTY, inventory=INVENTORY)
    assert job.status == "successful" and job.outcome()["failed"] == ["research"], job.output
