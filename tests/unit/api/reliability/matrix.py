# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults that are tried and what is promised of each: the table of docs/reliability.md, and what the tests have seen."""

from __future__ import annotations

QUIET = "drained and resumed as if it had not been"
NAMED = "the target fails with this as its message, the others are done; running again, or a resume, finishes"
NOTHING = "the target fails before anything is written there, the others are done"
KILLED = "the next run finishes; a resume, then or after it, leaves everything exactly as it was before the drain"
MET = "everything is as after the one and then the other, in one of the two orders; who was overtaken fails and says so; running again, or a resume, finishes"

# Met once by every request, of the API server's and of RabbitMQ's.
PASSING = {
    "409, a lost race": QUIET,
    "410 as a watch's first answer": QUIET,
    "410 in a watch": QUIET,
    "429 with Retry-After": QUIET,
    "500": QUIET,
    "502": QUIET,
    "503": QUIET,
    "504": QUIET,
    "connection reset before the request was sent": QUIET,
    "connection reset after the request was sent": QUIET,
    "an answer cut in the middle": QUIET,
    "an answer that is no JSON": QUIET,
    "a slow answer": QUIET,
    "watches ended by the server all the time": QUIET,
}

# 503 without end, and an answer that is lost each time though the server has done what was asked; at one step of the task.
LASTING = {
    **{
        f"a fault that lasts while {step}": NOTHING
        for step in (
            *("the maps are listed", "the cluster's identity is read", "the Deployments are listed"),
            *("the broker's user is asked for", "the permission is read"),
        )
    },
    **{
        f"a fault that lasts while {step}": NAMED
        for step in (
            *("the state is written", "the note is written", "the permission is taken", "the Jobs are listed"),
            *("the pods are watched", "the broker is asked what it waits for", "the Deployment is scaled", "the nodes are listed"),
            *("the Deployment is scaled up", "the permission is given back", "the note is struck out", "Running is written"),
            "the Deployment is looked at again",
        )
    },
}

KILLS = {f"the controller is killed at any request of a {what}": KILLED for what in ("drain", "resume")}

TOGETHER = {
    **{
        f"{what}, at the same moment": MET
        for what in (
            *("two drains of a runner", "a drain and a resume of a runner that works", "a resume and a drain of a drained runner"),
            *("a drain and a resume of a drained runner", "two resumes of a drained runner"),
        )
    },
    **{
        f"{what} is changed, at the same moment": QUIET
        for what in ("a key of the same map", "a node's map that is touched", "the number of replicas")
    },
}

WAITING = {
    f"while it waits, {what}": outcome
    for what, outcome in {
        "the API server is away for some seconds": QUIET,
        "the API server goes for good": NAMED,
        "the API server answers nothing any more": NAMED,
        "the API server's address swallows packets from now on": NAMED,
        "the API server answers 503 from now on": NAMED,
        "the client certificate ends": NAMED,
        "the permissions are withdrawn": NAMED,
        "the metrics may not be read any more": QUIET,
        "RabbitMQ is away for some seconds": QUIET,
        "RabbitMQ goes for good": NAMED,
        "RabbitMQ's address swallows packets from now on": NAMED,
        "a pod is replaced": QUIET,
        "a pod is replaced and the watch has gone silent": QUIET,
        "somebody scales the Deployment": QUIET,
        "the Deployment is deleted": NAMED,
        "the namespace is deleted": NAMED,
        "the API server is restarted": QUIET,
        "RabbitMQ is restarted": QUIET,
    }.items()
}

FROM_THE_START = {
    **{
        what: NOTHING
        for what in (
            *("a dead host: the port is closed", "a dead host: nothing ever answers", "a dead host: its address swallows packets"),
            *("an expired certificate of the server", "a certificate of another address", "a certificate of another authority"),
            *("an expired certificate of ours", "a token that nobody knows"),
            *("the maps may not be listed", "the maps may not be written", "no such namespace", "another cluster than the one that is meant"),
            *("RabbitMQ without its management", "RabbitMQ is down", "RabbitMQ's management: its address swallows packets"),
            *("RabbitMQ's management never answers", "a wrong password of the broker", "no such virtual host"),
            "a broker's user who may not manage",
        )
    },
    "409, another owner of the state": NAMED,
    "another key is written in between": QUIET,
    "half of 50 targets are dead": NOTHING,
}

CORDON = {
    "the answer to a cordon or an eviction is lost": QUIET,
    "a fault that lasts while the node is cordoned": NAMED,
}

TABLES = {
    "There from the beginning": FROM_THE_START,
    "Met once by every request": PASSING,
    "Lasting, at one step": {**LASTING, **CORDON},
    "Beginning while runners are at work": WAITING,
    "The controller is killed": KILLS,
    "Two controllers at once": TOGETHER,
}

observed: dict[str, str] = {}


def table(outcomes: dict[str, str]) -> str:
    lines = [f"| {fault} | {outcome} |" for fault, outcome in outcomes.items()]
    return "\n".join(["| fault | what comes of it |", "|---|---|", *lines])
