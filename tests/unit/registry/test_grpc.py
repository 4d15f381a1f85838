"""The gRPC client against a real gRPC server, and against servers that are none."""

from __future__ import annotations

import concurrent.futures
import contextlib
import pathlib
import socket
import struct
import tempfile
import threading
import time
import types
import typing as t

import grpc
import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _cri as cri
from ansible_collections.studioml.fleet.plugins.module_utils import _grpc as client
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

NOT_PULLED = 'failed to resolve reference "hub:5000/a:1": 100% „nicht da"'
METADATA = tuple((f"x-header-{number}", "value " * 20) for number in range(60))  # more than one frame of trailers


class Runtime(grpc.GenericRpcHandler):
    """A runtime that knows one package of the CRI."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.requests: list[tuple[str, bytes]] = []
        self.over = threading.Event()

    def service(self, details):
        package, _dot, method = details.method.lstrip("/").rpartition(".")
        answer = getattr(self, method.replace("/", "_"), None)
        if package != self.package or answer is None:
            return None

        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            self.requests.append((method, request))
            return answer(request, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    def RuntimeService_Version(self, request, context):
        return b"\x0a\x050.1.0\x12\x0acontainerd\x1a\x051.7.0\x22\x02v1"

    def ImageService_PullImage(self, request, context):
        if b"missing" in request:
            context.set_trailing_metadata(METADATA)
            context.abort(grpc.StatusCode.NOT_FOUND, NOT_PULLED)
        if b"slow" in request:
            self.over.wait(120)
        return b"\x0a\x06sha256"

    def ImageService_ImageStatus(self, request, context):
        if b"absent" in request:
            return b""
        return b"\x0a\x1a\x0a\x02id\x12\x05a:1.2\x1a\x05a@sha\x20\x07\x2a\x02\x08\x01"

    def ImageService_RemoveImage(self, request, context):
        return b""

    def ImageService_Echo(self, request, context):
        return request * 3


@contextlib.contextmanager
def serving(runtime: Runtime) -> t.Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[runtime], options=[("grpc.max_receive_message_length", -1)])
        server.add_insecure_port(f"unix:{path}")
        server.start()
        try:
            yield path
        finally:
            runtime.over.set()
            server.stop(0).wait(60)


@contextlib.contextmanager
def answering(data: bytes, read: int = 0) -> t.Iterator[str]:
    """A server that reads a little, sends some bytes, and says no more."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/socket"
        listener.bind(path)
        listener.listen(1)

        def serve() -> None:
            connection = listener.accept()[0]
            with connection, contextlib.suppress(OSError):
                connection.settimeout(60)
                connection.recv(4096)
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):  # until the client has gone: it must not find its own words refused
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path
        finally:
            thread.join(60)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


@pytest.fixture
def runtime() -> t.Iterator[tuple[Runtime, cri.Cri]]:
    fake = Runtime("runtime.v1")
    with serving(fake) as path:
        yield fake, cri.Cri(path)


def test_version(runtime):
    assert runtime[1].version() == cri.Version("containerd", "1.7.0")


def test_pull_sends_the_image_and_the_user(runtime):
    fake, api = runtime
    assert api.pull("hub:5000/a:1", username="me", password="secret") == "sha256"
    assert fake.requests == [("ImageService/PullImage", b"\x0a\x0e\x0a\x0chub:5000/a:1\x12\x0c\x0a\x02me\x12\x06secret")]
    api.pull("a")
    assert fake.requests[1][1] == b"\x0a\x03\x0a\x01a"


def test_the_runtimes_own_words_arrive(runtime):
    with pytest.raises(client.GrpcError) as caught:
        runtime[1].pull("missing")
    assert (caught.value.status, caught.value.message) == ("NOT_FOUND", NOT_PULLED)


def test_image_status(runtime):
    assert runtime[1].image("a:1.2") == cri.Image("id", ["a:1.2"], ["a@sha"])
    assert runtime[1].image("absent") is None
    runtime[1].remove("a:1.2")


def test_large_messages_both_ways_respect_the_windows(runtime):
    data = bytes(range(256)) * 1200  # 300 kB out, 900 kB back: both beyond the first window
    assert client.call(runtime[1].path, "/runtime.v1.ImageService/Echo", data, 120) == data * 3


def test_a_deadline_ends_a_slow_call(runtime):
    begin = time.monotonic()
    with pytest.raises(client.GrpcError) as caught:
        runtime[1].pull("slow", timeout=0.5)
    assert caught.value.status == "DEADLINE_EXCEEDED" and time.monotonic() - begin < 60


def test_runtimes_before_1_6_are_asked_in_their_way():
    fake = Runtime("runtime.v1alpha2")
    with serving(fake) as path:
        api = cri.Cri(path)
        assert api.version().name == "containerd"
        assert api.pull("a") == "sha256"


def test_a_runtime_without_its_cri_plugin_is_not_healthy(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(cri, "time", types.SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds)))
    with serving(Runtime("other")) as path, pytest.raises(FleetError, match="not healthy after 11 seconds: .*CRI plugin is not loaded"):
        cri.wait_healthy(cri.Cri(path), 11, interval=6)  # so that each of the two looks has all the time that one may have
    assert now == [6]


def test_a_runtime_that_comes_late_is_waited_for(runtime):
    assert cri.wait_healthy(runtime[1], 60).version == "1.7.0"


def test_no_socket_is_unavailable():
    with pytest.raises(client.GrpcError, match="No such file or directory") as caught:
        client.call("/nonexistent/socket", "/a/b", b"", 60)
    assert caught.value.status == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 20, "INTERNAL", "does not answer as a gRPC server does: it began with b'HTTP/1.1 '"),
        (b"", "UNAVAILABLE", "closed the connection"),
        (frame(4, 0, 0, b"") + frame(7, 0, 0, struct.pack(">II", 0, 2) + b"too_many"), "UNAVAILABLE", "sends us away .*2.* too_many"),
        (frame(3, 0, 1, struct.pack(">I", 7)), "UNAVAILABLE", "reset the call .*7"),
        (frame(1, 5, 1, b"\x8d"), "UNAVAILABLE", "HTTP status 404"),
        (frame(1, 5, 1, b"\x88"), "INTERNAL", "without a status"),
        (frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff"), "INTERNAL", "not answer as a gRPC server"),
        (frame(1, 0xD, 1, b"\x09\x88"), "INTERNAL", "padding"),
        (frame(6, 0, 0, b"12345678") + frame(99, 0, 0, b"?") + frame(1, 5, 1, b"\x88\x00\x0bgrpc-status\x012\x00\x0cgrpc-message\x06a%20%C3"), "UNKNOWN", "a "),
    ],
)
def test_servers_that_are_none(data, status, words):
    with answering(data) as path, pytest.raises(client.GrpcError, match=words) as caught:
        client.call(path, "/a/b", b"", 60)
    assert caught.value.status == status


def test_padding_and_priority_are_read():
    block = b"\x88\x00\x0bgrpc-status\x010"
    data = frame(1, 0x4 | 0x8 | 0x20, 1, b"\x02" + b"\0\0\0\0\x10" + b"\x88" + b"\0\0") + frame(0, 0x8, 1, b"\x01\0\0\0\0\x02ok\0")
    data += frame(1, 0x1, 1, block[:5]) + frame(9, 0x4, 1, block[5:])
    with answering(data) as path:
        assert client.call(path, "/a/b", b"", 60) == b"ok"


def test_the_socket_of_microk8s_is_the_default():
    assert pathlib.PurePath(cri.Cri().path).name == "containerd.sock"
