# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(add-node), C(join), C(leave) and C(remove-node)."""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import re
import secrets
import shutil
import ssl
import sys
import typing as t

from . import agent, certificates, pods, prepare, services, tokens
from .certificates import Identity
from .node import Node

CONNECTION = re.compile(r"^(?P<address>\d+\.\d+\.\d+\.\d+):(?P<port>\d+)/(?P<token>[^/]+)(?:/(?P<check>[^/]+))?$")
CHECK_LENGTH = 12


def fingerprint(certificate: bytes) -> str:
    """What a joining machine compares: the beginning of the server certificate's SHA-256."""
    return hashlib.sha256(certificate).hexdigest()[:CHECK_LENGTH]


def describe(form: str, token: str, check: str, addresses: t.Sequence[str], port: int = agent.PORT) -> str:
    """What C(add-node) prints, in one of its formats."""
    urls = [f"{address}:{port}/{token}/{check}" for address in addresses]
    if form == "token":
        return token
    if form == "token-check":
        return f"{token}/{check}"
    if form == "json":
        return json.dumps({"token": f"{token}/{check}", "urls": urls})
    if form == "yaml":
        return "\n".join((f"token: {token}/{check}", "urls:", *(f"- {url}" for url in urls)))
    if form == "short":
        return "\n".join(f"microk8s join {url}" for url in urls)
    return "\n".join((
        "From the node you wish to join to this cluster, run the following:", f"microk8s join {urls[0]}", "",
        "Use the '--worker' flag to join a node as a worker not running the control plane, eg:", f"microk8s join {urls[0]} --worker", "",
        "If the node you are adding is not reachable through the default interface you can use one of the following:",
        *(f"microk8s join {url}" for url in urls),
    ))


def add_node(node: Node, words: list[str]) -> int:
    """Mint a token: each call makes a new one."""
    parser = argparse.ArgumentParser(prog="microk8s add-node")
    parser.add_argument("-l", "--token-ttl", type=int, default=-1)
    parser.add_argument("-t", "--token", default="")
    parser.add_argument("--format", choices=("pretty", "short", "token", "token-check", "json", "yaml"), default="pretty")
    wanted = parser.parse_args(words)
    if node.is_worker:
        print("This MicroK8s deployment is acting as a node in a cluster.\nPlease use the control plane node.")
        return 1
    if wanted.token and len(wanted.token) < 32:
        print("Invalid token size. It must be 32 characters long.")
        return 1
    token = wanted.token or secrets.token_hex(16)
    tokens.add(node.data / agent.TOKENS, token, wanted.token_ttl)
    addresses = [node.address, *(address for address in agent.addresses() if address != node.address)]
    pem = (node.data / "certs/server.crt").read_text(encoding="utf-8")
    print(describe(wanted.format, token, fingerprint(ssl.PEM_cert_to_DER_cert(pem)), addresses))
    return 0


def join(node: Node, words: list[str]) -> int:
    """Become a worker of another machine's cluster; this machine's own cluster is wiped."""
    parser = argparse.ArgumentParser(prog="microk8s join")
    parser.add_argument("connection")
    parser.add_argument("--worker", action="store_true")
    parser.add_argument("--controlplane", action="store_true")
    parser.add_argument("--skip-verify", action="store_true")
    parser.add_argument("--disable-low-memory-guard", action="store_true")
    wanted = parser.parse_args(words)
    match = CONNECTION.match(wanted.connection)
    if not match:
        print(f"Invalid connection: {wanted.connection}. It must be of the form IP:PORT/TOKEN/CHECK")
        return 1
    if node.is_worker:
        print("This node is already a worker of a cluster. Use 'microk8s leave' first.")
        return 1
    print(f"Contacting cluster at {match['address']}", flush=True)
    certs = node.data / "stand-in/join"
    certs.mkdir(mode=0o700, exist_ok=True)
    name = node.name
    identities = {"kubelet": Identity(f"system:node:{name}", "system:nodes"), "proxy": Identity("system:kube-proxy"),
                  "kubelet-server": Identity(f"system:node:{name}", "system:nodes", (name,))}
    requests = {stem: certificates.new_request(certs, stem, identity) for stem, identity in identities.items()}
    body = {"token": match["token"], "hostname": name, "address": node.address, "worker": wanted.worker, "requests": requests}
    try:
        answer, status = _post(match["address"], int(match["port"]), body, "" if wanted.skip_verify else match["check"] or "")
    except PermissionError:
        print("Joining cluster failed. Could not verify the identity of the joining node: the fingerprint differs.")
        return 4
    except (OSError, http.client.HTTPException) as error:
        print(f"Connecting to cluster failed with {error}.")
        return 5
    if status != 200:
        print(f"Connection failed. {answer.get('error', 'no reason given')} ({status}).")
        return 6
    if (node.common / "default-storage").exists():
        print("WARNING: Hostpath storage is enabled and is not suitable for multi node clusters.\n")
    print("Waiting for this node to finish joining the cluster. .. .. ..", flush=True)
    _become_worker(node, answer)
    print("\nSuccessfully joined the cluster.\nThe node has joined the cluster and will appear in the nodes list in a few seconds.")
    return 0


def leave(node: Node, _words: list[str]) -> int:
    """A worker goes back to a cluster of its own, a new and empty one."""
    if not node.is_worker:
        print("Not in clustering mode.", file=sys.stderr)
        return 2
    print("Generating new cluster certificates.")
    services.snap("stop", services.SNAP)
    _wipe(node)
    node.lock("clustered.lock").unlink()
    (node.data / "stand-in/default-addons").unlink(missing_ok=True)
    prepare.write_identity(node)
    prepare.close_files(node)
    services.snap("start", "--enable", *services.units(node))
    print("Waiting for node to start.")
    return 0


def remove_node(node: Node, words: list[str]) -> int:
    """Forget a node of this cluster."""
    parser = argparse.ArgumentParser(prog="microk8s remove-node")
    parser.add_argument("node")
    parser.add_argument("-f", "--force", action="store_true")
    wanted = parser.parse_args(words)
    listed = node.kubectl("get", "nodes", "-o", "json")
    if listed.returncode:
        print(listed.stderr.strip(), file=sys.stderr)
        return 1
    for item in json.loads(listed.stdout)["items"]:
        names = {item["metadata"]["name"], *(address["address"] for address in item["status"].get("addresses", []))}
        if wanted.node in names:
            if item["metadata"]["name"] == node.name and not wanted.force:
                print(f"Removal failed. Node {wanted.node} is registered with dqlite. Please, run first 'microk8s leave' on the departing node.")
                return 1
            node.kubectl("delete", "node", item["metadata"]["name"])
            return 0
    print(f"Node {wanted.node} does not exist.")
    return 1


def _become_worker(node: Node, answer: dict[str, t.Any]) -> None:
    services.snap("stop", "--disable", services.SNAP)
    _wipe(node)
    node.lock("clustered.lock").touch()
    certs = node.data / "certs"
    for file in certs.iterdir():
        file.unlink()
    (certs / "ca.crt").write_text(answer["ca"], encoding="utf-8")
    for stem, text in answer["certificates"].items():
        (certs / f"{stem}.crt").write_text(text, encoding="utf-8")
        shutil.move(str(node.data / f"stand-in/join/{stem}.key"), certs / f"{stem}.key")
    credentials = node.data / "credentials"
    for stem, user in (("kubelet", f"system:node:{node.name}"), ("proxy", "system:kube-proxy")):
        prepare.write_private(credentials / f"{stem}.config", certificates.kubeconfig(certs, stem, user, answer["server"]))
    prepare.write_private(credentials / "callback-token.txt", answer["callback_token"] + "\n")
    for name in ("controller", "scheduler"):
        (credentials / f"{name}.config").unlink(missing_ok=True)
    # commands find out by its lock that this is a worker; the file itself stays, as the test of a user's permission
    prepare.write_private(credentials / "client.config", "")
    prepare.close_files(node)
    services.snap("start", "--enable", *services.units(node))


def _wipe(node: Node) -> None:
    pods.kill_all(node)
    pods.remove_network(node)
    for path in ("var/run/etcd", "var/lib/kubelet", "default-storage"):
        shutil.rmtree(node.common / path, ignore_errors=True)
    (node.common / "var/lib/kubelet").mkdir(parents=True, exist_ok=True)


def _post(address: str, port: int, body: dict[str, t.Any], check: str) -> tuple[dict[str, t.Any], int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, port, context=context, timeout=30)
    try:
        connection.connect()
        peer = connection.sock.getpeercert(binary_form=True)
        if check and (peer is None or fingerprint(peer) != check):
            raise PermissionError("the fingerprint differs")
        connection.request("POST", "/cluster/api/v2.0/join", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return json.loads(reply.read()), reply.status
    finally:
        connection.close()
