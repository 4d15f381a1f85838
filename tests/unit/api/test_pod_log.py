# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A log that is followed over everything that may break: against a server that breaks it, line by line."""

from __future__ import annotations

import json
import pathlib
import re
import socket
import time
import typing as t
from urllib.parse import unquote

import pytest
from faults import Behaviour, FaultServer, answer, end

from ansible_collections.studioml.fleet.plugins.module_utils import _pod_log, _rest
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target, load
from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import CUT, LONGEST_LINE, Lines, PodLog, tail
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api


def pod(state: str, restarts: int = 0) -> Behaviour:
    """The pod, when it is looked for."""
    container = {"name": "main", "restartCount": restarts, "state": {state: {"startedAt": "2026-01-20T10:00:00Z"}}}
    return answer({"kind": "PodList", "items": [{"status": {"containerStatuses": [container]}}]})


RUNNING, ENDED, AGAIN = pod("running"), pod("terminated"), pod("running", 1)
NO_POD = answer({"kind": "PodList", "items": []})
WAITS = answer({"kind": "Status", "message": 'container "main" in pod "p" is waiting to start: ContainerCreating'}, 400)
EXPIRED = answer({"kind": "Status", "message": "Unauthorized"}, 401)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "PAUSE", 0.01)


@pytest.fixture
def server(tmp_path: pathlib.Path) -> t.Iterator[FaultServer]:
    made = FaultServer(tmp_path)
    yield made
    made.stop()


def log(*lines: str, torn: bool = False) -> Behaviour:
    """A stream of lines, which ends well or is torn."""

    def behave(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for line in lines:
            connection.sendall(b"%x\r\n%s\r\n" % (len(line) + 1, line.encode() + b"\n"))
        connection.sendall(b"20\r\n2026-01-20T10:00" if torn else b"0\r\n\r\n")
        return False

    return behave


def at(second: int, word: str, fraction: str = "000000000") -> str:
    """A line as the kubelet gives it."""
    return f"2026-01-20T10:00:{second:02}.{fraction}Z {word}"


def follow(server: FaultServer, **more: t.Any) -> tuple[str, list[str]]:
    api = Api(Target(path="/nowhere", context="test", server=server.url, ca=server.authority.pem), connect_timeout=30, request_timeout=30)
    heard: list[str] = []
    return PodLog(api, "ns", "p", "main", **more).follow(heard.append, time.monotonic() + 60), heard


def asked(server: FaultServer) -> list[str]:
    """Since when the log was asked for, each time."""
    urls = [unquote(request.url) for request in server.requests if "/log?" in request.url]
    return [found.group(1) if (found := re.search(r"sinceTime=([^&]+)", url)) else "" for url in urls]


def test_it_ends_with_its_container(server: FaultServer) -> None:
    server.behaviours = [log(at(1, "a"), at(2, "b")), ENDED, log(at(1, "a"), at(2, "b"))]
    assert follow(server) == ("ended", ["a", "b"])
    assert asked(server) == ["", "2026-01-20T10:00:01Z"]


@pytest.mark.parametrize("torn", [False, True])
def test_no_line_is_lost_or_told_twice(server: FaultServer, torn: bool) -> None:
    """An API server that goes down may end a stream well, while the container runs on; then the container is looked at first."""
    looks = [] if torn else [RUNNING]
    first, second = [at(1, "a"), at(2, "b")], [at(1, "a"), at(2, "b"), at(2, "c"), at(3, "d")]
    server.behaviours = [log(*first, torn=torn), *looks, log(*second), ENDED, log(*second[1:], at(4, "e"))]
    assert follow(server) == ("ended", ["a", "b", "c", "d", "e"])
    assert asked(server) == ["", "2026-01-20T10:00:01Z", "2026-01-20T10:00:02Z"]


def test_equal_and_interleaved_times(server: FaultServer) -> None:
    """Two streams of a container are stamped each by itself: a line may be a little older than the one before it."""
    first = [at(1, "a"), at(2, "b", "5"), at(2, "c", "5"), at(2, "late", "3")]
    server.behaviours = [log(*first, torn=True), log(*first, at(2, "later", "4"), at(2, "d", "5"), at(3, "e")), ENDED, log(at(3, "e"))]
    assert follow(server) == ("ended", ["a", "b", "c", "late", "later", "d", "e"])


def test_a_log_that_was_rotated(server: FaultServer) -> None:
    """What is asked for again may begin later than what was asked for: the rest is in an older file."""
    first = [at(1, f"a{number}", f"{number:09}") for number in range(50)]
    server.behaviours = [log(*first, torn=True), log(first[-1], at(1, "b", "9")), ENDED, log()]
    assert follow(server) == ("ended", [*(f"a{number}" for number in range(50)), "b"])


def test_more_lines_than_are_remembered(server: FaultServer) -> None:
    many = [at(number // 100, f"a{number}", f"{number:09}") for number in range(2000)]
    server.behaviours = [log(*many, torn=True), log(*many[1500:], at(30, "b")), ENDED, log(at(30, "b"))]
    assert follow(server) == ("ended", [*(f"a{number}" for number in range(2000)), "b"])
    assert asked(server)[1] == "2026-01-20T10:00:18Z"


def test_it_waits_for_its_container(server: FaultServer) -> None:
    server.behaviours = [WAITS, RUNNING, WAITS, RUNNING, end, log(at(1, "a")), ENDED, log(at(1, "a"))]
    assert follow(server) == ("ended", ["a"])


def test_a_container_that_was_started_again(server: FaultServer) -> None:
    server.behaviours = [log(at(1, "a")), AGAIN, log(at(1, "a"), at(1, "b"))]
    assert follow(server) == ("ended", ["a", "b"])
    assert "previous=true" in server.requests[-1].url


def test_its_pod_is_gone(server: FaultServer) -> None:
    server.behaviours = [log(at(1, "a")), NO_POD]
    assert follow(server) == ("gone", ["a"])


def test_the_words_of_a_kubelet_are_no_line(server: FaultServer) -> None:
    server.behaviours = [log(at(1, "a"), "rpc error: code = NotFound desc = no such container"), ENDED, log(at(1, "a"))]
    assert follow(server) == ("ended", ["a"])


def test_an_expired_token_is_said_so(server: FaultServer) -> None:
    server.behaviours = [EXPIRED]
    with pytest.raises(ApiError) as caught:
        follow(server)
    assert caught.value.status == 401


def test_a_renewed_token_is_taken(server: FaultServer, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "kubeconfig"

    def write(token: str) -> None:
        config = {"clusters": [{"name": "c", "cluster": {"server": server.url, "insecure-skip-tls-verify": True}}], "current-context": "c"}
        config["users"], config["contexts"] = [{"name": "u", "user": {"token": token}}], [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
        path.write_text(json.dumps(config))

    write("old-token")
    api = Api(load(str(path)), 30, 30)
    write("a-token-that-is-new")
    server.behaviours = [EXPIRED, log(at(1, "a")), ENDED, log(at(1, "a"))]
    heard: list[str] = []
    assert PodLog(api, "ns", "p", "main").follow(heard.append, time.monotonic() + 60) == "ended" and heard == ["a"]
    assert server.requests[1].headers["authorization"] == "Bearer a-token-that-is-new"


def test_silence_is_followed_by_another_look(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pod_log, "SILENT_SECONDS", 0.2)

    def mute(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        server.stopped.wait(5)
        return False

    server.behaviours = [mute, RUNNING, log(at(1, "a")), ENDED, log(at(1, "a"))]
    assert follow(server) == ("ended", ["a"])


def test_lines_of_any_length() -> None:
    lines, heard = Lines(), []
    for block in (b"one\r\ntw", b"o\n", b"x" * LONGEST_LINE, b"x" * LONGEST_LINE, b"x" * 10, b"\nnext\nlast"):
        heard += list(lines.feed(block))
    heard += list(lines.rest())
    assert [line[:4] for line in heard] == ["one", "two", "xxxx", "next", "last"]
    assert heard[2] == "x" * LONGEST_LINE + CUT


def test_the_last_lines(server: FaultServer) -> None:
    server.behaviours = [answer(b"a\x0bb\n\nlast")]
    api = Api(Target(path="/nowhere", context="test", server=server.url, ca=server.authority.pem), connect_timeout=30, request_timeout=30)
    assert tail(api, "ns", "p", "main", 3) == ["a\x0bb", "", "last"]
    assert "tailLines=3" in server.requests[0].url
