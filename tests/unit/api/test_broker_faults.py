# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The broker's client when RabbitMQ, or something in its place, does not answer as it should."""

from __future__ import annotations

import pathlib
import socket
import typing as t

import pytest
from certificates import Authority
from faults import FaultServer, answer, cut, end, reset, silence

from ansible_collections.studioml.fleet.plugins.module_utils import _rest
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker, User
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

ME = {"name": "administrator", "tags": "administrator,monitoring"}
WHO = User("administrator", ("administrator", "monitoring"))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "PAUSE", 0.01)


@pytest.fixture
def server(tmp_path: pathlib.Path) -> t.Iterator[FaultServer]:
    made = FaultServer(tmp_path)
    yield made
    made.stop()


def broker(server: FaultServer, **options: t.Any) -> Broker:
    return Broker(server.url, "administrator", "s3cret", **{"ca": server.authority.pem, "request_timeout": 30, **options})


@pytest.mark.parametrize("fault", [answer(status=429), answer(status=500), answer(status=502), answer(b"<html>", 503), answer(status=504), reset, end, cut])
def test_what_passes_is_tried_again(server: FaultServer, fault: t.Any) -> None:
    server.behaviours = [fault, answer(ME)]
    assert broker(server).whoami() == WHO
    assert len(server.requests) == 2


def test_a_write_that_may_have_happened_is_repeated(server: FaultServer) -> None:
    server.behaviours = [reset, answer(b"", 204)]
    broker(server).set_permissions("/", "runner", ".*", ".*", ".*")
    assert [(request.method, request.url) for request in server.requests] == [("PUT", "/api/permissions/%2F/runner")] * 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answer(b"<html>sign in</html>"), "was answered with something that is not JSON. This is not the management API of RabbitMQ: check the broker's url."),
        (answer(b"<html>", 404), "was answered with 404 Not Found. This is not the management API of RabbitMQ"),
        (answer(b"", 302), "was answered with 302 Found. Something in between sends us elsewhere: check the broker's url."),
        (answer(b"", 401), "was answered with 401 Unauthorized. No user arrived: something in between"),
        (answer(b"", 500), "was answered with 500 Internal Server Error. RabbitMQ is not well"),
        (cut, "failed: the answer was cut off."),
        (end, "failed: the connection was closed before an answer came."),
    ],
)
def test_what_stays_is_said(server: FaultServer, fault: t.Any, words: str) -> None:
    server.behaviours = [fault]
    with pytest.raises(FleetError) as caught:
        broker(server).whoami()
    assert f"GET /api/whoami on the broker {server.url} {words}" in str(caught.value)
    assert "s3cret" not in str(caught.value.result())


def test_silence_ends_at_the_deadline(server: FaultServer) -> None:
    server.behaviours = [silence(server.stopped)]
    with pytest.raises(FleetError, match="failed: no answer in time. Check that RabbitMQ runs"):
        broker(server, request_timeout=0.3).whoami()


def test_certificates(server: FaultServer) -> None:
    with pytest.raises(FleetError, match="its certificate is not accepted .*broker: ca_path"):
        broker(server, ca=Authority("another").pem).whoami()
    server.behaviours = [answer(ME)]
    assert broker(server, ca=b"", validate_certs=False).whoami() == WHO


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(FleetError, match="connection refused. Check that RabbitMQ runs, the broker's url, firewalls"):
        Broker(f"http://127.0.0.1:{port}", "u", "p", request_timeout=30, amqp=f"127.0.0.1:{port}").whoami()
    with pytest.raises(FleetError, match="the name cannot be resolved"):
        Broker("http://nowhere.invalid:15672", "u", "p").whoami()
