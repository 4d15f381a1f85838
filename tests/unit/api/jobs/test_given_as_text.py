# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks with literal C(-e key=value), which is text whatever it looks like, and with the empty answers of a survey. On a real API server."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from plays import play
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.apiserver


def words(*given: str) -> list[str]:
    """Each behind a C(-e) of its own."""
    return [word for one in given for word in ("-e", one)]


def jobs(admin: Api, namespace: str) -> list[dict[str, t.Any]]:
    return admin.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]


@pytest.fixture
def where(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"fleet_kubeconfig": str(kubeconfig), "fleet_namespace": namespace}


def test_submission(admin: Api, namespace: str, where: dict[str, t.Any], kubelet: StandIn) -> None:
    plain = words("submission_volume_claim=", "submission_image=hub:5000/analysis:3", "submission_identifier=7", "submission_cores=")
    both = {**where, "submission_payloads": ["true", "exit 0"]}
    refused = play("submission", both, *plain, *words("submission_wait=false", "submission_max_concurrent=1"), passes=False)
    assert "submission_max_concurrent is 1, less than the 2 payloads" in " ".join(refused.output.split()) and not jobs(admin, namespace)
    play("submission", both, *plain, *words("submission_wait=false", "submission_max_concurrent=20", "submission_retries=0"))
    again = play("submission", both, *plain, *words("submission_wait=true", "submission_max_concurrent=0", "submission_retries=0"))
    assert again.changed == 0 and len(jobs(admin, namespace)) == 2
    text = '{"submission_payloads": "./analyse.sh /ntuples/a.root", "submission_identifier": "8"}'
    play("submission", where, *plain, *words(text))
    args = [job["spec"]["template"]["spec"]["containers"][0]["args"] for job in jobs(admin, namespace)]
    assert ["./analyse.sh /ntuples/a.root"] in args, "a payload with a space, as the playbook's header has it"
    nothing = words("submission_do=cancel", "submission_identifier=", "submission_job=")
    assert "Nothing says what to cancel" in play("submission", where, *nothing, *words("submission_all=false"), passes=False).output
    play("submission", where, *nothing, *words("submission_all=true"))
    assert not jobs(admin, namespace)


def test_experiment_then_its_log_and_its_end(admin: Api, namespace: str, where: dict[str, t.Any], kubelet: StandIn) -> None:
    """The experiment lives in its project's namespace, so this is what is said to find it again."""
    here = {"fleet_kubeconfig": where["fleet_kubeconfig"]}
    plain = words(f"experiment_project={namespace}", "experiment_image=hub:5000/mnist:1", "experiment_storage=none", "experiment_command=train")
    numbers = words("experiment_grid=", "experiment_max_running=0", "experiment_deadline=0", 'experiment_env={"A":"b"}', "experiment_wait=false")
    play("experiment", here, *plain, *numbers, *words("experiment_follow=true"))
    (job,) = jobs(admin, namespace)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {"name": "A", "value": "b"} in container["env"] and "activeDeadlineSeconds" not in job["spec"]
    name, project = job["metadata"]["name"], words(f"fleet_namespace={namespace}")
    log = play("logs", here, *project, *words(f"log_job={name}", "log_selector=", "log_pod=", "log_follow=false", "log_since=", "log_lines="))
    assert f"{name}-" in log.shown("Show what there is until now")
    end = words("job_selector=", "job_foreign=false")
    gone = play("cancel", {**here, "fleet_node_name": "n1"}, *project, *end, *words("fleet_node_name=", f"job_name={name}"))
    assert name in gone.shown("Say what was removed") and not jobs(admin, namespace)
    assert "There is no such Job." in play("cancel", here, *project, *end, *words(f"job_name={name}")).shown("Say what was removed")
    assert "Name one Job or a selector" in play("cancel", here, *project, *end, *words("job_name="), passes=False).output


PODS = ["args", "gpus", "gpu_product", "resources", "env", "secret_env", "files", "claims", "pull_secrets", "pod_security", "command", "shell"]
COMMON = [*PODS, "deadline", "retries", "again", "keep", "place", "copies"]
OF_JOB = ["labels", "queue", "parameters", "max_running", "wait", "wait_timeout", "follow", "log_file"]
OF_BUILD = ["name", "pull_policy", "env_from", "mounts", "run_as_user", "results", "artefacts", "timeout", "schedule_grace"]


def test_job_and_build_with_a_survey_that_nobody_has_filled_in(admin: Api, namespace: str, where: dict[str, t.Any], kubelet: StandIn) -> None:
    play("job", where, *words("job_name=one", "job_image=hub:5000/cuda:12", *(f"job_{key}=" for key in COMMON + OF_JOB)))
    counts = words("job_gpus=1", "job_deadline=0", "job_max_running=0", "job_wait=false", "job_follow=false", "job_retries=2")
    play("job", where, *words("job_name=two", "job_image=hub:5000/cuda:12", "job_shell=true"), *counts)
    one, two = sorted(jobs(admin, namespace), key=lambda job: job["metadata"]["name"])
    assert "activeDeadlineSeconds" not in two["spec"] and (one["spec"]["backoffLimit"], two["spec"]["backoffLimit"]) == (0, 2)
    built = play("build", where, *words("build_image=hub:5000/go:1", *(f"build_{key}=" for key in COMMON + OF_BUILD), "build_gpus=0"))
    assert " is complete" in built.shown("Say how the build ended here")
