# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The subcommands that look: status, config, kubectl, ctr, helm, version."""

from __future__ import annotations

import argparse
import os
import sys

from . import readiness
from .node import Node, own_address
from .status import STOPPED, WORKER, one_addon, render

WORKER_SENTENCE = "This MicroK8s deployment is acting as a node in a cluster. Please use the microk8s kubectl on the control plane node."


def status(node: Node, words: list[str]) -> int:
    """C(status): a stopped node and a worker answer in English and with exit status 0, whatever the format."""
    parser = argparse.ArgumentParser(prog="microk8s status", description="Microk8s cluster status check.")
    parser.add_argument("--format", choices=("pretty", "yaml", "short"), default="pretty")
    parser.add_argument("-w", "--wait-ready", action="store_true")
    parser.add_argument("-t", "--timeout", type=int, default=0)
    parser.add_argument("-a", "--addon", default="all")
    parser.add_argument("--yaml", action="store_true", help="DEPRECATED, use '--format yaml' instead")
    wanted = parser.parse_args(words)
    if node.is_stopped:
        print(STOPPED)
        return 0
    if node.is_worker and node.track.has_worker_nodes:
        print(WORKER)
        return 0
    ready = readiness.wait(node, wanted.timeout) if wanted.wait_ready else readiness.is_ready(node)
    situation = readiness.look(node, ready)
    if wanted.addon != "all":
        sys.stdout.write(one_addon(wanted.addon, situation))
    else:
        sys.stdout.write(render("old-yaml" if wanted.yaml else wanted.format, situation, node.track))
    return 0 if ready else node.track.not_ready_code


def config(node: Node, words: list[str]) -> int:
    """C(config): the admin kubeconfig with this machine's address in loopback's place."""
    parser = argparse.ArgumentParser(prog="microk8s config")
    parser.add_argument("-l", "--use-loopback", action="store_true")
    wanted = parser.parse_args(words)
    if node.is_worker:
        print(WORKER)
        return 0
    text = node.admin_kubeconfig.read_text(encoding="utf-8")
    sys.stdout.write(text if wanted.use_loopback else text.replace("127.0.0.1", own_address()))
    return 0


def kubectl(node: Node, words: list[str]) -> int:
    """C(kubectl): kubectl's own exit status; on a worker a sentence and 0."""
    if node.is_stopped:
        print(STOPPED, file=sys.stderr)
        return 1
    if node.is_worker:
        print(WORKER_SENTENCE)
        return 0
    sys.stdout.flush()
    program = node.program("kubectl")
    os.execv(program, ["kubectl", f"--kubeconfig={node.admin_kubeconfig}", *words])


def ctr(node: Node, words: list[str]) -> int:
    """C(ctr): containerd's client, which is not the CRI and reads no certs.d."""
    program = node.program("ctr")
    os.execv(program, ["ctr", "--address", f"{node.common}/run/containerd.sock", "--namespace", "k8s.io", *words])


def helm(node: Node, words: list[str]) -> int:
    """C(helm) and C(helm3) are there as files only."""
    program = node.program("helm")
    os.execv(program, ["helm", *words])


def version(node: Node, _words: list[str]) -> int:
    """C(version), in the real one's words."""
    print(f"MicroK8s {node.track.version} revision {node.revision}")
    return 0
