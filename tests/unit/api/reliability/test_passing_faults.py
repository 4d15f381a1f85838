# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that pass: every request meets one, once. What comes of it must be what comes without them."""

from __future__ import annotations

import typing as t

import injected
import matrix
import pytest
from fault_proxy import Fault, Rule
from place import Place, Result, Site, drain, resume

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]


def once(fault: Fault, match: str = "") -> list[Rule]:
    return [Rule(fault, match, times=1, each=True)]


API: dict[str, t.Callable[[], list[Rule]]] = {
    "409, a lost race": lambda: once(injected.status(409, "Conflict"), "^PATCH"),
    "410 as a watch's first answer": lambda: once(injected.status(410, "Expired"), "^WATCH"),
    "410 in a watch": lambda: once(injected.expired, "^WATCH"),
    "429 with Retry-After": lambda: once(injected.status(429, Retry_After="1"), "^PATCH") + once(injected.status(429, Retry_After="0")),
    **{str(code): lambda code=code: once(injected.status(code)) for code in (500, 502, 503, 504)},
    "connection reset before the request was sent": lambda: once(injected.reset_before),
    "connection reset after the request was sent": lambda: once(injected.reset_after),
    "an answer cut in the middle": lambda: once(injected.cut),
    "an answer that is no JSON": lambda: once(injected.page),
    "a slow answer": lambda: [Rule(injected.slow(0.2))],
    "watches ended by the server all the time": lambda: [Rule(injected.ended(0.3), "^WATCH")],
}


class Round(t.NamedTuple):
    """One drain and one resume of all places, each with its fault."""

    places: dict[str, Place]
    told: dict[str, list[str]]
    drained: dict[str, Result]
    were_drained: dict[str, bool]
    resumed: dict[str, Result]
    after: dict[str, Result]


@pytest.fixture(scope="module")
def round_trip(site: Site) -> Round:
    places = {name: site.place(name) for name in [*API, "healthy"]}
    everyone = list(places.values())
    site.ready(everyone)
    for place in everyone:
        place.works(1)
    _inject(places)
    task = drain(site, everyone)
    task.until_busy(places)
    told = {name: task.said(name) for name in places}
    for place in everyone:
        place.works(0)
    drained = task.done()
    were_drained = {name: place.is_drained() for name, place in places.items()}
    _inject(places)
    resumed = resume(site, everyone).done()
    return Round(places, told, drained, were_drained, resumed, {name: place.snapshot() for name, place in places.items()})


def _inject(places: dict[str, Place]) -> None:
    """Both ways of a place meet the fault, each on its own."""
    for name, rules in API.items():
        places[name].api.rules = rules()
        places[name].broker.rules = [] if name.startswith(("409", "410", "watches", "an answer that is no")) else rules()


@pytest.mark.parametrize("fault", [*matrix.PASSING, "healthy"])
def test_a_fault_that_passes(round_trip: Round, fault: str) -> None:
    drained, resumed, place = round_trip.drained[fault], round_trip.resumed[fault], round_trip.places[fault]
    assert "quiet" not in round_trip.told[fault], "busy is never called quiet"
    assert not drained["failed"], (drained["msg"], drained["hint"])
    assert (drained["verdict"], drained["forced"]) == ("quiet", False)
    assert {entry["step"] for entry in drained["enforced"]} == {"broker", "scale"}
    assert round_trip.were_drained[fault], "no lost key, no replica, nothing taken from the queues"
    assert not resumed["failed"], (resumed["msg"], resumed["hint"])
    assert resumed["verdict"] == "running"
    assert round_trip.after[fault] == place.before
    if fault != "healthy":
        matrix.observed[fault] = matrix.QUIET


@pytest.mark.parametrize("fault", list(matrix.PASSING))
def test_nothing_was_written_before_the_identity_was_known(round_trip: Round, fault: str) -> None:
    requests = [str(one) for one in round_trip.places[fault].api.requests if "access" not in one.path]
    first = next(place for place, one in enumerate(requests) if one.startswith(("PATCH", "POST", "PUT", "DELETE")))
    assert any(one == "GET /api/v1/namespaces/kube-system" for one in requests[:first])


def test_the_matrix_has_each_of_them() -> None:
    assert list(API) == list(matrix.PASSING)
