# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpu_job on real kubelets and containerds: what a container really gets, how Jobs end, grids, and where there are free GPUs (stand-ins, by name)."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest
from job_runs import fails, jobs, module, play, pods

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.sandbox


@pytest.fixture
def given(kubeconfig: str, namespace: str, image: str) -> dict[str, t.Any]:
    return {"kubeconfig": kubeconfig, "namespace": namespace, "image": image, "command": ["sh", "-c"], "wait_timeout": 300}


def test_a_container_gets_what_was_asked_for(api: Api, namespace: str, given: dict[str, t.Any]) -> None:
    """In a namespace that enforces restricted pods."""
    enforce = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    api.request("PATCH", f"/api/v1/namespaces/{namespace}", body=enforce, content_type="application/merge-patch+json")
    script = 'id -u; pwd; sh /etc/job/run.sh "$0" "$SAID"; echo "secret of ${#TOKEN}"; df /dev/shm | tail -1 | cut -d" " -f1; touch /scratch/x && echo writable'
    said = "it's \"quoted\" $HOME\nand `goes` on"
    result = module(
        "gpu_job",
        **{**given, "command": ["sh", "-c", script, said]},
        name="one",
        env={"SAID": said},
        secret_env={"TOKEN": "geheim-123"},
        files={"/etc/job/run.sh": 'test "$1" = "$2" && echo same\n'},
        working_dir="/scratch",
        mounts=[{"path": "/scratch"}, {"path": "/dev/shm", "memory": True, "empty_dir": "16Mi"}],
        resources={"limits": {"memory": "64Mi", "cpu": "500m"}},
        gpus=1,
    )
    assert result.get("job", {}).get("state") == "complete", result
    assert result["log"] == ["65532", "/scratch", "same", "secret of 10", "tmpfs", "writable"] and result["job"]["exit_code"] == 0


def test_how_jobs_end(api: Api, namespace: str, given: dict[str, t.Any]) -> None:
    late = fails("gpu_job", **given, args=["sleep 60"], name="late", deadline=2, termination_grace=0)
    assert "DeadlineExceeded" in late["msg"] and late["job"]["reason"] == "DeadlineExceeded"
    failed = fails("gpu_job", **given, args=["echo first; echo last; exit 3"], name="three", log_lines=1)
    assert failed["job"]["failed"] == 1 and failed["job"]["exit_code"] == 3 and failed["log"] == ["last"]
    gone = module("gpu_job", **given, args=["exit 0"], name="gone", keep="on_failure", files={"/a": "b"}, pod_security="none")
    assert gone["removed"] and jobs(api, namespace) == ["late", "three"]
    described = module("job_info", kubeconfig=given["kubeconfig"], namespace=namespace, name="three", gather=["pods", "events", "log"])["jobs"][0]
    assert [pod["exit_code"] for pod in described["pods"]] == [3] and described["log"] == ["first", "last"]
    assert "BackoffLimitExceeded" in [event["reason"] for event in described["events"]]
    removed = module("gpu_job", kubeconfig=given["kubeconfig"], namespace=namespace, state="absent", selector="fleet.studioml.ai/job")
    assert removed["removed_jobs"] == ["late", "three"] and not jobs(api, namespace)


def test_a_grid(api: Api, namespace: str, given: dict[str, t.Any]) -> None:
    arguments = {**given, "command": ["sh", "-c", "exit $CODE"], "name": "grid", "gpus": 1, "max_running": 2, "termination_grace": 0}
    parameters = [{"name": name, "env": {"CODE": code}} for name, code in (("good 1", 0), ("bad", 1), ("good 2", 0))]
    result = fails("gpu_job", **arguments, parameters=parameters)
    assert result["counts"]["complete"] == 2 and "1 of 3 Jobs of grid grid have not succeeded: grid-bad (BackoffLimitExceeded)" in result["msg"]
    assert not fails("gpu_job", **arguments, parameters=parameters)["changed"]
    assert jobs(api, namespace) == ["grid-bad", "grid-good-1", "grid-good-2"]


def hold(api: Api, kubeconfig: str, base: dict[str, t.Any]) -> None:
    """A Job that has both GPUs of a node."""
    module("gpu_job", kubeconfig=kubeconfig, **base, name="holds")
    deadline = time.monotonic() + 240
    while not any(pod["spec"].get("nodeName") for pod in pods(api, base["namespace"], "job-name=holds")):
        assert time.monotonic() < deadline, "it has no node"
        time.sleep(0.1)


def test_where_gpus_are_free(inventory: pathlib.Path, apis: dict[str, Api], namespace: str, kubeconfigs: dict[str, str], given: dict[str, t.Any]) -> None:
    """Each host has two; the playbook finds the other one, and says so when there is none."""
    base = {"namespace": namespace, "image": given["image"], "command": ["sh", "-c", "sleep 1000"], "gpus": 2, "wait": False, "termination_grace": 0}
    hold(apis["gpu1"], kubeconfigs["gpu1"], base)
    said = {"job_name": "free", "job_image": given["image"], "job_place": "free", "job_gpus": 1}
    done = play(inventory, "job.yml", "-v", **said, job_shell="echo here")
    assert done.returncode == 0 and "gpu2: here" in done.stdout, done.stdout
    assert "Not chosen: nvidia.com/gpu: 0 of 2 free" in done.stdout and jobs(apis["gpu2"], namespace) == ["free"]
    hold(apis["gpu2"], kubeconfigs["gpu2"], base)
    full = play(inventory, "job.yml", **{**said, "job_name": "full"}, job_shell="true")
    assert full.returncode and "place: free found room at 0 of 1 targets" in full.stdout and "Nothing was made" in full.stdout
    cancelled = play(inventory, "cancel.yml", job_selector="fleet.studioml.ai/job")
    assert cancelled.returncode == 0 and not jobs(apis["gpu1"], namespace) + jobs(apis["gpu2"], namespace)
