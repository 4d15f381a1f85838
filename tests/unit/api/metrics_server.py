# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pod's port with metrics, on an address of this machine that the API server lets through its pod proxy (it refuses loopback)."""

from __future__ import annotations

import http.server
import socket
import threading
import time


class MetricsServer:
    """Serves C(text) for every path until the C(with) ends, C(pause) seconds after it was asked."""

    def __init__(self, text: str, port: int = 0) -> None:
        self.text, self.pause = text, 0.0
        self.address = own_address()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(outer.pause)
                payload = outer.text.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_words: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((self.address, port), Handler)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> MetricsServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def own_address() -> str:
    """The machine's own address towards others; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
