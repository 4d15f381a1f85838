"""The registry client against a small server of HTTP that answers as registries do; a real registry is asked in the integration tests."""

from __future__ import annotations

import hashlib
import http.server
import json
import platform
import socket
import threading
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _registry
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

CONFIG = json.dumps({"config": {"Labels": {"registry.repo": "a/b"}}}).encode()
MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:c"}}).encode()
OURS = _registry.ARCHITECTURES.get(platform.machine(), platform.machine())
INDEX = json.dumps(
    {
        "manifests": [
            {"digest": "sha256:x", "platform": {"os": "linux", "architecture": "other"}},
            {"digest": "sha256:m", "platform": {"os": "linux", "architecture": OURS}},
        ]
    }
).encode()


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by path; C(seen) records what was asked with which authorization."""

    seen: t.ClassVar[list[tuple[str, str, str]]] = []
    answers: t.ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}

    def do_GET(self):
        self.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        status, headers, body = self.answers.get(
            self.path.split("?")[0], (404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')
        )
        if "Protected" in headers and self.headers.get("Authorization") != headers["Protected"]:
            status, headers, body = (
                401,
                {"WWW-Authenticate": headers["Challenge"]},
                b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}',
            )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server() -> t.Iterator[str]:
    Server.seen, Server.answers = [], {}
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    yield f"127.0.0.1:{listener.server_address[1]}"
    listener.shutdown()
    thread.join()
    listener.server_close()


def test_digest_from_the_header_and_from_the_text(server):
    Server.answers = {"/v2/a/b/manifests/1": (200, {"Docker-Content-Digest": "sha256:d"}, MANIFEST), "/v2/a/b/manifests/2": (200, {}, MANIFEST)}
    registry = _registry.Registry(server, "http")
    assert registry.digest("a/b", "1") == "sha256:d" and [method for method, _path, _user in Server.seen] == ["HEAD"]
    assert registry.digest("a/b", "2") == "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
    assert registry.digest("a/b", "none") == ""


def test_labels_of_an_image_and_of_an_index(server):
    Server.answers = {
        "/v2/a/b/manifests/1": (200, {}, MANIFEST),
        "/v2/a/b/manifests/multi": (200, {}, INDEX),
        "/v2/a/b/manifests/sha256:m": (200, {}, MANIFEST),
        "/v2/a/b/blobs/sha256:c": (307, {"Location": "/elsewhere"}, b""),
        "/elsewhere": (200, {}, CONFIG),
    }
    registry = _registry.Registry(server, "http")
    assert registry.labels("a/b", "1") == {"registry.repo": "a/b"} == registry.labels("a/b", "multi")
    assert registry.labels("a/b", "none") == {}


def test_a_user_is_sent_and_not_to_where_a_redirect_leads(server):
    Server.answers = {"/v2/a/b/manifests/1": (307, {"Location": "/elsewhere"}, b""), "/elsewhere": (200, {"Docker-Content-Digest": "sha256:d"}, b"")}
    assert _registry.Registry(server, "http", username="me", password="secret").digest("a/b", "1") == "sha256:d"
    assert [(method, user[:6]) for method, _path, user in Server.seen] == [("HEAD", "Basic "), ("HEAD", "")]


def test_a_token_is_fetched_when_the_registry_wants_one(server):
    challenge = f'Bearer realm="http://{server}/token",service="r",scope="repository:a/b:pull"'
    Server.answers = {
        "/v2/a/b/manifests/1": (200, {"Protected": "Bearer t0", "Challenge": challenge, "Docker-Content-Digest": "sha256:d"}, b""),
        "/token": (200, {}, b'{"token": "t0"}'),
    }
    assert _registry.Registry(server, "http", username="me", password="secret").digest("a/b", "1") == "sha256:d"
    assert "/token?service=r&scope=repository%3Aa%2Fb%3Apull" in [path for _method, path, _user in Server.seen]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {"WWW-Authenticate": "Basic"}, b"{}"), "HTTP 401.*Give a username"),
        ((403, {}, b'{"errors": [{"code": "DENIED", "message": "no"}]}'), r"HTTP 403 \(DENIED: no\)"),
        ((500, {}, b"<html>broken\nmore"), r"HTTP 500 \(<html>broken\).*See the log"),
        ((400, {}, b"Client sent an HTTP request to an HTTPS server.\n"), "set scheme: https"),
        ((200, {}, b"<html>"), "does not answer as a registry does"),
    ],
)
def test_refusals_are_told_in_the_registrys_words(server, answer, words):
    Server.answers = {"/v2/a/b/manifests/1": answer}
    with pytest.raises(FleetError, match=words) as caught:
        _registry.Registry(server, "http", username="me", password="secret").labels("a/b", "1")
    assert "secret" not in caught.value.text()


def test_plain_http_asked_by_https_is_explained(server):
    with pytest.raises(FleetError, match="set scheme: http") as caught:
        _registry.Registry(server, "https").digest("a/b", "1")
    assert caught.value.details["unreachable"]


def test_nobody_there_is_explained():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(FleetError, match="Connection refused. Is the registry running"):
        _registry.Registry(host, "http").digest("a/b", "1")


def test_an_authority_that_is_none_is_explained(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_text("none")
    with pytest.raises(FleetError, match="cannot be used"):
        _registry.Registry("hub:5000", "https", ca_file=str(path))
