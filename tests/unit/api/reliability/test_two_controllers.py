# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two controllers at the same runner at the same moment: everything ends as after one of the two orders, and nothing is left that a resume does not undo."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import hands
import matrix
import pytest
from fault_proxy import Rule
from forks import Forks
from injected import meanwhile
from place import RUNNER, Place, Result, Site, Task, drain, parameters, resume, until
from two_hands import Hand, Held, Turns, pair

from ansible_collections.studioml.fleet.plugins.module_utils import _ownership
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]
DRAIN: Result = {"state": "DrainAndSuspend", "enforce": "scale"}
RESUME: Result = {"state": "Running"}
# So many meetings of each pair by chance. FLEET_MEETINGS=30 takes two minutes, and is worth it when something has changed here.
MEETINGS = int(os.environ.get("FLEET_MEETINGS", "2"))


class Pair(t.NamedTuple):
    """What the two of them do, from which state, and how many writes the first one has, before each of which it is held once."""

    first: Result
    second: Result
    drained: bool
    writes: int


PAIRS = {
    "two drains of a runner": Pair(DRAIN, DRAIN, False, 4),
    "a drain and a resume of a runner that works": Pair(DRAIN, RESUME, False, 4),
    "a resume and a drain of a drained runner": Pair(RESUME, DRAIN, True, 4),
    "a drain and a resume of a drained runner": Pair(DRAIN, RESUME, True, 0),
    "two resumes of a drained runner": Pair(RESUME, RESUME, True, 4),
}
PROCESSES = {
    "two drains": Pair(DRAIN, DRAIN, False, 0),
    "drain and resume": Pair(DRAIN, RESUME, False, 0),
    "resume and drain": Pair(RESUME, DRAIN, True, 0),
    "two resumes": Pair(RESUME, RESUME, True, 0),
}
# Only one that was overtaken may fail, and only with these words, by how it ends.
GAVE_WAY = {
    "before": ("It was asked to run again while it was being drained: STATE is Running in",),
    "drained": ("was written by a drain that began at the same moment", "It was asked to drain again while it came back:"),
}


class Meeting(t.NamedTuple):
    """A place where the two of them meet: the first one held before one of its writes while the other one runs, or (C(held) is None) turn by turn."""

    pair: str
    place: Place
    hands: tuple[Hand, Hand]
    held: Held | None

    @property
    def two(self) -> Pair:
        return PAIRS[self.pair]


def drained(place: Place) -> Result:
    """As a drain leaves it."""
    before = place.before
    notes = {_ownership.REPLICAS: str(before["replicas"]), _ownership.BROKER_USER: f"{place.user}@{place.site.tenant.vhost}"}
    return {
        **before,
        "replicas": 0,
        "notes": {**before["notes"], **notes},
        "map": {**before["map"], "STATE": "DrainAndSuspend"},
        "notes of the map": {**before["notes of the map"], _ownership.MARKER: "scale"},
        "permission": {**before["permission"], "read": closed(before["permission"]["read"])},
    }


def judged(place: Place, two: Pair, entries: t.Sequence[Result]) -> None:
    """It is as after one of the orders, and who did not have his way says so."""
    after = place.snapshot()
    end = next((name for name, state in (("before", place.before), ("drained", drained(place))) if state == after), "")
    assert end, (place.name, after, entries)
    if two.first is two.second:
        assert end == ("drained" if two.first is DRAIN else "before"), (place.name, entries)
        assert not any(entry["failed"] for entry in entries), (place.name, entries)
    for entry in entries:
        assert not entry["failed"] or any(words in entry["msg"] for words in GAVE_WAY[end]), (place.name, end, entry)
    wanted = [entry for entry, what in zip(entries, (two.first, two.second), strict=True) if (what is DRAIN) == (end == "drained")]
    assert wanted and not any(entry["failed"] for entry in wanted), (place.name, end, entries)


def again(site: Site, places: list[Place], what: Result) -> None:
    """One controller, without a wait, at all of them: that must do."""
    entries = Task(site, places, **{"wait": False, **what}).done()
    assert not [entry for entry in entries.values() if entry["failed"]]


@pytest.fixture(scope="module")
def met(site: Site) -> t.Iterator[list[Meeting]]:
    """All of them at once: the first ones begin and are held, the second ones run, the first ones go on."""
    meetings = []
    for name, two in PAIRS.items():
        for number in range(two.writes + MEETINGS):
            place = site.place(f"{name} {number}", pods=False)
            both = pair(place)
            meetings.append(Meeting(name, place, both, Held(both[0], number + 1) if number < two.writes else None))
    again(site, [one.place for one in meetings if one.two.drained], DRAIN)
    for number, one in enumerate(meetings):
        if not one.held:
            Turns(one.hands, number)
            one.hands[1].start(one.two.second)
        one.hands[0].start(one.two.first)
    for one in meetings:
        if one.held:
            one.held.until_it_stands()
            one.hands[1].start(one.two.second)
    for one in meetings:
        one.hands[1].entry()
        if one.held:
            one.held.go.set()
    for one in meetings:
        one.hands[0].entry()
    yield meetings
    for one in meetings:
        for hand in one.hands:
            hand.stop()


@pytest.mark.parametrize("name", list(PAIRS))
def test_two_at_once(site: Site, met: list[Meeting], name: str) -> None:
    here = [one for one in met if one.pair == name]
    assert all(one.held.at for one in here if one.held), "there was such a write"
    for one in here:
        judged(one.place, one.two, [hand.entry() for hand in one.hands])
    places = [one.place for one in here]
    again(site, places[::2], DRAIN)
    assert [place.name for place in places[::2] if place.snapshot() != drained(place)] == []
    again(site, places, RESUME)
    assert [place.name for place in places if place.snapshot() != place.before] == []
    matrix.observed[f"{name}, at the same moment"] = matrix.MET


def test_two_processes_that_wait(site: Site, tmp_path: pathlib.Path) -> None:
    """Real ones, with real pods, and nobody who says when."""
    places = {name: site.place(name) for name in PROCESSES}
    everyone = list(places.values())
    site.ready(everyone)
    assert not [entry for entry in drain(site, [places[name] for name, two in PROCESSES.items() if two.drained]).done().values() if entry["failed"]]
    forks, outcomes = Forks(), {}
    try:
        for name, two in PROCESSES.items():
            for number, what in enumerate((two.first, two.second)):
                outcomes[name, number] = tmp_path / f"{name} {number}.json"
                forks.start(parameters(site, [places[name]], **{**what, "wait_timeout": 120}), outcomes[name, number])
        until("all are done", lambda: all(path.exists() for path in outcomes.values()))
    finally:
        forks.stop()
    said = {key: json.loads(path.read_text())["targets"][0] for key, path in outcomes.items()}
    for name, two in PROCESSES.items():
        judged(places[name], two, [said[name, 0], said[name, 1]])
    assert {entry["verdict"] for entry in drain(site, everyone).done().values()} == {"quiet"}
    assert [place.name for place in everyone if not place.is_drained()] == []
    assert {entry["verdict"] for entry in resume(site, everyone).done().values()} == {"running"}
    assert [place.snapshot() for place in everyone] == [place.before for place in everyone]


def test_a_map_and_a_number_that_change_while_they_are_written(site: Site) -> None:
    """A key of our own, a node's map that is to be touched, and the replicas: what is written rests on what is there, not on what was read before."""
    place, node = site.place("moving", pods=False), f"{RUNNER}-node"
    hands.configmap(site.admin, place.namespace, node, {"STATE": "Running"})
    maps, deployment = f"/api/v1/namespaces/{place.namespace}/configmaps", f"/apis/apps/v1/namespaces/{place.namespace}/deployments/{RUNNER}"

    def add_a_key() -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": RUNNER, "namespace": place.namespace}}
        hands.apply(site.admin, f"{maps}/{RUNNER}", {**body, "data": {"STATE": "DrainAndSuspend", "OURS": "kept"}}, "studioml.fleet")

    def drain_the_node() -> None:
        straight = {**place.entry(), "kubeconfig": str(site.plane.kubeconfig(f"{place.namespace}-straight")), "nodes": ["node"]}
        assert not Task(site, [straight], "DrainAndSuspend", wait=False).result.get("failed")

    def scale() -> None:
        site.admin.request("PATCH", deployment, body={"spec": {"replicas": 5}}, content_type=hands.MERGE)

    place.api.rules = [Rule(meanwhile(drain_the_node), f"^PATCH {maps}/{node}$", times=1), Rule(meanwhile(scale), f"^PATCH {deployment}$", first=2, times=1)]
    entry = Task(site, [place], **{**DRAIN, "state": "DrainAndTerminate"}, wait=False).done()[place.name]
    assert not entry["failed"], entry
    assert hands.read(site.admin, place.namespace, "configmaps", node)["data"] == {"STATE": "DrainAndSuspend"}
    assert place.deployment()["spec"]["replicas"] == 0
    place.api.rules = [Rule(meanwhile(add_a_key), f"^PATCH {maps}/{RUNNER}$", times=1)]
    again(site, [place], RESUME)
    after = place.snapshot()
    assert after["replicas"] == 5 and after["notes"] == place.before["notes"]
    assert after["map"] == {"STATE": "Running", "OTHER": "kept", "OURS": "kept"}
    for what in ("a key of the same map", "a node's map that is touched", "the number of replicas"):
        matrix.observed[f"{what} is changed, at the same moment"] = matrix.QUIET


def test_the_matrix_has_each_of_them() -> None:
    others = ["a key of the same map is changed", "a node's map that is touched is changed", "the number of replicas is changed"]
    assert list(matrix.TOGETHER) == [f"{name}, at the same moment" for name in [*PAIRS, *others]]
