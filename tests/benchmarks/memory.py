# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(i) Memory while a log of 200 MB is followed: as much at its end as near its beginning. The kubelet is a stand-in that writes it; the API server is real."""

from __future__ import annotations

import socket
import subprocess
import time

import hands
from faults import FaultServer
from table import Row
from world import CLONE, INTERPRETER, World

MEGABYTES, FIRST = 200, 10
LINE = "2026-01-20T10:00:00.{:09}Z " + "a line of a long log that somebody follows from far away " * 3 + "\n"
NODE, POD = "log-node", "talkative"
# In a process of its own, whose greatest size is that of the following alone. As build_workload does it: terminal, file, tests, last lines.
READER = """
import resource, sys, time
sys.path.insert(0, "tests")
import conftest
from ansible_collections.studioml.fleet.plugins.module_utils._go_test import GoTest
from ansible_collections.studioml.fleet.plugins.module_utils._job_lines import JobLines
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import PodLog
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
place, tests, told, sizes = JobLines("x", lambda line: None, True, sys.argv[3], 20).of(sys.argv[2]), GoTest(), 0, []
def sink(line):
    global told
    tests.feed(place.sink(line))
    told += len(line)
    if told // 1000000 >= int(sys.argv[4]) and not sizes:
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
PodLog(Api(load(sys.argv[1])), "default", sys.argv[2], "job").follow(sink, time.monotonic() + 600, place.flush)
print(told // 1000000, sizes[0] // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def measure(world: World, rounds: int) -> list[Row]:
    """Once: it is no matter of chance."""
    del rounds
    admin = world.admin
    admin.request("POST", "/api/v1/namespaces/default/serviceaccounts", body={"metadata": {"name": "default"}})
    kubelet = FaultServer(world.directory)
    kubelet.behaviours = [write]
    hands.node(admin, NODE, kubelet)
    spec = {"automountServiceAccountToken": False, "containers": [{"name": "job", "image": "hub:5000/busybox:1"}]}
    admin.request("POST", "/api/v1/namespaces/default/pods", body={"metadata": {"name": POD}, "spec": spec})
    hands.bind(admin, "default", POD, NODE)
    ended = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    container = {"name": "job", "ready": False, "restartCount": 0, "image": "", "imageID": "", "containerID": "x://1", "state": ended}
    hands.report(admin, "default", POD, {"phase": "Succeeded", "containerStatuses": [container]})
    begun = time.monotonic()
    command = [INTERPRETER, "-c", READER, world.path("admin"), POD, world.directory / "big.log", str(FIRST)]
    told, first, last = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, timeout=900, check=True).stdout.split()
    kubelet.stop()
    what = f"(i) memory after {told} MB of a log, which took {time.monotonic() - begun:.0f} s"
    return [Row(what, f"after {FIRST} MB", float(last), float(first), 1.1, unit="MiB")]


def write(connection: socket.socket) -> bool:
    """All of it, in blocks of about 64 KiB. (Asked again from its last second on, it says the same: what is known already is not told twice.)"""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    size = len(LINE.format(0)) - 31
    for start in range(0, MEGABYTES * 1_000_000 // size, 320):
        block = "".join(LINE.format(number) for number in range(start, start + 320)).encode()
        connection.sendall(b"%x\r\n%s\r\n" % (len(block), block))
    connection.sendall(b"0\r\n\r\n")
    return False
