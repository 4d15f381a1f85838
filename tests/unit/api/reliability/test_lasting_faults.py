# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that last, at every step of a drain and of a resume: named per target, and nothing stays that a resume does not undo."""

from __future__ import annotations

import typing as t

import injected
import matrix
import pytest
from fault_proxy import Fault, Rule
from place import Place, Result, Site, Task, drain, resume

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]


class Step(t.NamedTuple):
    """One request of the task: at the broker or at the API server, and from which such request on it fails."""

    match: str
    broker: bool = False
    first: int = 1
    # how the message names it, where that is not what the rule says; whether anything may have been written before
    words: str = ""
    writes: bool = True
    # whether it is met only where there are pods
    pods: bool = False


READS = {"words": "", "writes": False}
DRAIN = {
    "the maps are listed": Step("^GET .*/configmaps$", **READS),
    "the cluster's identity is read": Step("^GET .*/namespaces/kube-system$", **READS),
    "the Deployments are listed": Step("^GET .*/deployments$", **READS),
    "the broker's user is asked for": Step("^GET /api/whoami", broker=True, **READS),
    "the permission is read": Step("^GET /api/permissions/", broker=True, **READS),
    "the state is written": Step("^PATCH .*/configmaps/"),
    "the note is written": Step("^PATCH .*/deployments/"),
    "the permission is taken": Step("^PUT /api/permissions/", broker=True),
    "the Jobs are listed": Step("^GET .*/jobs$", words="The API server cannot be reached any more, so nobody knows whether the runner is quiet."),
    "the pods are watched": Step("^WATCH .*/pods", words="WATCH /api/v1/namespaces/"),
    "the broker is asked what it waits for": Step("^GET /api/connections/", broker=True, words="GET /api/connections/", pods=True),
    "the Deployment is scaled": Step("^PATCH .*/deployments/", first=2),
}
RESUME = {
    "the nodes are listed": Step("^GET /api/v1/nodes$"),
    "the Deployment is scaled up": Step("^PATCH .*/deployments/"),
    "the permission is given back": Step("^PUT /api/permissions/", broker=True),
    "the note is struck out": Step("^PATCH .*/deployments/", first=2),
    "Running is written": Step("^PATCH .*/configmaps/"),
    "the Deployment is looked at again": Step("^GET .*/deployments/"),
}
FAULTS: dict[str, tuple[Fault, str]] = {
    "503": (injected.status(503), "was answered with 503"),
    "reset": (injected.reset_after, "the connection was closed before an answer came"),
}
# Long enough that everything was looked at once, on a loaded machine too.
SHORT = {"wait_timeout": 12}


class Seen(t.NamedTuple):
    """What came of the run in which the fault lasted, of the one after it, and how the place was at the end."""

    place: Place
    entry: Result
    wrote: list[str]
    requests: list[str]
    again: Result | None
    resumed: Result
    after: Result


def _named(step: str, fault: str) -> str:
    return f"{fault} for ever while {step}"


def _inject(place: Place, step: Step, fault: Fault) -> None:
    place.forget()
    (place.broker if step.broker else place.api).rules = [Rule(fault, step.match, first=step.first)]


def _parts(steps: dict[str, Step]) -> list[tuple[str, str]]:
    return [(step, fault) for step in steps for fault in FAULTS]


@pytest.fixture(scope="module")
def drains(site: Site, unhurried: None) -> dict[str, Seen]:
    places = {_named(*part): site.place(_named(*part), pods=DRAIN[part[0]].pods) for part in _parts(DRAIN)}
    healthy = site.place("healthy beside them", pods=False)
    everyone = [*places.values(), healthy]
    site.ready([place for place in everyone if place.pods])
    for step, fault in _parts(DRAIN):
        _inject(places[_named(step, fault)], DRAIN[step], FAULTS[fault][0])
    entries = drain(site, everyone, **SHORT).done()
    wrote = {name: place.wrote() for name, place in places.items()}
    requests = {name: [str(one) for one in place.api.requests] for name, place in places.items()}
    assert not entries[healthy.name]["failed"] and healthy.is_drained(), "the others are done"
    for place in everyone:
        place.heal()
    run_on = list(places.values())[::3]
    again = drain(site, run_on).done()
    assert all(place.is_drained() for place in run_on)
    resumed = resume(site, everyone, wait=False).done()
    assert healthy.snapshot() == healthy.before
    return {name: Seen(places[name], entries[name], wrote[name], requests[name], again.get(name), resumed[name], places[name].snapshot()) for name in places}


@pytest.mark.parametrize(("step", "fault"), _parts(DRAIN))
def test_a_fault_that_lasts_in_a_drain(drains: dict[str, Seen], step: str, fault: str) -> None:
    seen, expected = drains[_named(step, fault)], DRAIN[step]
    assert seen.entry["failed"] and seen.entry.get("verdict", "asked") != "quiet"
    method, _space, rest = expected.match.lstrip("^").partition(" ")
    words = seen.entry["msg"]
    assert expected.words in words and (expected.words or method in words) and FAULTS[fault][1] in words, (rest, seen.entry)
    assert seen.entry["hint"]
    if not expected.writes:
        assert not seen.wrote, "nothing is written where that much is not known"
    if "identity" not in step and seen.wrote:
        first = next(place for place, one in enumerate(seen.requests) if one.startswith("PATCH"))
        assert "GET /api/v1/namespaces/kube-system" in seen.requests[:first]
    assert seen.again is None or (not seen.again["failed"] and seen.again["verdict"] == "quiet"), seen.again
    assert not seen.resumed["failed"], seen.resumed
    assert seen.after == seen.place.before
    matrix.observed[f"a fault that lasts while {step}"] = matrix.NAMED if expected.writes else matrix.NOTHING


@pytest.fixture(scope="module")
def resumes(site: Site) -> dict[str, Seen]:
    places = {_named(*part): site.place(_named(*part)) for part in _parts(RESUME)}
    everyone = list(places.values())
    site.ready(everyone)
    assert not any(entry["failed"] for entry in drain(site, everyone).done().values())
    for step, fault in _parts(RESUME):
        _inject(places[_named(step, fault)], RESUME[step], FAULTS[fault][0])
    entries = Task(site, everyone, "Running", **SHORT).done()
    wrote = {name: place.wrote() for name, place in places.items()}
    for place in everyone:
        place.heal()
    resumed = resume(site, everyone).done()
    return {name: Seen(places[name], entries[name], wrote[name], [], None, resumed[name], places[name].snapshot()) for name in places}


@pytest.mark.parametrize(("step", "fault"), _parts(RESUME))
def test_a_fault_that_lasts_in_a_resume(resumes: dict[str, Seen], step: str, fault: str) -> None:
    seen, expected = resumes[_named(step, fault)], RESUME[step]
    assert seen.entry["failed"] and seen.entry.get("verdict", "asked") != "running"
    words = seen.entry["msg"]
    assert expected.words in words and FAULTS[fault][1] in words, seen.entry
    done = [entry["step"] for entry in seen.entry.get("enforced", []) if entry["changed"]]
    assert seen.entry["changed"] == bool(done or seen.entry.get("maps")), "what was undone before it failed is told"
    assert not seen.resumed["failed"] and seen.resumed["verdict"] == "running", seen.resumed
    assert seen.after == seen.place.before
    matrix.observed[f"a fault that lasts while {step}"] = matrix.NAMED


def test_the_matrix_has_each_step() -> None:
    assert list(matrix.LASTING) == [f"a fault that lasts while {step}" for step in [*DRAIN, *RESUME]]
