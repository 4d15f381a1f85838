# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logs of real containers: read, followed, brought as files; over an API server that restarts and tokens that are no longer good."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import threading
import time
import typing as t

import pytest
from access import token, user, write_kubeconfig
from job_runs import CLONE, fails, make_job, module, play, pods
from module_runs import Hosts

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import to_end
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.sandbox

COUNT = 'i=0; while test $i -lt {count}; do echo line $i; i=$((i+1)); sleep {pause}; done'
MOST_MEGABYTES = 15
# The least that following a Job takes.
FOLLOWING = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
READER = """
import resource, sys, time
sys.path.insert(0, "tests")
import conftest
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import PodLog
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
lines, peaks = 0, []
def sink(line):
    global lines
    lines += 1
    if lines % 20000 == 0:
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
why = PodLog(Api(load(sys.argv[1])), sys.argv[2], sys.argv[3], "main").follow(sink, time.monotonic() + 600)
print(why, lines, peaks[0], peaks[-1])
"""


def numbers(lines: t.Iterable[str]) -> list[int]:
    return [int(line.rpartition(" ")[2]) for line in lines if "line " in line]


def test_a_token_that_is_no_longer_good(hosts: Hosts, api: Api, kubeconfig: str, namespace: str, image: str, tmp_path: pathlib.Path) -> None:
    """Two who follow, with a token each, when the API server restarts; one of them has got a new token by then, the other has not."""
    user(api, namespace, "follower", FOLLOWING)
    gate = f"/var/gate-{namespace}"  # the second half comes when the API server has been restarted, however long that takes
    hosts.on("gpu1", f"mkdir {gate}")
    halves = [COUNT.format(count=40, pause="0.05"), "until test -e /gate/open; do sleep 0.2; done", COUNT.format(count=240, pause="0.05").partition(" ")[2]]
    pod = {"volumes": [{"name": "gate", "hostPath": {"path": gate}}]}
    make_job(api, namespace, "long", "; ".join(halves), image, pod, volumeMounts=[{"name": "gate", "mountPath": "/gate"}])
    said: dict[str, list[str]] = {"renewed": [], "expired": []}
    ends: dict[str, t.Any] = {}
    files = {name: tmp_path / f"{name}.yaml" for name in said}
    for name, file in files.items():
        write_kubeconfig(file, kubeconfig, token(api, namespace, "follower", name))

    def follow(name: str) -> None:
        try:
            ends[name] = to_end(Api(load(str(files[name]))), namespace, "long", timeout=600, follow=True, report=said[name].append)
        except FleetError as error:
            ends[name] = error

    threads = [threading.Thread(target=follow, args=(name,)) for name in said]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(numbers(text.split("\n")[-1] for text in lines) for lines in said.values()))
    for name in said:
        api.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    write_kubeconfig(files["renewed"], kubeconfig, token(api, namespace, "follower", "another"))
    hosts.on("gpu1", f"snap restart microk8s.daemon-kubelite; touch {gate}/open")
    for thread in threads:
        thread.join(600)
    hosts.on("gpu1", f"rm -r {gate}")
    assert ends["renewed"]["state"]["state"] == "complete"
    assert numbers("\n".join(said["renewed"]).splitlines()) == list(range(240))
    message = ends["expired"].text()
    assert "Job long in namespace" in message and "goes on there" in message and "401" in message and "does not know the token" in message
    assert "job_log" in message


def test_a_log_of_20_megabytes_takes_no_memory(api: Api, kubeconfig: str, namespace: str, image: str) -> None:
    line = "x" * 99
    make_job(api, namespace, "much", f"yes {line} | head -n 200000; head -c 3000000 /dev/zero | tr '\\0' y; echo; echo the end", image)
    wait_for(lambda: any(pod["status"]["phase"] != "Pending" for pod in pods(api, namespace)))
    pod = pods(api, namespace)[0]["metadata"]["name"]
    done = subprocess.run([sys.executable, "-c", READER, kubeconfig, namespace, pod], cwd=CLONE, capture_output=True, text=True, timeout=700, check=True)
    why, lines, first, last = done.stdout.split()
    assert (why, int(lines)) == ("ended", 200002)
    assert int(last) - int(first) < MOST_MEGABYTES


def test_logs_as_kubectl_gives_them(hosts: Hosts, api: Api, kubeconfig: str, namespace: str, image: str, tmp_path: pathlib.Path) -> None:
    make_job(api, namespace, "short", f"{COUNT.format(count=30, pause=0)}; printf 'without an end'", image)
    where = {"kubeconfig": kubeconfig, "namespace": namespace}
    dest = tmp_path / "short.log"
    followed = hosts.passes("gpu1", "job_log", name="short", follow=True, dest=str(dest), **where)
    assert followed["changed"] and followed["job"]["state"] == "complete"
    assert dest.read_text() == hosts.on("gpu1", f"microk8s kubectl logs -n {namespace} job/short") + "\n"
    assert (dest.stat().st_mode & 0o777) == 0o600
    assert not module("job_log", name="short", dest=str(dest), **where)["changed"]
    read = module("job_log", selector="job-name=short", lines=3, **where)
    assert read["logs"][0]["lines"] == ["line 28", "line 29", "without an end"] and not read["changed"]
    pod = read["logs"][0]["pod"]
    assert module("job_log", True, pod=pod, lines=1, dest=str(tmp_path / "other"), **where)["changed"]
    assert not (tmp_path / "other").exists()
    assert "is not in namespace" in fails("job_log", name="nowhere", **where)["msg"]
    assert "since: 'yesterday'" in fails("job_log", name="short", since="yesterday", **where)["msg"]


def test_the_playbook_follows_to_the_end(inventory: pathlib.Path, api: Api, namespace: str, image: str, tmp_path: pathlib.Path) -> None:
    make_job(api, namespace, "short", COUNT.format(count=20, pause="0.1"), image)
    done = play(inventory, "logs.yml", "-l", "gpu1", log_job="short", log_dest=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert numbers(line for line in done.stdout.splitlines() if line.startswith("gpu1: short: ")) == list(range(20))
    assert numbers((tmp_path / "gpu1.log").read_text().splitlines()) == list(range(20))


def wait_for(condition: t.Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
