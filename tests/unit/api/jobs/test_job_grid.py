# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A grid of Jobs on the real API server and job controller, on simulated nodes: the limit holds, and no kill of the controller loses or doubles a Job."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest
from beats import Beats, call
from control_plane import ControlPlane
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job

pytestmark = pytest.mark.apiserver
CLONE = pathlib.Path(__file__).resolve().parents[4]
JOBS, AT_A_TIME = 200, 20
# How many Jobs have been made when the controller is killed.
KILLS = (30, 90, 150)


def jobs(admin: Api, namespace: str) -> list[dict[str, t.Any]]:
    listed = admin.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs", {"labelSelector": "fleet.studioml.ai/grid=one", "resourceVersion": "0"})
    return listed.get("items") or []


def test_four_beats(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    parameters = [{"args": ["a"]}, {"name": "Lr 0.1", "env": {"A": 1}, "files": {"/f": "x"}}]
    beats = Beats(control_plane, gpu_job, **given, parameters=parameters)
    assert beats.counts() == [5, 6, 1, 1], "one LIST; a Job is one request, with a ConfigMap four"
    assert [one["name"] for one in beats.results[1]["jobs"]] == ["one-0", "one-lr-0-1"]
    assert beats.results[1]["counts"]["total"] == 2


def test_one_that_differs_is_refused_before_anything_is_made(given: dict[str, t.Any], admin: Api, namespace: str) -> None:
    call(gpu_job, **given, parameters=[{"args": ["a"]}])
    with pytest.raises(FleetError, match="Job one-0 .* differs in pod.containers.job.args"):
        call(gpu_job, **given, parameters=[{"args": ["b"]}, {"args": ["c"]}])
    assert [job["metadata"]["name"] for job in jobs(admin, namespace)] == ["one-0"]


def test_failures_and_replacement(kubelet: StandIn, given: dict[str, t.Any], admin: Api, namespace: str) -> None:
    kubelet.plan = lambda pod: 1 if pod["spec"]["containers"][0]["args"] == ["2"] else 0
    arguments: dict[str, t.Any] = {**given, "wait": True, "parameters": [{"args": [str(number)]} for number in range(4)], "max_running": 2}
    with pytest.raises(FleetError, match=r"1 of 4 Jobs of grid one have not succeeded: one-2 \(BackoffLimitExceeded\)") as failed:
        call(gpu_job, **arguments)
    assert failed.value.details["counts"]["complete"] == 3 and kubelet.most <= 2
    before = {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs(admin, namespace)}
    kubelet.plan = lambda _pod: 0
    assert call(gpu_job, **arguments, again="replace")["counts"]["complete"] == 4
    after = {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs(admin, namespace)}
    assert [name for name in after if after[name] != before[name]] == ["one-2"], "only what had failed ran again"


def test_replacement_of_more_than_may_run_at_a_time(kubelet: StandIn, given: dict[str, t.Any], admin: Api, namespace: str) -> None:
    """What the watch still has to say of the Jobs that were replaced is no news of those that have to wait for their turn."""
    kubelet.plan = lambda pod: 0 if pod["spec"]["containers"][0]["args"] == ["0"] else 1
    arguments: dict[str, t.Any] = {**given, "wait": True, "parameters": [{"args": [str(number)]} for number in range(4)]}
    with pytest.raises(FleetError, match="3 of 4 Jobs of grid one have not succeeded"):
        call(gpu_job, **arguments)
    before = {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs(admin, namespace)}
    kubelet.plan = lambda _pod: 0
    assert call(gpu_job, **arguments, again="replace", max_running=1, wait_timeout=240)["counts"]["complete"] == 4
    after = {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs(admin, namespace)}
    assert sorted(name for name in before if after[name] != before[name]) == ["one-1", "one-2", "one-3"]


def test_a_namespace_that_is_not_there(control_plane: ControlPlane, given: dict[str, t.Any], namespace: str) -> None:
    new = {"namespace": f"{namespace}-new", "create_namespace": True}
    beats = Beats(control_plane, gpu_job, **{**given, **new}, parameters=[{"args": ["a"]}, {"files": {"/f": "x"}}])
    assert [one["kind"] for one in beats.results[1]["objects"]] == ["Namespace", "Job", "Job", "ConfigMap"]
    assert beats.results[0]["objects"] == beats.results[1]["objects"]


def test_one_whose_jobs_cannot_begin_says_why_and_leaves_nothing(kubelet: StandIn, given: dict[str, t.Any], admin: Api, namespace: str) -> None:
    kubelet.plan = lambda _pod: "ImagePullBackOff"
    arguments: dict[str, t.Any] = {**given, "wait": True, "parameters": [{}, {}, {}], "max_running": 2, "image_pull_grace": 1, "schedule_grace": 1}
    with pytest.raises(FleetError, match=r"Grid one does not go on \(of 3 Jobs .*2 removed\). Job one-0 .* cannot begin: .*ImagePullBackOff") as failed:
        call(gpu_job, **arguments)
    assert failed.value.details["cause"]["reason"] == "ImagePullBackOff" and not jobs(admin, namespace)


def start(given: dict[str, t.Any], directory: pathlib.Path) -> subprocess.Popen[bytes]:
    """The task as a process of its own, such as a controller that can be killed."""
    parameters = [{"args": [str(number)]} for number in range(JOBS)]
    path = directory / "task.json"
    path.write_text(json.dumps({**given, "wait": True, "parameters": parameters, "max_running": AT_A_TIME}))
    program = (
        "import json, sys\n"
        "from beats import call\n"
        "from ansible_collections.studioml.fleet.plugins.modules import gpu_job\n"
        "print(json.dumps(call(gpu_job, **json.load(open(sys.argv[1])))['counts']))\n"
    )
    paths = [str(CLONE / ".build" / "collections"), str(pathlib.Path(__file__).parents[1])]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen([sys.executable, "-c", program, path], env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_killed_three_times(
    control_plane: ControlPlane, kubelet: StandIn, given: dict[str, t.Any], admin: Api, namespace: str, tmp_path: pathlib.Path
) -> None:
    mark, uids = control_plane.mark(), {}
    for moment in KILLS:
        task = start(given, tmp_path)
        while len(jobs(admin, namespace)) < moment:
            assert task.poll() is None, task.communicate()
            time.sleep(0.05)
        task.send_signal(signal.SIGKILL)
        task.communicate()
        uids.update({job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs(admin, namespace)})
    task = start(given, tmp_path)
    output, errors = task.communicate(timeout=1200)
    assert task.returncode == 0, errors.decode()
    counts = json.loads(output)
    assert counts["complete"] == counts["total"] == JOBS and not counts["lost"]
    found = {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs(admin, namespace)}
    assert len(found) == JOBS and uids.items() <= found.items(), "none was lost, none was made twice"
    assert sorted(kubelet.seen.values()) == sorted(found), "and each ran once: one pod for each of them"
    assert kubelet.most <= AT_A_TIME
    asked = control_plane.requests(mark)
    writes = [request for request in asked if request["verb"] == "create"]
    lists = [request for request in asked if request["verb"] == "list"]
    # a request that the kill has cut off is asked again
    assert JOBS <= len(writes) <= JOBS + 3 * AT_A_TIME and len(lists) == len(KILLS) + 1
