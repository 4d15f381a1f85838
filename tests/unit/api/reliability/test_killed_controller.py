# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller is killed at every single request of a drain and of a resume; the next run, or a resume, finishes, and everything is as it was."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import typing as t

import matrix
import pytest
from fault_proxy import Exchange, Rule
from forks import Forks
from place import Place, Site, drain, parameters, resume, until

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]
SIDE_BY_SIDE = 8
# More than a drain or a resume has requests that matter; what comes after is the same look again and again.
DRAIN_REQUESTS, RESUME_REQUESTS = 38, 20


class Killer:
    """Counts what comes through both proxies of a place; behind the n-th request, before its answer, the controller is killed."""

    def __init__(self, place: Place, number: int) -> None:
        self.place, self.number, self.seen = place, number, 0
        self.pid = 0
        self.dead = threading.Event()
        self.last = ""
        self.lock = threading.Lock()
        for proxy in (place.api, place.broker):
            proxy.rules = [Rule(self.pass_on)]

    def pass_on(self, exchange: Exchange) -> bool:
        with self.lock:
            self.seen += 1
            now = self.seen == self.number
        if self.dead.is_set():
            return False
        if not now:
            return exchange.relay()
        if not exchange.request.watch:
            exchange.fetch()
        self.last = str(exchange.request)
        os.kill(self.pid, signal.SIGKILL)
        self.dead.set()
        return False


class Controllers:
    """Starts controllers, several at a time, and waits until each is dead or done."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory, self.forks = directory, Forks()

    def kill_at_each(self, site: Site, places: list[Place], state: str) -> list[str]:
        """One controller for each place; the n-th is killed at its n-th request. What they were doing."""
        work = [(place, number) for number, place in enumerate(places, 1)]
        last: list[str] = [""] * len(places)

        def serve() -> None:
            while work:
                place, number = work.pop()
                last[number - 1] = self._one(site, place, number, state)

        threads = [threading.Thread(target=serve) for _index in range(SIDE_BY_SIDE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for place in places:
            place.heal()
        return last

    def _one(self, site: Site, place: Place, number: int, state: str) -> str:
        killer = Killer(place, number)
        outcome = self.directory / f"{place.namespace}-{state}.json"
        more = {"enforce": "scale"} if state != "Running" else {}
        with killer.lock:  # it is not counted before its number is known
            killer.pid = self.forks.start(parameters(site, [place], state, **more), outcome)
        until(f"the controller of {place.name} is dead or done", lambda: killer.dead.is_set() or outcome.exists())
        return killer.last


@pytest.fixture(scope="module")
def controllers(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Controllers]:
    made = Controllers(tmp_path_factory.mktemp("controllers"))
    yield made
    made.forks.stop()


@pytest.fixture(scope="module")
def places(site: Site) -> list[Place]:
    made = [site.place(f"killed {number}") for number in range(1, DRAIN_REQUESTS + 1)]
    site.ready(made)
    return made


def all_well(entries: dict[str, t.Any], verdict: str) -> None:
    assert {name: (entry["msg"], entry["verdict"]) for name, entry in entries.items() if entry["failed"] or entry["verdict"] != verdict} == {}


def as_before(places: list[Place]) -> None:
    for place in places:
        assert place.snapshot() == place.before, place.name


def test_killed_in_a_drain_then_resumed(site: Site, places: list[Place], controllers: Controllers) -> None:
    last = controllers.kill_at_each(site, places, "DrainAndSuspend")
    assert _kinds(last) >= {"PATCH configmaps", "PATCH deployments", "PUT permissions", "WATCH pods"}, last
    assert sum("PATCH" in one and "/deployments" in one for one in last) > 1, "the note, and the replicas"
    all_well(resume(site, places).done(), "running")
    as_before(places)
    matrix.observed["the controller is killed at any request of a drain"] = matrix.KILLED


def test_killed_in_a_drain_then_run_to_its_end_then_killed_in_the_resume(site: Site, places: list[Place], controllers: Controllers) -> None:
    controllers.kill_at_each(site, places, "DrainAndTerminate")
    all_well(drain(site, places).done(), "quiet")
    assert [place.name for place in places if not place.is_drained()] == []
    fewer = places[:RESUME_REQUESTS]
    last = controllers.kill_at_each(site, fewer, "Running")
    assert _kinds(last) >= {"PATCH configmaps", "PATCH deployments", "PUT permissions"}, last
    halves = fewer[::2], fewer[1::2]
    all_well(drain(site, halves[0]).done(), "quiet")
    assert [place.name for place in halves[0] if not place.is_drained()] == []
    all_well(resume(site, places).done(), "running")
    as_before(places)
    matrix.observed["the controller is killed at any request of a resume"] = matrix.KILLED


def _kinds(requests: list[str]) -> set[str]:
    """Which kinds of request they were killed at."""
    kinds = ("configmaps", "deployments", "permissions", "pods", "jobs")
    return {f"{one.split()[0]} {kind}" for one in requests if one for kind in kinds if f"/{kind}" in one}
