# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A watch that goes on: over ends, cuts, expired versions and restarts of the API server."""

from __future__ import annotations

import pathlib
import socket
import threading
import time
import typing as t

import faults
import pytest
from control_plane import ControlPlane, find_programs
from faults import FaultServer, answer, stream

from ansible_collections.studioml.fleet.plugins.module_utils import _rest
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target, load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event, Watch

PATH = "/api/v1/namespaces/ns/configmaps"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "PAUSE", 0.01)


@pytest.fixture
def server(tmp_path: pathlib.Path) -> t.Iterator[FaultServer]:
    made = FaultServer(tmp_path)
    yield made
    made.stop()


def thing(name: str, version: int) -> dict[str, t.Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def listing(version: int, *items: dict[str, t.Any]) -> faults.Behaviour:
    return answer({"kind": "List", "metadata": {"resourceVersion": str(version)}, "items": list(items)})


def watch(server: FaultServer, seconds: float = 60) -> Watch:
    api = Api(Target(path="/k", context="test", server=server.url, ca=server.authority.pem), connect_timeout=30, request_timeout=30)
    return Watch(api, PATH, {"labelSelector": "a=b"}, time.monotonic() + seconds, "ns")


def take(events: t.Iterable[Event], count: int) -> list[tuple[str, list[str]]]:
    taken = []
    for event in events:
        taken.append((event.type, [one["metadata"]["name"] for one in event.objects]))
        if len(taken) == count:
            break
    return taken


def asked_versions(server: FaultServer) -> list[str]:
    return [part.split("=")[1] for request in server.requests for part in request.url.split("&") if part.startswith("resourceVersion=")]


def test_it_lists_once_and_then_watches(server: FaultServer) -> None:
    server.behaviours = [listing(5, thing("a", 4)), stream(("MODIFIED", thing("a", 6)), ("DELETED", thing("a", 7)))]
    assert take(watch(server), 3) == [("LISTED", ["a"]), ("MODIFIED", ["a"]), ("DELETED", ["a"])]
    assert "watch=true" in server.requests[1].url and "labelSelector=a%3Db" in server.requests[1].url


@pytest.mark.parametrize("torn", [False, True])
def test_it_goes_on_where_a_stream_broke_off(server: FaultServer, torn: bool) -> None:
    server.behaviours = [listing(5), stream(("ADDED", thing("a", 6)), torn=torn), stream(("ADDED", thing("b", 8)))]
    assert take(watch(server), 3) == [("LISTED", []), ("ADDED", ["a"]), ("ADDED", ["b"])]
    assert asked_versions(server) == ["5", "6"]


def test_a_bookmark_moves_the_place_and_is_no_event(server: FaultServer) -> None:
    server.behaviours = [listing(5), stream(("BOOKMARK", thing("", 50))), stream(("ADDED", thing("b", 51)))]
    assert take(watch(server), 2) == [("LISTED", []), ("ADDED", ["b"])]
    assert asked_versions(server) == ["5", "50"]


@pytest.mark.parametrize("how", ["status", "event"])
def test_an_expired_version_is_listed_anew(server: FaultServer, how: str) -> None:
    gone = {"kind": "Status", "code": 410, "message": "too old resource version", "metadata": {}}
    expired = answer(gone, 410) if how == "status" else stream(("ERROR", gone))
    server.behaviours = [listing(5, thing("a", 4)), expired, listing(9, thing("b", 8)), stream(("ADDED", thing("c", 10)))]
    assert take(watch(server), 3) == [("LISTED", ["a"]), ("LISTED", ["b"]), ("ADDED", ["c"])]


@pytest.mark.parametrize("failure", [faults.reset, faults.end, answer(status=429), answer(status=503), answer(status=500)])
def test_passing_failures_are_waited_out(server: FaultServer, failure: faults.Behaviour) -> None:
    server.behaviours = [listing(5), failure, failure, stream(("ADDED", thing("a", 6)))]
    assert take(watch(server), 2) == [("LISTED", []), ("ADDED", ["a"])]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_it(server: FaultServer, status: int) -> None:
    server.behaviours = [listing(5), answer(status=status)]
    with pytest.raises(ApiError, match=f"WATCH {PATH} on .* answered with {status}"):
        take(watch(server), 2)


def test_it_ends_at_its_deadline_and_knows_why(server: FaultServer) -> None:
    server.behaviours = [listing(5), faults.reset]
    following = watch(server, 2)
    assert take(following, 9) == [("LISTED", [])]
    assert following.last_problem is not None


def test_it_can_be_stopped_in_the_middle_of_a_read(server: FaultServer) -> None:
    following = watch(server)

    def stop(connection: socket.socket) -> bool:
        """The request is there, so whoever sent it waits for the answer, or is about to."""
        following.stop()
        return faults.silence(server.stopped)(connection)

    server.behaviours = [listing(5), stop]
    began = time.monotonic()
    assert take(following, 9) == [("LISTED", [])]
    assert time.monotonic() - began < 30, "long before the deadline"


@pytest.mark.apiserver
def test_a_restart_of_the_api_server_is_survived(tmp_path: pathlib.Path) -> None:
    programs = find_programs()
    assert programs
    plane = ControlPlane(programs, tmp_path)
    try:
        plane.start()
        api = Api(load(str(plane.kubeconfig("admin"))))
        base = "/api/v1/namespaces/default/configmaps"
        following = Watch(api, base, {}, time.monotonic() + 600, "default")
        events = iter(following)
        assert next(events).type == "LISTED"
        plane.stop_program("kube-apiserver")
        restart = threading.Thread(target=plane.start_api)
        restart.start()
        restart.join()
        api.request("POST", base, body={"metadata": {"name": "after-restart"}})
        seen: list[str] = []
        while "after-restart" not in seen:
            seen += [one["metadata"]["name"] for one in next(events).objects]
        following.stop()
    finally:
        plane.stop()
