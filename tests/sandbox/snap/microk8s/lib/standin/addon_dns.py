# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(enable dns): CoreDNS at 10.152.183.10, with the upstream servers given or those of the host."""

from __future__ import annotations

import argparse
import ipaddress
import pathlib
import subprocess
import sys
import typing as t

from . import manifests
from .node import Node

SERVICE_ADDRESS = "10.152.183.10"
DOMAIN = "cluster.local"
FALLBACK = ("8.8.8.8", "8.8.4.4")


def upstream(resolv_conf: str) -> list[str]:
    """The name servers that pods can reach too: not those on the host's loopback."""
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and not ipaddress.ip_address(words[1].split("%")[0]).is_loopback:
            found.append(words[1])
    return found or list(FALLBACK)


def parse(arguments: t.Sequence[str]) -> tuple[list[str], str, str]:
    """Name servers (comma list), service address, cluster domain: all by position."""
    parser = argparse.ArgumentParser(prog="enable dns", add_help=False)
    parser.add_argument("nameservers", nargs="?", default="")
    parser.add_argument("address", nargs="?", default=SERVICE_ADDRESS)
    parser.add_argument("domain", nargs="?", default=DOMAIN)
    known = parser.parse_args(list(arguments))
    return [server for server in known.nameservers.split(",") if server], known.address, known.domain


def enable(node: Node, arguments: t.Sequence[str]) -> int:
    """Make the objects; restart the kubelet when its own arguments have to change."""
    servers, address, domain = parse(arguments)
    for server in servers:
        if subprocess.run(["ip", "route", "get", server], capture_output=True, check=False).returncode:
            print(f"ERROR: could not use nameserver {server}: it cannot be reached from this machine")
            return 1
    print("Enabling DNS")
    forward = " ".join(servers or upstream(pathlib.Path("/etc/resolv.conf").read_text(encoding="utf-8")))
    print(f"Will use {forward} as upstream nameservers")
    print("Applying manifest")
    replicas = "0" if "dns" in node.options.never_comes_up else "1"
    code = manifests.apply(node, "dns", ADDRESS=address, DOMAIN=domain, UPSTREAM=forward, REPLICAS=replicas)
    if code:
        return code
    if set_kubelet(node, address, domain):
        print("Restarting kubelet")
        sys.stdout.flush()
        subprocess.run(["snap", "restart", "microk8s.daemon-kubelite"], check=False, capture_output=True)
    print("DNS is enabled")
    return 0


def disable(node: Node, _arguments: t.Sequence[str]) -> int:
    """Remove the objects; the kubelet's arguments stay."""
    print("Disabling DNS\nReconfiguring kubelet\nRemoving DNS manifest")
    manifests.delete(node, "dns", ADDRESS=SERVICE_ADDRESS, DOMAIN=DOMAIN, UPSTREAM=FALLBACK[0], REPLICAS="1")
    print("DNS is disabled")
    return 0


def set_kubelet(node: Node, address: str, domain: str) -> bool:
    """Write the address and the domain into the kubelet's arguments; whether that changed them."""
    path = node.data / "args/kubelet"
    before = path.read_text(encoding="utf-8")
    kept = [line for line in before.splitlines() if not line.startswith(("--cluster-dns=", "--cluster-domain="))]
    after = "\n".join((f"--cluster-dns={address}", f"--cluster-domain={domain}", *kept)) + "\n"
    if sorted(before.splitlines()) == sorted(after.splitlines()):
        return False
    path.write_text(after, encoding="utf-8")
    return True
