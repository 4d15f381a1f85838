# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that are there from the beginning: the target is named with its error and not written to, the others are done. And who else writes to a map."""

from __future__ import annotations

import datetime
import socket
import ssl
import tempfile
import time
import typing as t

import hands
import matrix
import pytest
from black_hole import Hole
from certificates import Authority
from control_plane import free_ports
from fault_proxy import Rule
from injected import as_a_stranger, meanwhile, silence
from place import READ, RUNNER, SHORT, Place, Result, Site, drain, resume

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]
ENDED = datetime.timedelta(days=-1)


class Case(t.NamedTuple):
    """What is wrong with a place or with its entry, and the words of the error."""

    entry: t.Callable[[Place], Result]
    words: str


def silent_port() -> str:
    """The kernel answers there, and nobody behind it."""
    listener = socket.create_server(("127.0.0.1", 0))
    SILENT.append(listener)
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


SILENT: list[socket.socket | Hole] = []


def swallowed() -> str:
    """An address from which nothing comes back."""
    hole = Hole()
    SILENT.append(hole)
    return hole.address


def through(place: Place, **changes: t.Any) -> Result:
    """The entry with another kubeconfig."""
    path = place.site.plane.kubeconfig(f"{place.namespace}-other", **{"server": place.api.url, "namespace": place.namespace, **changes})
    return {**place.entry(), "kubeconfig": str(path)}


def showing(place: Place, names: list[str], life: datetime.timedelta = datetime.timedelta(days=1)) -> Result:
    """The server shows another certificate."""
    pair = place.site.plane.authority.server(names, life)
    place.api.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pair.certificate + pair.key)
        file.flush()
        place.api.tls.load_cert_chain(file.name)
    return place.entry()


def closed(place: Place) -> Result:
    place.api.down()
    return place.entry()


def refused(place: Place, match: str) -> Result:
    place.api.rules = [Rule(as_a_stranger, match)]
    return place.entry()


def without_management(place: Place) -> Result:
    place.broker.down()
    return place.entry()


def unanswered(place: Place) -> Result:
    place.broker.rules = [Rule(silence)]
    return place.entry()


def without_rabbitmq(place: Place) -> Result:
    (port,) = free_ports(1)
    return place.entry(url=f"http://127.0.0.1:{port}", vhost=place.site.tenant.vhost, runner_username=place.user)


def as_the_runner(place: Place) -> Result:
    return place.entry(username=place.user, password=place.site.tenant.passwords[place.user])


def straight(place: Place, **changes: t.Any) -> Result:
    """The entry with a kubeconfig that leads to the server itself."""
    return through(place, server=place.site.plane.url, **changes)


NO_RUNNER = "There is no runner with the label app=studioml-go-runner in namespace nowhere"
CASES = {
    "a dead host: the port is closed": Case(closed, "connection refused. Check that the API server runs"),
    "a dead host: nothing ever answers": Case(lambda place: through(place, server=silent_port()), "no answer in time. Check that the API server runs"),
    "a dead host: its address swallows packets": Case(
        lambda place: through(place, server=f"https://{swallowed()}"), "no answer in time. Check that the API server runs"
    ),
    "an expired certificate of the server": Case(lambda place: showing(place, ["127.0.0.1"], ENDED), "The API server's certificate has expired"),
    "a certificate of another address": Case(lambda place: showing(place, ["192.0.2.1"]), "It is not valid for this address"),
    "a certificate of another authority": Case(lambda place: through(place, authority=Authority("other")), "It is signed by another authority"),
    "an expired certificate of ours": Case(lambda place: straight(place, days=-1), "The client certificate in the kubeconfig expired on"),
    "a token that nobody knows": Case(lambda place: straight(place, token="nobody"), "does not know the token in the kubeconfig"),
    "the maps may not be listed": Case(lambda place: refused(place, ""), "lacks the verb 'list' on configmaps (namespace f-"),
    "the maps may not be written": Case(lambda place: refused(place, "^PATCH"), "lacks the verb 'patch' on configmaps (namespace f-"),
    "no such namespace": Case(lambda place: {**place.entry(), "namespace": "nowhere"}, NO_RUNNER),
    "another cluster than the one that is meant": Case(lambda place: {**place.entry(), "cluster_id": "x"}, "leads to another cluster than the one"),
    "RabbitMQ without its management": Case(without_management, "connection refused, while RabbitMQ itself answers. Its management plug-in must be on"),
    "RabbitMQ is down": Case(without_rabbitmq, "connection refused. Check that RabbitMQ runs"),
    "RabbitMQ's management: its address swallows packets": Case(lambda place: place.entry(url=f"http://{swallowed()}"), "no answer in time"),
    "RabbitMQ's management never answers": Case(unanswered, "no answer in time"),
    "a wrong password of the broker": Case(lambda place: place.entry(password="wrong"), "Check username and password of the broker (administrator)"),
    "no such virtual host": Case(lambda place: place.entry(vhost="nowhere"), "has no virtual host nowhere"),
}
HEALTHY = ("healthy first", "healthy last")


class Seen(t.NamedTuple):
    place: Place
    entry: Result
    wrote: list[str]


@pytest.fixture(scope="module")
def start(site: Site) -> t.Iterator[dict[str, Seen]]:
    places = {name: site.place(name) for name in (HEALTHY[0], *CASES, HEALTHY[1])}
    site.ready(list(places.values()))
    entries = [CASES[name].entry(place) if name in CASES else place.entry() for name, place in places.items()]
    task = drain(site, entries, **SHORT)
    seen = {name: Seen(places[name], entry, places[name].wrote()) for name, entry in task.done().items()}
    fine = [(name, one.entry) for name, one in seen.items() if not one.entry["failed"]]
    assert [name for name, _entry in fine] == list(HEALTHY), fine
    assert f"{len(CASES)} of {len(places)} targets failed: a dead host: the port is closed, a dead host: nothing ever answers" in task.result["msg"]
    yield seen
    for listener in SILENT:
        listener.close()


@pytest.mark.parametrize("name", list(CASES))
def test_a_fault_from_the_beginning(start: dict[str, Seen], name: str) -> None:
    place, entry, wrote = start[name]
    assert entry["failed"] and not entry["changed"], entry
    assert CASES[name].words in f"{entry['msg']} {entry['hint']}", entry
    assert [one for one in wrote if not one.startswith("PATCH") or "may not be written" not in name] == []
    assert place.snapshot() == place.before
    for secret in (place.site.tenant.rabbitmq.password, place.site.tenant.passwords[place.user]):
        assert secret not in str(entry)
    matrix.observed[name] = matrix.NOTHING


def test_the_others_are_done(site: Site, start: dict[str, Seen]) -> None:
    healthy = [start[name].place for name in HEALTHY]
    assert [start[name].entry["verdict"] for name in HEALTHY] == ["quiet"] * 2
    assert all(place.is_drained() for place in healthy)
    assert {entry["verdict"] for entry in resume(site, healthy).done().values()} == {"running"}
    assert [place.snapshot() for place in healthy] == [place.before for place in healthy]


def test_how_long_they_are_waited_for(site: Site) -> None:
    """For a connection as long as C(connect_timeout) says, for reading and writing as long as C(target_timeout): not as long as one request may take."""
    api, broker, silent = (site.place(f"long {number}", pods=False) for number in range(3))
    entries = [through(api, server=f"https://{swallowed()}"), broker.entry(url=f"http://{swallowed()}"), silent.entry()]
    silent.api.rules = [Rule(silence)]
    begun = time.monotonic()
    seen = drain(site, entries, request_timeout=300, connect_timeout=3, target_timeout=12).done()
    assert time.monotonic() - begun < 150
    assert [seen[place.name]["failed"] and "no answer in time" in seen[place.name]["msg"] for place in (api, broker, silent)] == [True] * 3, seen
    assert "target_timeout (12 s) is over." in seen[silent.name]["hint"]
    assert not any(place.wrote() for place in (api, broker, silent))


def test_somebody_else_writes_to_the_map_in_between(site: Site) -> None:
    """Another key is kept; another owner of the same key is named, and nothing was enforced until he gives it up."""
    friend, rival = site.place("friend"), site.place("rival")
    site.ready([friend, rival])
    for place, do in ((friend, _add_a_key), (rival, _own_the_state)):
        place.api.rules = [Rule(meanwhile(lambda place=place, do=do: do(place)), "^PATCH .*/configmaps/", times=1)]
    entries = drain(site, [friend, rival]).done()
    data = hands.read(site.admin, friend.namespace, "configmaps", RUNNER)["data"]
    assert data == {"STATE": "DrainAndSuspend", "OTHER": "kept", "MORE": "kept too"} and entries["friend"]["verdict"] == "quiet"
    assert entries["rival"]["failed"] and "data.STATE is set by argocd-controller" in entries["rival"]["hint"]
    assert "force_conflicts: true" in entries["rival"]["hint"]
    assert rival.read_permission() == READ and rival.deployment()["spec"]["replicas"] == rival.before["replicas"]
    assert {one["verdict"] for one in drain(site, [friend, rival], force_conflicts=True).done().values()} == {"quiet"}
    _own_the_state(rival)
    entries = resume(site, [friend, rival]).done()
    assert entries["rival"]["failed"] and "data.STATE is set by argocd-controller" in entries["rival"]["hint"]
    assert entries["rival"]["changed"] and [one["step"] for one in entries["rival"]["enforced"]] == ["scale", "broker"], "what was undone is told"
    assert {one["verdict"] for one in resume(site, [friend, rival], force_conflicts=True).done().values()} == {"running"}
    for place in (friend, rival):
        after = place.snapshot()
        assert {**after, "map": None} == {**place.before, "map": None}
        assert after["map"]["STATE"] == "Running" and after["map"]["OTHER"] == "kept"
    matrix.observed["409, another owner of the state"] = matrix.NAMED
    matrix.observed["another key is written in between"] = matrix.QUIET


def _add_a_key(place: Place) -> None:
    body = {"data": {"MORE": "kept too"}}
    place.site.admin.request("PATCH", f"/api/v1/namespaces/{place.namespace}/configmaps/{RUNNER}", body=body, content_type=hands.MERGE)


def _own_the_state(place: Place) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RUNNER, "namespace": place.namespace}, "data": {"STATE": "DrainAndTerminate"}}
    hands.apply(place.site.admin, f"/api/v1/namespaces/{place.namespace}/configmaps/{RUNNER}", body, "argocd-controller")


def test_a_user_of_the_broker_who_may_not_manage_it(site: Site) -> None:
    place = site.place("unable")
    site.ready([place])
    entry = drain(site, [as_the_runner(place)], enforce="broker").done()["unable"]
    assert entry["failed"] and "has not the tag administrator, so it cannot take the permission to read away" in entry["msg"]
    assert not place.wrote() and place.snapshot() == place.before
    matrix.observed["a broker's user who may not manage"] = matrix.NOTHING


def test_half_of_fifty_are_dead(site: Site) -> None:
    alive = [site.place(f"alive {number}", pods=False) for number in range(25)]
    dead: list[Result] = []
    for number, port in enumerate(free_ports(25)):
        server = silent_port() if number % 2 else f"https://127.0.0.1:{port}"
        path = site.plane.kubeconfig(f"dead-{number}-{port}", server=server)
        dead.append({"name": f"dead {number}", "kubeconfig": str(path)})
    mixed = [one for pair in zip(alive, dead, strict=True) for one in pair]
    for state, verdict in ((drain, "quiet"), (resume, "asked")):
        task = state(site, mixed, wait=False, **SHORT)
        entries = task.done()
        assert list(entries) == [one.name if isinstance(one, Place) else one["name"] for one in mixed]
        assert {entries[place.name]["verdict"] for place in alive} == {verdict}
        assert "25 of 50 targets failed: dead 0, dead 1, " in task.result["msg"] and task.result["changed"]
        for number, entry in enumerate(dead):
            words = "no answer in time" if number % 2 else "connection refused"
            assert words in entries[entry["name"]]["msg"] and not entries[entry["name"]]["changed"]
        if state is drain:
            assert all(place.is_drained() for place in alive)
    assert [place.snapshot() for place in alive] == [place.before for place in alive]
    matrix.observed["half of 50 targets are dead"] = matrix.NOTHING


def test_the_matrix_has_each_of_them() -> None:
    others = ["a broker's user who may not manage", "409, another owner of the state", "another key is written in between", "half of 50 targets are dead"]
    assert list(matrix.FROM_THE_START) == [*CASES, *others]
