# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubelet and scheduler for all pods of these tests, and the port of metrics that all of them have."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
import time
import typing as t

import hands
from metrics_server import own_address

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Watch

# How the namespaces begin that are looked after here.
OURS = "f-"
METRICS = re.compile(r"/namespaces/([^/]+)/pods/([^/:]+)")


class Work:
    """What the runners of each namespace do, as their metrics say. Every look counts as one more look of the runner into its queues."""

    def __init__(self) -> None:
        self.running: dict[str, int] = {}
        self.looks = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                namespace, _pod = METRICS.search(self.headers["X-Forwarded-Uri"]).groups()
                payload = outer.text(namespace).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_words: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.server = Server((own_address(), 0), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self, namespace: str) -> str:
        self.looks += 1
        labels = 'project="demo",experiment="exp-1",queue_name="amqp://hub:5672/%2f?rmq_demo"'
        return f"runner_project_running{{{labels}}} {self.running.get(namespace, 0)}\nrunner_queue_checked{{queue_name=\"x\"}} {self.looks}\n"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Kubelet:
    """Binds every new pod to one node, says that it runs, and ends it when it is deleted."""

    def __init__(self, admin: Api, node: str) -> None:
        self.admin, self.node = admin, node
        self.watch = Watch(admin, "/api/v1/pods", {}, time.monotonic() + 3600)
        self.begun: set[str] = set()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        self.watch.stop()

    def _run(self) -> None:
        for event in self.watch:
            ours = [pod for pod in event.objects if pod["metadata"]["namespace"].startswith(OURS)]
            for pod in ours if event.type != "DELETED" else []:
                with contextlib.suppress(FleetError):  # it is gone, or will be told of again
                    self._serve(pod)

    def _serve(self, pod: dict[str, t.Any]) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        if pod["metadata"].get("deletionTimestamp"):
            self.admin.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", body={"gracePeriodSeconds": 0})
        elif pod["metadata"]["uid"] not in self.begun:
            if not pod["spec"].get("nodeName"):
                hands.bind(self.admin, namespace, name, self.node)
            status = {**hands.running(), "podIP": own_address(), "podIPs": [{"ip": own_address()}]}
            hands.report(self.admin, namespace, name, status)
            self.begun.add(pod["metadata"]["uid"])
