# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(g) 200 Jobs made by one task, and by kubernetes.core.k8s; what their status costs. (h) From a Job's end to its result, from a log's line to the terminal.

The kubelet of (h) is a stand-in that writes the lines; API server, watches and streams are real.
"""

from __future__ import annotations

import socket
import statistics
import threading
import time
import typing as t

import hands
from faults import FaultServer
from table import Row
from world import World

from ansible_collections.studioml.fleet.plugins.module_utils import _job_wait
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

JOBS = 200
LOOPS = (2, 12)
IMAGE = "hub:5000/busybox:1"
# kubernetes.core looks again after so many seconds unless it is told otherwise.
POLL = 5.0
BAR, LINES = 0.5, 20
BATCH = "/apis/batch/v1/namespaces"


def manifest(name: str, namespace: str) -> dict[str, t.Any]:
    container = {"name": "job", "image": IMAGE, "command": ["true"]}
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def measure(world: World, rounds: int) -> list[Row]:
    ours, theirs, loop = (_namespaces(world, kind, rounds) for kind in ("ours", "theirs", "loop"))
    kubeconfig, inventory = world.path("admin"), world.inventory(1)
    grid = {"image": IMAGE, "command": ["true"], "parameters": [{} for _job in range(JOBS)], "wait": False, "pod_security": "none"}
    took: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        task = {"studioml.fleet.gpu_job": {"kubeconfig": kubeconfig, "namespace": ours[number], "name": "many", **grid}}
        took["ours"].append(world.ansible(inventory, world.play(f"jobs-{number}", "localhost", task)))
        definition = [manifest(f"many-{job}", theirs[number]) for job in range(JOBS)]
        task = {"kubernetes.core.k8s": {"kubeconfig": kubeconfig, "definition": definition}}
        took["theirs"].append(world.ansible(inventory, world.play(f"k8s-{number}", "localhost", task)))
    looped = [world.ansible(inventory, world.play(f"k8s-loop-{count}", "localhost", _loop(kubeconfig, loop[0], count))) for count in LOOPS]
    mine, other = statistics.median(took["ours"]), statistics.median(took["theirs"])
    rows = [
        Row(f"(g) {JOBS} Jobs, one task", "kubernetes.core.k8s, one task with all manifests", mine, other, 1 / 3),
        # a loop takes as long for each of its Jobs: a few of them tell what all would take
        Row(f"(g) {JOBS} Jobs, one task", f"kubernetes.core.k8s in a loop, by {LOOPS[1] - LOOPS[0]} Jobs", mine, _whole(looped), 1 / 30),
    ]
    world.asked(world.plane.mark())
    mark = world.plane.mark()
    info = {"studioml.fleet.job_info": {"kubeconfig": kubeconfig, "namespace": ours[0]}}
    world.ansible(inventory, world.play("job-info", "localhost", info))
    rows.append(Row(f"(g) requests, status of {JOBS} Jobs", "bar", world.asked(mark), 1, 1, unit=""))
    ends, lines = _latencies(world, max(3, rounds))
    rows.append(Row(f"(h) end of a Job to its result, worst of {len(ends)}", f"{POLL:g} s poll of kubernetes.core", max(ends), POLL, BAR / POLL))
    rows.append(Row(f"(h) a line of a log to the terminal, worst of {len(lines)}", "bar", max(lines), BAR, 1))
    return rows


def _loop(kubeconfig: str, namespace: str, count: int) -> dict[str, t.Any]:
    each = {"kubernetes.core.k8s": {"kubeconfig": kubeconfig, "definition": manifest(f"many-{count}-{{{{ item }}}}", namespace)}}
    return {**each, "loop": list(range(count)), "loop_control": {"label": "{{ item }}"}}


def _whole(looped: list[float]) -> float:
    """What a loop over all Jobs takes, by two that are shorter."""
    one = (looped[1] - looped[0]) / (LOOPS[1] - LOOPS[0])
    return looped[0] + one * (JOBS - LOOPS[0])


def _namespaces(world: World, kind: str, count: int) -> list[str]:
    names = [f"jobs-{kind}-{number}" for number in range(count)]
    for name in names:
        world.admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    return names


def _latencies(world: World, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds from the end of a Job to its result, and of each log line to whoever shows it."""
    namespace, admin = "jobs-followed", world.admin
    admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
    admin.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body={"metadata": {"name": "default"}})
    kubelet = FaultServer(world.directory)
    hands.node(admin, "jobs-node", kubelet)
    ends, lines = [], []
    for number in range(rounds):
        followed = _Followed(world, namespace, f"job-{number}")
        kubelet.behaviours = [followed.write]
        end, seen = followed.measure()
        ends.append(end)
        lines += seen
    kubelet.stop()
    return ends, lines


class _Followed:
    """One Job whose kubelet writes lines that say when they were written, and whose end is set by hand."""

    def __init__(self, world: World, namespace: str, name: str) -> None:
        self.admin, self.namespace, self.name = world.admin, namespace, name
        self.api = Api(load(world.path("admin")))
        self.written = threading.Event()
        self.seen: list[float] = []
        self.returned = 0.0

    def write(self, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(LINES if not self.written.is_set() else 0):
            stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}.{number:09}Z"
            line = f"{stamp} written {time.perf_counter()}\n".encode()
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            time.sleep(0.05)
        connection.sendall(b"0\r\n\r\n")
        self.written.set()
        return False

    def hear(self, line: str) -> None:
        before, found, when = line.rpartition("written ")
        if found and before is not None:
            self.seen.append(time.perf_counter() - float(when))

    def follow(self) -> None:
        _job_wait.to_end(self.api, self.namespace, self.name, timeout=60, report=self.hear, follow=True)
        self.returned = time.perf_counter()

    def measure(self) -> tuple[float, list[float]]:
        job = self.admin.request("POST", f"{BATCH}/{self.namespace}/jobs", body=manifest(self.name, self.namespace))
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": self.name, "uid": job["metadata"]["uid"], "controller": True}
        pod = {"metadata": {"name": f"{self.name}-pod", "labels": {"job-name": self.name}, "ownerReferences": [owner]}}
        pod["spec"] = {"automountServiceAccountToken": False, "containers": [{"name": "job", "image": IMAGE}]}
        self.admin.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", body=pod)
        hands.bind(self.admin, self.namespace, f"{self.name}-pod", "jobs-node")
        self._pod("Running", {"running": {"startedAt": _now()}})
        thread = threading.Thread(target=self.follow)
        thread.start()
        self.written.wait(60)
        self._pod("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _now(), "finishedAt": _now()}})
        conditions = [{"type": kind, "status": "True", "lastTransitionTime": _now()} for kind in ("SuccessCriteriaMet", "Complete")]
        status = {"startTime": _now(), "completionTime": _now(), "succeeded": 1, "conditions": conditions}
        path = f"{BATCH}/{self.namespace}/jobs/{self.name}/status"
        self.admin.request("PATCH", path, body={"status": status}, content_type=hands.MERGE)
        ended = time.perf_counter()
        thread.join(60)
        self.api.close()
        return max(0.0, self.returned - ended), self.seen

    def _pod(self, phase: str, state: dict[str, t.Any]) -> None:
        container = {"name": "job", "ready": phase == "Running", "restartCount": 0, "image": IMAGE, "imageID": "", "containerID": "x://1", "state": state}
        hands.report(self.admin, self.namespace, f"{self.name}-pod", {"phase": phase, "startTime": _now(), "containerStatuses": [container]})


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
