# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to an API server that becomes a WebSocket, as port-forward and exec are carried."""

from __future__ import annotations

import base64
import http.client
import io
import os
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import denied, transport
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api, _status

HEAD_LIMIT = 65536


def upgraded(api: Api, connection: Connection, url: str, protocols: t.Sequence[str], namespace: str) -> str:
    """Connect and change over; the protocol that the server has chosen, or an empty string. The caller closes the connection when this fails."""
    what = f"GET {url.partition('?')[0]}"
    nonce = base64.b64encode(os.urandom(16)).decode("ascii")
    wanted = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": nonce}
    kept = {name: value for name, value in api.headers().items() if name not in ("Accept", "Content-Type")}
    headers = {**kept, **wanted, "Sec-WebSocket-Protocol": ", ".join(protocols), "Host": f"{connection.host}:{connection.port}"}
    try:
        connection.limit(api.connect_timeout)
        connection.connect()
        connection.limit(api.request_timeout)
        lines = [f"GET {url} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.sock.sendall("\r\n".join(lines).encode("latin-1"))
        status, answer, content = _answer(connection)
    except (OSError, ValueError, IndexError, http.client.HTTPException) as error:
        raise transport(error, api.target, what) from None
    if status != 101:
        raise denied(status, _status(content), api.target, what, namespace)
    chosen = answer.get("Sec-WebSocket-Protocol") or ""
    return chosen if chosen in protocols else ""


def _answer(connection: Connection) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Read no further than the head of a success: what follows is the WebSocket's."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += _read(connection, 1)
        if len(head) > HEAD_LIMIT:
            raise ValueError("the answer has no end")
    line, _end, fields = bytes(head).partition(b"\r\n")
    headers = http.client.parse_headers(io.BytesIO(fields))
    status = int(line.split()[1])
    return status, headers, b"" if status == 101 else _read(connection, int(headers.get("Content-Length") or 0))


def _read(connection: Connection, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        block = connection.sock.recv(size - len(content))
        if not block:
            raise ConnectionResetError("closed during the upgrade")
        content += block
    return bytes(content)
