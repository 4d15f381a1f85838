# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every playbook as a job of AWX, on the sandbox, with the answers of a survey in its texts. The tests build on each other, in their order."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import pathlib
import re
import time
import typing as t

import pytest
import yaml
from awx_jobs import Answers, Controller, Job, Result
from door_programs import CLONE
from site_runs import Site

pytestmark = pytest.mark.sandbox

QUEUE = "rmq_doors_test"
IMAGE = "sandbox.local/busybox:1"
KUBECTL = "/snap/bin/microk8s kubectl -n studioml"
#: Run by tests of their own, below; the rest is in ONCE.
ABOVE = {"site", "drain", "resume", "status", "maintain", "submission", "alert", "recovered"}
#: Makes the buttons, and is none; it needs AWX's own collection: tests/unit/awx runs it.
ELSEWHERE = {"awx"}
#: One job each: the answers as a survey sends them, and what its page says.
ONCE: dict[str, tuple[Answers, str]] = {
    "verify": ({"fleet_report": ""}, '"ok": true'),
    "state": ({"fleet_state": "Running"}, "ok: [gpu1]"),
    "secrets": (
        {"runner_secrets_rotate": "false", "runner_secrets_drop_previous": "false", "runner_secrets_public_key_file": ""},
        "Make, prove and keep the runner's Secrets",
    ),
    "job": (
        {
            "job_name": "doors",
            "job_image": IMAGE,
            "job_command": "sh\n-c\necho $WHO $MANY; echo $0 $1",
            "job_args": "one, two\nthree",
            "job_env": "WHO: survey\nMANY: 3",
            "job_gpus": "",
            "job_copies": "",
            "job_wait": "true",
            "job_wait_timeout": "120",
            "job_deadline": "",
            "job_max_running": "",
            "job_claims": "",
            "job_follow": "",
        },
        "one, two three",
    ),
    "logs": ({"log_job": "doors", "log_selector": "", "log_pod": "", "log_follow": "false", "log_lines": "", "log_since": "2026-01-20T10:00:00Z"}, "survey 3"),
    "cancel": ({"job_name": "doors", "job_selector": "", "job_foreign": "false"}, "gpu1 doors"),
    "build": (
        {"build_image": IMAGE, "build_shell": "set -e\necho built $A", "build_gpus": "0", "build_env": "A=1\nB=2", "build_results": "", "build_timeout": "120"},
        "built 1",
    ),
    "experiment": (
        {
            "fleet_hosts": "",
            "experiment_image": IMAGE,
            "experiment_name": "doors",
            "experiment_namespace": "studioml",
            "experiment_storage": "none",
            "experiment_command": "sh -c 'echo lr $0'",
            "experiment_params": "0.5",
            "experiment_grid": "",
            "experiment_env": "{}",
            "experiment_sources": "",
            "experiment_config": "",
            "experiment_wait": "true",
            "experiment_wait_timeout": "120",
            "experiment_follow": "true",
        },
        "lr 0.5",
    ),
}


@pytest.fixture(scope="module")
def awx(bare: Controller, site: Site, known: Result, key: str) -> Controller:
    """After site.yml, whose answers are none; from then on the kubeconfig is a credential, and the inventory knows only the context in it."""
    site.sandbox("publish", "--queue", QUEUE, "--seconds", "1")  # before the runner starts: later on it looks for new queues every five minutes
    job = dataclasses.replace(bare, inventory=known, key=key).run("playbooks/site.yml", {"fleet_report": ""})
    assert job.status == "successful", job.output
    assert job.outcome()["playbook"] == "verify" and job.outcome()["hosts"].keys() == {"hub", "gpu1"} and job.outcome()["ok"]
    inventory = copy.deepcopy(known)
    kubeconfig = pathlib.Path(inventory["_meta"]["hostvars"]["gpu1"].pop("fleet_kubeconfig"))
    files = {"K8S_AUTH_KUBECONFIG": kubeconfig.read_text(encoding="utf-8")}
    # gpu1 is a machine: its context says that it is the cluster of this file
    inventory["_meta"]["hostvars"]["gpu1"]["fleet_context"] = yaml.safe_load(files["K8S_AUTH_KUBECONFIG"])["current-context"]
    return dataclasses.replace(bare, inventory=inventory, key=key, files=files)


def read_permission(site: Site) -> str:
    listed = json.loads(site.on("hub", "rabbitmqctl -q --formatter json list_permissions"))
    return str(next(entry["read"] for entry in listed if entry["user"] == "runner-gpu1"))


def until(site: Site, ready: int, unacknowledged: int, seconds: float = 300) -> None:
    """The queue as RabbitMQ itself counts it."""
    deadline = time.monotonic() + seconds
    found: t.Any = None
    while found != (ready, unacknowledged):
        assert time.monotonic() < deadline, f"ready and unacknowledged are {found}"
        time.sleep(0.5)
        listed = json.loads(site.on("hub", "rabbitmqctl -q --formatter json list_queues name messages_ready messages_unacknowledged"))
        found = next(((queue["messages_ready"], queue["messages_unacknowledged"]) for queue in listed if queue["name"] == QUEUE), None)


def test_every_playbook_is_run_by_one_of_these_tests() -> None:
    assert {path.stem for path in (CLONE / "playbooks").glob("*.yml")} - ELSEWHERE == ABOVE | set(ONCE)


@pytest.mark.parametrize("playbook", ONCE)
def test_a_playbook_as_a_job(awx: Controller, playbook: str) -> None:
    answers, shown = ONCE[playbook]
    job = awx.run(f"playbooks/{playbook}.yml", answers, "-l", "gpu1")
    assert job.status == "successful", job.output
    assert shown in job.words
    readable(job)


def test_a_submission_as_jobs(awx: Controller) -> None:
    """It is submitted, looked at and cancelled; its image has no bash, so that it is not waited for."""
    name = {"submission_identifier": "doors", "submission_job": "", "submission_all": "false"}
    asked = {"submission_image": IMAGE, "submission_payloads": "echo one\necho two", "submission_volume_claim": "", "submission_wait": "false"}
    job = awx.run("playbooks/submission.yml", {**name, **asked, "submission_do": "", "submission_env": "{}", "submission_max_concurrent": 0}, "-l", "gpu1")
    assert job.status == "successful" and "identifier doors" in job.words, job.output
    shown = awx.run("playbooks/submission.yml", {**name, "submission_do": "status"}, "-l", "gpu1")
    assert shown.status == "successful" and "shj-doors-00001" in shown.words, shown.output
    gone = awx.run("playbooks/submission.yml", {**name, "submission_do": "cancel"}, "-l", "gpu1")
    assert gone.status == "successful" and "shj-doors-00001" in gone.words, gone.output


def test_a_drain_is_cancelled_in_the_middle(awx: Controller, site: Site) -> None:
    until(site, 0, 0)
    site.sandbox("publish", "--queue", QUEUE, "--seconds", "150")  # the next three tests find it at work, too
    until(site, 0, 1)
    running = awx.start("playbooks/drain.yml", {"fleet_state": "", "fleet_enforce": "", "fleet_wait_timeout": 600, "fleet_force_after": ""}, "-l", "gpu1")
    line = running.wait_for("gpu1: busy: ", 140)
    assert re.search(r"gpu1: busy: 1 experiment \(stand-in-\w+\)", line), "what it waits for is on the job's page while it waits"
    job = running.cancel()
    assert job.status == "canceled"
    assert read_permission(site).startswith("(?!)"), "it stays kept off its queues"


def test_the_status_understands_it(awx: Controller) -> None:
    job = awx.run("playbooks/status.yml", {"fleet_page": "", "fleet_report": ""})
    assert job.status == "successful", job.output
    assert job.outcome()["hosts"]["gpu1"]["verdict"] == "busy"
    assert re.search(r"gpu1 .* DrainAndSuspend .* busy", job.words), job.output


def test_a_resume_brings_everything_back(awx: Controller, site: Site) -> None:
    job = awx.run("playbooks/resume.yml", {"fleet_wait_timeout": ""})
    assert job.status == "successful", job.output
    assert job.outcome() == {"playbook": "resume", "ok": True, "failed": [], "hosts": {"gpu1": {"ok": True, "verdict": "running", "message": ""}}}
    assert read_permission(site) == ".*"
    kept = site.on("gpu1", f"{KUBECTL} get deployments,configmaps -o jsonpath='{{.items[*].metadata.annotations}}'")
    assert "fleet.studioml.ai/drain" not in kept


def test_a_drain_says_what_it_waits_for_and_hands_its_verdict_on(awx: Controller, site: Site) -> None:
    """A job without any line for so long as its idle timeout would be ended: progress keeps it alive."""
    job = awx.run("playbooks/drain.yml", {"fleet_wait_timeout": "300"}, "-l", "gpu1", settings={"idle_timeout": 45, "job_timeout": 400})
    assert job.status == "successful", job.output
    waited = [event for event in job.events if "gpu1: busy: " in event.get("stdout", "")]
    assert {event["event"] for event in waited} == {"verbose"}, "lines of their own, while the task goes on"
    (ended,) = [event for event in job.events if event["event"] == "runner_on_ok" and event["event_data"]["task"].startswith("Drain the runners")]
    assert waited[0]["created"] < ended["created"]
    assert job.outcome()["hosts"] == {"gpu1": {"ok": True, "verdict": "quiet", "message": ""}}
    log = site.on("gpu1", f"{KUBECTL} logs deployment/studioml-go-runner-deployment --tail=-1")
    assert log.count("experiment started") == log.count("experiment completed"), "cancelled or not, no experiment was lost"


def test_a_maintenance_with_a_file_of_the_project(awx: Controller, site: Site) -> None:
    before = {"playbook": "drain", "ok": False, "failed": ["gpu9"], "hosts": {"gpu9": {"ok": False, "verdict": "busy", "message": "It is busy."}}}
    answers = {"fleet_maintenance": "tests/integration/doors/maintenance.yml", "fleet_batch": "", "fleet_max_failures": 0, "fleet_force_after": ""}
    job = awx.run("playbooks/maintain.yml", {**answers, "fleet_outcome": before})  # as the next node of a workflow is given it
    assert job.status == "successful", job.output
    assert job.outcome() == {"playbook": "maintain", "ok": True, "failed": [], "hosts": {"gpu1": {"ok": True, "verdict": "running", "message": ""}}}
    assert site.on("gpu1", "cat /root/maintained") == "maintained\n"
    assert read_permission(site) == ".*"


def test_an_alert_and_its_end(awx: Controller, site: Site) -> None:
    """What a rulebook presses, with the alerts as texts."""
    host = {"fleet_alert_host": "gpu1"}
    job = awx.run("playbooks/alert.yml", {**host, "fleet_alert_names": "GpuXid\nGpuEcc"})
    assert job.status == "successful" and "gpu1 is to be drained for GpuXid, GpuEcc; then 1 of at most 1 are drained." in job.words, job.output
    assert read_permission(site).startswith("(?!)")
    job = awx.run("playbooks/recovered.yml", {**host, "fleet_alert_names": "GpuEcc, GpuXid", "fleet_alert_whole": "false", "fleet_sound_timeout": ""})
    assert job.status == "successful" and "which is resolved: it is verified and brought back." in job.words, job.output
    assert read_permission(site) == ".*"


def test_no_secret_is_in_any_event(awx: Controller, site: Site, key: str) -> None:
    administrator = site.variables("gpu1")["sandbox_amqp_administrator_url"].split(":")[2].split("@")[0]
    user = yaml.safe_load(awx.files["K8S_AUTH_KUBECONFIG"])["users"][0]["user"]
    credentials = [value for name, value in user.items() if name.endswith(("key-data", "token"))]
    made = json.loads(site.on("gpu1", f"{KUBECTL} get secrets -o json"))["items"]
    entries = [entry for one in made for entry in one.get("data", {}).items()]
    stored = [base64.b64decode(value).decode() for name, value in entries if re.search("passphrase|private|key.pem", name, re.I)]
    assert stored and credentials
    secrets = [administrator, site.secret("gpu1"), *(value.strip()[-60:] for value in (*credentials, key.splitlines()[2]))]
    secrets += [value.strip() for value in stored if "PUBLIC" not in value]
    streams = sorted(awx.place.glob("*/stream"))
    assert len(streams) > len(ONCE)
    for stream in streams:
        text = stream.read_text(encoding="utf-8", errors="replace")
        assert "PRIVATE KEY" not in text, stream
        for secret in secrets:
            assert secret and secret not in text, stream


def readable(job: Job) -> None:
    """Each result is whole in its event, and no event is cut off."""
    for event in job.events:
        if event["event"] in ("runner_on_ok", "runner_on_failed"):
            assert event["event_data"]["res"], event
            assert not event["event_data"]["res"].get("censored"), event
