# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(images import) and C(images export-local)."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import ssl
import sys

from . import agent
from .node import Node


def main(node: Node, words: list[str]) -> int:
    """One call of C(microk8s images)."""
    parser = argparse.ArgumentParser(prog="microk8s images")
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import")
    importing.add_argument("file", nargs="?", default="-")
    exporting = commands.add_parser("export-local")
    exporting.add_argument("file")
    exporting.add_argument("images", nargs="*")
    wanted = parser.parse_args(words)
    if wanted.command == "import":
        content = sys.stdin.buffer.read() if wanted.file == "-" else pathlib.Path(wanted.file).read_bytes()
        return push(node, content)
    listed = wanted.images or node.ctr("images", "ls", "-q").stdout.split()
    os.execv(node.program("ctr"), ["ctr", "--address", f"{node.common}/run/containerd.sock", "--namespace", "k8s.io",
                                   "images", "export", wanted.file, *listed])


def push(node: Node, content: bytes) -> int:
    """Push an archive to every node; a node that does not take it is only printed, as in the real one."""
    listed = node.kubectl("get", "nodes", "-o", "json")
    if listed.returncode:
        print(listed.stderr.strip(), file=sys.stderr)
        return 1
    token = (node.data / "credentials/callback-token.txt").read_text(encoding="utf-8").strip()
    for item in json.loads(listed.stdout)["items"]:
        address = next((entry["address"] for entry in item["status"].get("addresses", []) if entry["type"] == "InternalIP"), "")
        print(f"Pushing OCI images to {address}:{agent.PORT}", flush=True)
        try:
            status, text = _post(address, token, content)
        except (OSError, http.client.HTTPException) as error:
            print(f"Failed to reach {address}:{agent.PORT}: {error}")
            continue
        if status != 200:
            print(f"Failed to import images on {address}:{agent.PORT}: {text}")
    return 0


def _post(address: str, token: str, content: bytes) -> tuple[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, agent.PORT, context=context, timeout=300)
    try:
        connection.request("POST", "/cluster/api/v1.0/image/import", content, {"x-microk8s-callback-token": token})
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace").strip()
    finally:
        connection.close()
