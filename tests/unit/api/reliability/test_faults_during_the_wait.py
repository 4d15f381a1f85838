# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that begin while runners are at work and their quiet is awaited: never called quiet before they are, and awaited on where the fault passes."""

from __future__ import annotations

import time
import typing as t

import hands
import injected
import matrix
import pytest
from fault_proxy import Fault, Rule
from place import SHORT, Place, Result, Site, drain, resume, until
from rabbitmq import RabbitMQ

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]
# How long what comes back is away, and how long those are waited for that never get quiet.
AWAY, WAIT = 2.0, 30


class During(t.NamedTuple):
    """What happens to a place, what ends it (if anything does), and the words of the error (none: the wait goes on and finds it quiet)."""

    begin: t.Callable[[Place], t.Any]
    end: t.Callable[[Place], t.Any] | None
    words: str = ""
    verdict: str = "quiet"


def everything(fault: Fault, match: str = "") -> t.Callable[[Place], None]:
    def begin(place: Place) -> None:
        place.api.rules = [Rule(fault, match)]
        place.api.down()
        place.api.up()

    return begin


def replace_a_pod(place: Place) -> None:
    pod = hands.pods(place.site.admin, place.namespace)[0]["metadata"]["name"]
    place.site.admin.request("DELETE", f"/api/v1/namespaces/{place.namespace}/pods/{pod}")


def replace_unheard(place: Place) -> None:
    everything(injected.mute, "^WATCH .*/pods")(place)
    until("the watch is silent", lambda: any(one.watch for one in place.api.requests[-20:]))
    replace_a_pod(place)


def delete_the_namespace(place: Place) -> None:
    place.site.admin.request("DELETE", f"/api/v1/namespaces/{place.namespace}")


def take_the_deployment(place: Place) -> None:
    place.site.admin.request("DELETE", f"/apis/apps/v1/namespaces/{place.namespace}/deployments/studioml-go-runner", body={"propagationPolicy": "Foreground"})


def scale_by_hand(place: Place) -> None:
    body = {"spec": {"replicas": 3}}
    place.site.admin.request("PATCH", f"/apis/apps/v1/namespaces/{place.namespace}/deployments/studioml-go-runner", body=body, content_type=hands.MERGE)
    place.before["replicas"] = 3


UNREACHABLE = "The API server cannot be reached any more, so nobody knows whether the runner is quiet."
CASES = {
    "the API server is away for some seconds": During(lambda place: place.api.down(), lambda place: place.api.up()),
    "the API server goes for good": During(lambda place: place.api.down(), None, f"{UNREACHABLE} ", "unreachable"),
    "the API server answers nothing any more": During(everything(injected.silence), None, UNREACHABLE, "unreachable"),
    "the API server's address swallows packets from now on": During(lambda place: place.api.swallow(), None, UNREACHABLE, "unreachable"),
    "the API server answers 503 from now on": During(everything(injected.status(503)), None, "was answered with 503", "unreachable"),
    "the client certificate ends": During(everything(injected.status(401)), None, "was answered with 401", "asked"),
    "the permissions are withdrawn": During(everything(injected.as_a_stranger), None, 'User "stranger" cannot', "asked"),
    "the metrics may not be read any more": During(everything(injected.as_a_stranger, "/proxy/metrics"), lambda place: place.heal()),
    "RabbitMQ is away for some seconds": During(lambda place: place.broker.down(), lambda place: place.broker.up()),
    "RabbitMQ goes for good": During(lambda place: place.broker.down(), None, "connection refused, while RabbitMQ itself answers", "asked"),
    "RabbitMQ's address swallows packets from now on": During(lambda place: place.broker.swallow(), None, "no answer in time", "asked"),
    "a pod is replaced": During(replace_a_pod, None, "", "quiet"),
    "a pod is replaced and the watch has gone silent": During(replace_unheard, lambda place: place.heal()),
    "somebody scales the Deployment": During(scale_by_hand, None, "", "quiet"),
    "the Deployment is deleted": During(take_the_deployment, None, "was deleted while its quiet was awaited", "asked"),
    "the namespace is deleted": During(delete_the_namespace, None, "was deleted while its quiet was awaited", "asked"),
}
AWAY_AT_THE_BROKER = [name for name in CASES if name.startswith("RabbitMQ")]
GONE = ("the Deployment is deleted", "the namespace is deleted")


class Seen(t.NamedTuple):
    place: Place
    told: list[str]
    entry: Result
    resumed: Result | None
    after: Result | None


@pytest.fixture(scope="module")
def waits(site: Site, unhurried: None) -> dict[str, Seen]:
    places = {name: site.place(name) for name in CASES}
    everyone = list(places.values())
    site.ready(everyone)
    messages = []
    for place in everyone:
        place.works(1)
    for name in (*AWAY_AT_THE_BROKER, "the metrics may not be read any more", *GONE):
        messages.append(places[name].holds_a_message())
    lasting = {name: place for name, place in places.items() if CASES[name].words}
    passing = {name: place for name, place in places.items() if name not in lasting}
    tasks = {**dict.fromkeys(lasting, drain(site, [*lasting.values()], wait_timeout=WAIT, **SHORT)), **dict.fromkeys(passing, drain(site, [*passing.values()]))}
    for name, task in tasks.items():
        task.until_busy([name])
    for name, during in sorted(CASES.items(), key=lambda case: case[1].end is not None):  # what comes back is away for no longer than it must
        during.begin(places[name])
    for name in AWAY_AT_THE_BROKER:
        places[name].works(0)  # only the broker knows that it is at work
    time.sleep(AWAY)
    for name, during in CASES.items():
        if during.end:
            during.end(places[name])
    time.sleep(AWAY / 2)
    told = {name: task.said(name) for name, task in tasks.items()}
    for client in messages:
        client.drop()
    for place in everyone:
        place.works(0)
    entries = {name: task.done()[name] for name, task in tasks.items()}
    alive = [place for place in everyone if place.name not in GONE]
    for place in alive:
        place.heal()
    resumed = resume(site, alive).done()
    return {name: Seen(place, told[name], entries[name], resumed.get(name), place.snapshot() if place in alive else None) for name, place in places.items()}


@pytest.mark.parametrize("name", list(CASES))
def test_a_fault_during_the_wait(waits: dict[str, Seen], name: str) -> None:
    seen, expected = waits[name], CASES[name]
    assert "quiet" not in seen.told, "busy is never called quiet"
    assert seen.entry["failed"] == bool(expected.words), seen.entry
    assert expected.words in f"{seen.entry['msg']} {seen.entry['hint']}", seen.entry
    assert seen.entry["verdict"] == expected.verdict, seen.entry
    assert seen.entry["changed"] and seen.entry["enforced"][0]["step"] == "broker", "a failed task says what it has done"
    if seen.resumed:
        assert not seen.resumed["failed"] and seen.resumed["verdict"] == "running", seen.resumed
        assert seen.after == seen.place.before
    matrix.observed[f"while it waits, {name}"] = matrix.NAMED if expected.words else matrix.QUIET


def test_a_permission_comes_back_when_its_runner_was_deleted_and_deployed_anew(site: Site, waits: dict[str, Seen]) -> None:
    place = waits["the namespace is deleted"].place
    assert place.read_permission().startswith("(?!)")
    until("the namespace is gone", lambda: site.admin.find(f"/api/v1/namespaces/{place.namespace}") is None)
    place.make()
    site.ready([place])
    entry = resume(site, [place]).done()[place.name]
    assert not entry["failed"], entry
    assert place.snapshot() == place.before


def test_a_permission_comes_back_when_its_runner_is_gone_for_good(site: Site, waits: dict[str, Seen]) -> None:
    place = waits["the Deployment is deleted"].place
    assert place.read_permission().startswith("(?!)")
    until("its pods are gone", lambda: not hands.pods(site.admin, place.namespace))
    entry = resume(site, [place]).done()[place.name]
    assert "There is no runner with the label app=studioml-go-runner" in entry["msg"] and "when broker names it" in entry["hint"]
    named = place.entry(runner_username=place.user, vhost=site.tenant.vhost)
    entry = resume(site, [named]).done()[place.name]
    assert not entry["failed"], entry
    assert place.read_permission() == "^(rmq|sqs)_.*$"


def test_the_api_server_is_restarted(site: Site) -> None:
    """The real one, with the same port and data."""
    places = [site.place(f"restarted {number}") for number in range(3)]
    site.ready(places)
    for place in places:
        place.works(1)
    task = drain(site, places)
    task.until_busy(place.name for place in places)
    site.plane.stop_program("kube-apiserver")
    until("it is noticed", lambda: all("unreachable" in task.said(place.name) for place in places))
    site.plane.start_api()
    until("it goes on", lambda: all(task.said(place.name)[-1] == "busy" for place in places))
    assert not any("quiet" in task.said(place.name) for place in places)
    for place in places:
        place.works(0)
    assert {entry["verdict"] for entry in task.done().values()} == {"quiet"}
    assert all(place.is_drained() for place in places)
    assert [(entry["verdict"], entry["msg"]) for entry in resume(site, places).done().values()] == [("running", "")] * 3
    assert [place.snapshot() for place in places] == [place.before for place in places]
    matrix.observed["while it waits, the API server is restarted"] = matrix.QUIET


def test_rabbitmq_is_restarted(site: Site, rabbitmq: RabbitMQ) -> None:
    """The real one, with the same ports and data: what was taken away stays away."""
    place = site.place("broker restarted")
    site.ready([place])
    place.works(1)
    task = drain(site, [place])
    task.until_busy(["broker restarted"])
    rabbitmq.stop()
    place.works(0)
    until("nobody knows", lambda: task.said(place.name)[-1] == "asked")
    place.works(1)
    rabbitmq.start()
    until("it is busy again", lambda: task.said(place.name)[-1] == "busy")
    assert place.read_permission().startswith("(?!)") and "quiet" not in task.said(place.name)
    place.works(0)
    assert task.done()[place.name]["verdict"] == "quiet" and place.is_drained()
    assert resume(site, [place]).done()[place.name]["verdict"] == "running"
    assert place.snapshot() == place.before
    matrix.observed["while it waits, RabbitMQ is restarted"] = matrix.QUIET


def test_the_matrix_has_each_of_them() -> None:
    assert list(matrix.WAITING) == [f"while it waits, {name}" for name in [*CASES, "the API server is restarted", "RabbitMQ is restarted"]]
