# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Today's commands on what gpu_job has made, by the real kubectl, beside the modules that take their place."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import hands
import pytest
from beats import call
from control_plane import find_programs
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job, job_info

pytestmark = pytest.mark.apiserver
Kubectl = t.Callable[..., str]


@pytest.fixture
def kubectl(kubeconfig: pathlib.Path, namespace: str, tmp_path: pathlib.Path) -> Kubectl:
    """kubectl as a person runs it: beside the API server's program, or in the one binary for all of them."""
    server = find_programs()["kube-apiserver"]
    program = server if server.name == "kubernetes" else server.with_name("kubectl")
    if not program.exists():
        pytest.skip("no kubectl beside the API server's program")

    def run(*arguments: str) -> str:
        settings = {**os.environ, "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}
        command = ["kubectl", "-n", namespace, *arguments]
        return subprocess.run(command, executable=program, env=settings, capture_output=True, text=True, timeout=300, check=True).stdout

    return run


def test_list_wait_describe_delete(kubectl: Kubectl, admin: Api, kubelet: StandIn, kubeconfig: pathlib.Path, namespace: str) -> None:
    where = {"kubeconfig": str(kubeconfig), "namespace": namespace}
    labels = {"app": "submission-helper", "identifier": "1700000000"}
    payload = "echo \"it's\"\ntrue"
    for name in ("shj-1", "shj-2"):
        call(gpu_job, **where, name=name, image="hub:5000/a:1", command=["bash", "-cl", payload], labels=labels, secret_env={"T": "geheim"})
    call(gpu_job, **where, name="other", image="hub:5000/a:1", wait=False)

    assert kubectl("get", "jobs", "-l", "app=submission-helper", "-o", "name").split() == ["job.batch/shj-1", "job.batch/shj-2"]
    assert [one["name"] for one in call(job_info, **where, selector="app=submission-helper")["jobs"]] == ["shj-1", "shj-2"]

    header, first, *_more = kubectl("get", "jobs", "-l", "identifier=1700000000").splitlines()
    assert header.split()[:3] == ["NAME", "STATUS", "COMPLETIONS"] and first.split()[:3] == ["shj-1", "Complete", "1/1"]
    assert "condition met" in kubectl("wait", "--for=condition=complete", "job/shj-1", "--timeout=180s")
    assert len(kubectl("get", "pods", "-l", "job-name=shj-1", "-o", "name").split()) == 1

    hands.await_event(admin, namespace, "shj-1", "SuccessfulCreate")
    described = kubectl("describe", "job", "shj-1")
    assert "1 Succeeded / 0 Failed" in described and "SuccessfulCreate" in described and "geheim" not in described
    ours = call(job_info, **where, name="shj-1", gather=["pods", "events"])["jobs"][0]
    assert ours["succeeded"] == 1 and "SuccessfulCreate" in [event["reason"] for event in ours["events"]] and "geheim" not in json.dumps(ours)

    kubectl("delete", "job", "shj-2", "--wait=true")
    assert call(gpu_job, **where, selector="app=submission-helper", state="absent")["removed_jobs"] == ["shj-1"]
    assert kubectl("get", "jobs", "-o", "name").split() == ["job.batch/other"]


def test_a_job_by_kubectl_is_known_as_foreign(kubectl: Kubectl, kubelet: StandIn, kubeconfig: pathlib.Path, namespace: str) -> None:
    where = {"kubeconfig": str(kubeconfig), "namespace": namespace}
    kubectl("create", "job", "theirs", "--image=hub:5000/a:1", "--", "true")
    kubectl("wait", "--for=condition=complete", "job/theirs", "--timeout=180s")
    assert call(job_info, **where)["jobs"] == [], "only what this collection has made, unless a selector says more"
    assert call(job_info, **where, selector="")["jobs"][0]["state"] == "complete"
    assert "left alone" in call(gpu_job, **where, name="theirs", state="absent")["warnings"][0]
    with pytest.raises(FleetError, match="Job theirs .* was not made by this collection"):
        call(gpu_job, **where, name="theirs", image="hub:5000/a:1")
