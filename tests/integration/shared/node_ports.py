"""Services as they are reached from outside of their cluster."""

from __future__ import annotations

import socket
import time

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

SECONDS = 120


def url(api: Api, address: str, namespace: str, service: str, port: str) -> str:
    """Where a Service's named port answers on a node; a pod is ready a moment before kube-proxy has sent anything to it."""
    ports = api.request("GET", f"/api/v1/namespaces/{namespace}/services/{service}")["spec"]["ports"]
    number = next(one["nodePort"] for one in ports if one["name"] == port)
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with socket.create_connection((address, number), 20):
                return f"http://{address}:{number}"
        except OSError as refused:
            assert time.monotonic() < deadline, f"{service} does not answer on {address}:{number}: {refused}"
            time.sleep(0.2)
