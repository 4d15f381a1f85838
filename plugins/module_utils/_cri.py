# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CRI, the interface through which the kubelet speaks to its container runtime: the few calls that prove a registry and the runtime's health."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._grpc import GrpcError, call

MICROK8S_SOCKET = "/var/snap/microk8s/common/run/containerd.sock"

# containerd before 1.6 (MicroK8s up to 1.23) knows only the older name; the messages used here are the same in both.
PACKAGES = ("runtime.v1", "runtime.v1alpha2")


class Image(t.NamedTuple):
    """An image that the runtime has."""

    id: str
    tags: t.List[str]
    digests: t.List[str]


class Version(t.NamedTuple):
    """The runtime behind a socket."""

    name: str
    version: str


class Cri:
    """The runtime behind a unix socket.

    Its methods raise GrpcError with the runtime's own words.
    """

    def __init__(self, path: str = MICROK8S_SOCKET) -> None:
        self.path = path
        self._package = ""

    def version(self, timeout: float = 5) -> Version:
        """The runtime's name and version; that it answers at all says that its CRI plugin is loaded."""
        answer = self._call("RuntimeService/Version", b"", timeout)
        return Version(_text(answer, 2), _text(answer, 3))

    def pull(self, image: str, *, username: str = "", password: str = "", timeout: float = 300) -> str:
        """Pull an image as the kubelet does; returns what the runtime calls it."""
        request = _field(1, _field(1, image.encode()))
        if username:
            request += _field(2, _field(1, username.encode()) + _field(2, password.encode()))
        return _text(self._call("ImageService/PullImage", request, timeout), 1)

    def image(self, image: str, timeout: float = 10) -> t.Optional[Image]:
        """What the runtime knows of an image, None when it does not have it."""
        found = _fields(self._call("ImageService/ImageStatus", _field(1, _field(1, image.encode())), timeout)).get(1)
        if not found:
            return None
        fields = _fields(found[0])
        return Image(_first(fields, 1), _decode(fields, 2), _decode(fields, 3))

    def remove(self, image: str, timeout: float = 30) -> None:
        """Remove an image B(under every name that it has): callers look at its other names first."""
        self._call("ImageService/RemoveImage", _field(1, _field(1, image.encode())), timeout)

    def _call(self, method: str, message: bytes, timeout: float) -> bytes:
        if self._package:
            return call(self.path, f"/{self._package}.{method}", message, timeout)
        try:
            answer = call(self.path, f"/{PACKAGES[0]}.{method}", message, timeout)
        except GrpcError as error:
            if error.status != "UNIMPLEMENTED":
                raise
            first = error
        else:
            self._package = PACKAGES[0]
            return answer
        try:
            answer = call(self.path, f"/{PACKAGES[1]}.{method}", message, timeout)
        except GrpcError as error:
            raise (first if error.status == "UNIMPLEMENTED" else error) from None
        self._package = PACKAGES[1]
        return answer


def wait_healthy(cri: Cri, timeout: float, interval: float = 0.5) -> Version:
    """Wait until the runtime answers B(with its CRI plugin): a unit that runs says nothing of it.

    :raises FleetError: with the last thing that the runtime said.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return cri.version(timeout=max(1.0, min(5.0, deadline - time.monotonic())))
        except GrpcError as error:
            if time.monotonic() + interval >= deadline:
                raise FleetError(f"containerd's CRI is not healthy after {timeout:g} seconds: {explain(error)}.") from None
        time.sleep(interval)


def explain(error: GrpcError) -> str:
    """The runtime's words, with what they mean where that is not obvious."""
    if error.status == "UNIMPLEMENTED":
        return f"{error.message} (containerd runs, but its CRI plugin is not loaded, so the kubelet cannot use it)"
    return error.message or error.status


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    result.append(value)
    return bytes(result)


def _fields(data: bytes) -> t.Dict[int, t.List[bytes]]:
    """The length-delimited fields of a protobuf message (all that is read here); others are skipped."""
    result: t.Dict[int, t.List[bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == 2:
            length, at = _read_varint(data, at)
            result.setdefault(tag >> 3, []).append(data[at : at + length])
            at += length
        elif kind == 0:
            at = _read_varint(data, at)[1]
        else:
            at += {1: 8, 5: 4}.get(kind, len(data))
    return result


def _read_varint(data: bytes, at: int) -> t.Tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            break
    return value, at


def _decode(fields: t.Mapping[int, t.Sequence[bytes]], number: int) -> t.List[str]:
    return [value.decode("utf-8", "replace") for value in fields.get(number, [])]


def _first(fields: t.Mapping[int, t.Sequence[bytes]], number: int) -> str:
    return (_decode(fields, number) or [""])[0]


def _text(data: bytes, number: int) -> str:
    return _first(_fields(data), number)
