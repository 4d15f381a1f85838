# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests when things go wrong: repeated where that helps, one clear message where it does not, never past the deadline."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import pathlib
import socket
import threading
import time
import types
import typing as t

import faults
import pytest
from certificates import Authority
from faults import FaultServer, answer

from ansible_collections.studioml.fleet.plugins.module_utils import _rest
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._connection import is_direct, proxy_for
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

PATH = "/api/v1/namespaces/ns/configmaps/x"
GOOD = answer({"kind": "ConfigMap", "data": {"A": "1"}})


@pytest.fixture
def server(tmp_path: pathlib.Path) -> t.Iterator[FaultServer]:
    made = FaultServer(tmp_path)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "PAUSE", 0.01)
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def target(server: FaultServer, **more: t.Any) -> Target:
    return Target(**{"path": "/k", "context": "test", "server": server.url, "ca": server.authority.pem, "token": "geheim-token", **more})


def api(server: FaultServer, timeout: float = 30, **more: t.Any) -> Api:
    return Api(target(server, **more), connect_timeout=timeout, request_timeout=timeout)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited before each further try; nobody does."""
    told: list[float] = []
    monkeypatch.setattr(_rest, "time", types.SimpleNamespace(monotonic=time.monotonic, sleep=told.append))
    return told


@pytest.mark.parametrize("failure", [faults.reset, faults.end, faults.cut, answer(b"<html>"), *(answer(status=status) for status in (429, 500, 502, 503, 504))])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_passing_failure_is_tried_again(server: FaultServer, failure: faults.Behaviour, method: str) -> None:
    server.behaviours = [failure, failure, GOOD]
    assert api(server).request(method, PATH, body={} if method == "PATCH" else None)["data"] == {"A": "1"}
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_tries_are_bounded(server: FaultServer, status: int) -> None:
    server.behaviours = [answer(status=status)]
    with pytest.raises(ApiError, match=rf"GET {PATH} on .* was answered with {status}: status {status}\. The API server is overloaded"):
        api(server).request("GET", PATH)
    assert len(server.requests) == _rest.ATTEMPTS


def test_retry_after_is_honoured(server: FaultServer, waits: list[float]) -> None:
    server.behaviours = [answer(status=429, Retry_After="1"), GOOD]
    api(server).request("GET", PATH)
    assert waits == [1]


def test_retry_after_beyond_the_deadline_is_not_awaited(server: FaultServer, waits: list[float]) -> None:
    server.behaviours = [answer(status=503, Retry_After="60")]
    with pytest.raises(ApiError):
        api(server).request("GET", PATH)
    assert waits == [] and len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_what_will_not_change_is_not_tried_again(server: FaultServer, status: int) -> None:
    server.behaviours = [answer(status=status)]
    with pytest.raises(ApiError) as caught:
        api(server).request("GET", PATH)
    assert (caught.value.status, len(server.requests)) == (status, 1)
    assert "geheim" not in caught.value.text()


def test_a_lost_race_is_run_again_and_a_conflict_of_owners_is_not(server: FaultServer) -> None:
    race = {"kind": "Status", "reason": "Conflict", "message": "the object has been modified"}
    server.behaviours = [answer(race, 409), GOOD]
    api(server).request("PATCH", PATH, body={})
    causes = [{"reason": "FieldManagerConflict", "message": 'conflict with "argocd-controller" using v1', "field": ".data.STATE"}]
    server.behaviours = [answer({**race, "details": {"causes": causes}}, 409)]
    with pytest.raises(ApiError, match=r"data\.STATE is set by argocd-controller\..*force_conflicts: true"):
        api(server).request("PATCH", PATH, body={})
    assert len(server.requests) == 3


def test_a_slow_answer_ends_at_the_deadline(server: FaultServer) -> None:
    server.behaviours = [faults.silence(server.stopped)]
    began = time.monotonic()
    with pytest.raises(Unreachable, match="no answer in time.*Check that the API server runs"):
        api(server, timeout=0.5).request("GET", PATH)
    assert time.monotonic() - began < 20, "long before the server ends it"


def test_connections_are_kept(server: FaultServer) -> None:
    client = api(server)
    for _number in range(5):
        client.request("GET", PATH)
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_kept_connection_that_the_server_has_closed_is_no_failure(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "ATTEMPTS", 1)
    client = api(server)

    def once(connection: socket.socket) -> bool:
        GOOD(connection)
        return False

    server.behaviours = [once]
    for _number in range(3):
        client.request("GET", PATH)
    assert len(server.requests) == 3


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Api(Target(path="/k", context="test", server=f"https://127.0.0.1:{port}", insecure=True), request_timeout=30)
    with pytest.raises(Unreachable, match=rf"GET {PATH} on https://127.0.0.1:{port} \(context test of /k\) failed: connection refused"):
        client.request("GET", PATH)


def test_no_such_name() -> None:
    with pytest.raises(Unreachable, match="the name cannot be resolved"):
        Api(Target(path="/k", context="test", server="https://no-such-host.invalid", insecure=True)).request("GET", PATH)


def test_no_tls_on_this_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_plain_http, args=(listener,), daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Unreachable, match="TLS failed.*does not speak TLS on this port"):
            Api(Target(path="/k", context="test", server=url, insecure=True)).request("GET", PATH)


def _plain_http(listener: socket.socket) -> None:
    connection, _address = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_an_unknown_authority(server: FaultServer) -> None:
    with pytest.raises(Unreachable, match="certificate is not accepted.*signed by another authority than the kubeconfig's"):
        api(server, ca=Authority("other").pem).request("GET", PATH)
    assert server.requests == []


@pytest.mark.parametrize(
    ("names", "days", "message"),
    [(["127.0.0.1"], -1, "has expired: renew it"), (["10.0.0.1"], 1, "not valid for this address"), (["host"], 1, "tls-server-name")],
)
def test_a_bad_server_certificate(tmp_path: pathlib.Path, names: list[str], days: int, message: str) -> None:
    authority = Authority("a")
    server = FaultServer(tmp_path, authority.server(names, datetime.timedelta(days=days)))
    with pytest.raises(Unreachable, match=message):
        api(server, ca=authority.pem).request("GET", PATH)
    server.stop()


def test_tls_server_name(tmp_path: pathlib.Path) -> None:
    authority = Authority("a")
    server = FaultServer(tmp_path, authority.server(["kubernetes.test"]))
    assert api(server, ca=authority.pem, tls_server_name="kubernetes.test").request("GET", PATH)
    server.stop()


def test_an_expired_client_certificate_is_named(server: FaultServer) -> None:
    pair = Authority("a").client("x", life=datetime.timedelta(days=-1))
    server.behaviours = [answer(status=401)]
    with pytest.raises(ApiError, match="The client certificate in the kubeconfig expired on "):
        api(server, token="", certificate=pair.certificate, key=pair.key).request("GET", PATH)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "does not know the token"),
        ({"token": "", "username": "u"}, "does not know the user"),
        ({"token": ""}, "has no credentials that this collection can use"),
    ],
)
def test_who_is_unauthorized(server: FaultServer, changes: dict[str, str], message: str) -> None:
    server.behaviours = [answer(status=401)]
    with pytest.raises(ApiError, match=message):
        api(server, **changes).request("GET", PATH)


def test_credentials_go_into_headers(server: FaultServer) -> None:
    api(server).request("GET", PATH)
    api(server, token="", username="u", password="p").request("GET", PATH)
    basic = "Basic " + base64.b64encode(b"u:p").decode()
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer geheim-token", basic]


def test_a_path_in_front_of_the_api(server: FaultServer) -> None:
    client = Api(dataclasses.replace(target(server), server=server.url + "/k8s/clusters/c-1"))
    client.request("GET", PATH, {"a": "b c"})
    assert server.requests[0].url == f"/k8s/clusters/c-1{PATH}?a=b+c"


def test_something_else_than_an_api_server(server: FaultServer) -> None:
    server.behaviours = [answer(b"<html>Not here</html>", 404)]
    with pytest.raises(ApiError, match="not the answer of a Kubernetes API server"):
        api(server).find(PATH)


@pytest.mark.parametrize("payload", [b'{"ok": true}', b"{}"])
def test_something_else_that_speaks_json(server: FaultServer, payload: bytes) -> None:
    server.behaviours = [answer(payload)]
    with pytest.raises(ApiError, match="JSON that is no Kubernetes object"):
        api(server).request("GET", PATH)


def test_a_sign_in_page(server: FaultServer) -> None:
    server.behaviours = [answer(b"", 302, Location="https://login")]
    with pytest.raises(ApiError, match="sends us elsewhere"):
        api(server).request("GET", PATH)


@pytest.mark.parametrize("by", ["environment", "kubeconfig"])
def test_a_proxy_is_gone_through(server: FaultServer, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    with Proxy() as proxy:
        address = f"http://user:pass@127.0.0.1:{proxy.port}"
        if by == "environment":
            monkeypatch.setenv("HTTPS_PROXY", address)
        client = api(server, **({"proxy_url": address} if by == "kubeconfig" else {}))
        assert client.request("GET", PATH)
        assert proxy.heads[0].startswith(f"CONNECT {server.url.removeprefix('https://')} ")
        assert "Proxy-Authorization: Basic " + base64.b64encode(b"user:pass").decode() in proxy.heads[0]


def test_no_proxy_excepts(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    assert api(server).request("GET", PATH)


def test_a_proxy_of_another_kind(server: FaultServer) -> None:
    with pytest.raises(FleetError, match=r"not supported \(socks5://\)"):
        proxy_for(target(server, proxy_url="socks5://h:1"), "h", 1)


@pytest.mark.parametrize(
    ("entry", "host", "direct"),
    [("*", "a", True), ("example.com", "api.example.com", True), (".example.com", "api.example.com", True), ("example.com", "badexample.com", False)]
    + [("10.0.0.0/8", "10.1.2.3", True), ("10.0.0.0/8", "11.1.2.3", False), ("a:443", "a", True), ("a:80", "a", False), ("", "a", False)]
    + [(" A , b", "a", True)],
)
def test_no_proxy_entries(entry: str, host: str, direct: bool) -> None:
    assert is_direct(host, 443, entry) is direct


class Proxy:
    """An HTTP proxy that knows CONNECT."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        near, _address = self._listener.accept()
        head = near.recv(65536).decode()
        self.heads.append(head)
        host, _colon, port = head.split(" ")[1].partition(":")
        far = socket.create_connection((host, int(port)))
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=_copy, args=(far, near), daemon=True).start()
        _copy(near, far)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            sink.sendall(block)
    except OSError:
        return
