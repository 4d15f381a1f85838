# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods' network of a node: a bridge, and a route to each other node. It takes Calico's place; policies are not enforced."""

from __future__ import annotations

import http.client
import json
import pathlib
import socket
import ssl
import subprocess
import time
import typing as t

from .certificates import SERVICE_ADDRESS
from .node import Node
from .pods import ROUTE_PROTOCOL

POLL_SECONDS = 10


def serve(node: Node) -> int:
    """Configure the node's network and follow the cluster's nodes, until killed."""
    if node.options.never_ready:
        print("stand-in: never_ready is set, so this node gets no network", flush=True)
        while True:
            time.sleep(3600)
    configured = False
    while True:
        try:
            nodes = list_nodes(node)
        except (OSError, ValueError, http.client.HTTPException) as error:
            print(f"asking the cluster for its nodes: {error}", flush=True)
            time.sleep(POLL_SECONDS if configured else 0.3)
            continue
        own = next((item for item in nodes if item["metadata"]["name"] == node.name), None)
        if own and own["spec"].get("podCIDR") and (configured or services_are_routed()):
            configured = configure(node, own["spec"]["podCIDR"]) or configured
        set_routes(node, nodes)
        time.sleep(POLL_SECONDS if configured else 0.2)


def services_are_routed() -> bool:
    """Whether kube-proxy has done its work: a pod that calls the API earlier waits for half a minute."""
    try:
        with socket.create_connection((SERVICE_ADDRESS, 443), timeout=0.3):
            return True
    except OSError:
        return False


def list_nodes(node: Node) -> list[dict[str, t.Any]]:
    """All nodes of the cluster, asked as kube-proxy (a kubelet may see only itself)."""
    certs = node.data / "certs"
    context = ssl.create_default_context(cafile=str(certs / "ca.crt"))
    context.load_cert_chain(str(certs / "proxy.crt"), str(certs / "proxy.key"))
    host, port = api_server(node)
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=5)
    try:
        connection.request("GET", "/api/v1/nodes")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ValueError(f"HTTP status {answer.status}: {body[:200].decode(errors='replace')}")
        return list(json.loads(body)["items"])
    finally:
        connection.close()


def own_node_is_ready(node: Node) -> bool:
    """Whether the cluster calls this node ready; cheaper to ask often than kubectl."""
    try:
        own = [item for item in list_nodes(node) if item["metadata"]["name"] == node.name]
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return any(condition["type"] == "Ready" and condition["status"] == "True" for item in own for condition in item["status"].get("conditions", []))


def api_server(node: Node) -> tuple[str, int]:
    """Where the node's own kubeconfig says that the API is."""
    for line in (node.data / "credentials/proxy.config").read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("server: https://"):
            host, _colon, port = line.strip().removeprefix("server: https://").partition(":")
            return host, int(port)
    raise ValueError("credentials/proxy.config names no server")


def network(pod_range: str) -> str:
    """The network's configuration for containerd."""
    bridge = {
        "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True, "promiscMode": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": pod_range}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return json.dumps({"cniVersion": "0.4.0", "name": "stand-in", "plugins": plugins}, indent=2) + "\n"


def configure(node: Node, pod_range: str) -> bool:
    """Write the configuration where it differs."""
    path: pathlib.Path = node.data / "args/cni-network/10-stand-in.conflist"
    wanted = network(pod_range)
    if not path.exists() or path.read_text(encoding="utf-8") != wanted:
        new = path.with_suffix(".new")
        new.write_text(wanted, encoding="utf-8")
        new.replace(path)
    return True


def set_routes(node: Node, nodes: list[dict[str, t.Any]]) -> None:
    """A route to the pods of each other node, and none to those of a node that is gone."""
    wanted = routes(node.name, nodes)
    for pod_range, address in wanted.items():
        subprocess.run(["ip", "route", "replace", pod_range, "via", address, "proto", ROUTE_PROTOCOL], check=False)
    shown = subprocess.run(["ip", "route", "show", "proto", ROUTE_PROTOCOL], capture_output=True, text=True, check=False).stdout
    for line in shown.splitlines():
        if line.split()[0] not in wanted:
            subprocess.run(["ip", "route", "delete", line.split()[0], "proto", ROUTE_PROTOCOL], check=False)


def routes(own_name: str, nodes: list[dict[str, t.Any]]) -> dict[str, str]:
    """Range of pods to address, for all nodes but the own."""
    found = {}
    for other in nodes:
        addresses = [item["address"] for item in other["status"].get("addresses", []) if item["type"] == "InternalIP"]
        pod_range = other["spec"].get("podCIDR")
        if other["metadata"]["name"] != own_name and addresses and pod_range:
            found[pod_range] = addresses[0]
    return found
