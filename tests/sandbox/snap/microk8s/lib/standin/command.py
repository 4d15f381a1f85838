# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The C(microk8s) command: which subcommand does what, and who may call it."""

from __future__ import annotations

import getpass
import importlib
import os
import sys
import traceback
import typing as t

from .node import Node
from .options import OptionsError
from .track import TrackError

# Subcommand: module, function. Modules are imported when called: the command starts quickly.
PUBLIC = {
    "add-node": ("joining", "add_node"),
    "config": ("showing", "config"),
    "ctr": ("showing", "ctr"),
    "disable": ("enabling", "disable"),
    "enable": ("enabling", "enable"),
    "helm": ("showing", "helm"),
    "helm3": ("showing", "helm"),
    "images": ("images", "main"),
    "inspect": ("inspection", "inspect"),
    "join": ("joining", "join"),
    "kubectl": ("showing", "kubectl"),
    "leave": ("joining", "leave"),
    "remove-node": ("joining", "remove_node"),
    "start": ("services", "start"),
    "status": ("showing", "status"),
    "stop": ("services", "stop"),
    "version": ("showing", "version"),
}
# What the snap's own hooks and services call.
INTERNAL = {
    "prepare": ("prepare", "prepare"),
    "remove": ("pods", "remove"),
    "node-network": ("node_network", "serve"),
    "default-addons": ("enabling", "default_addons"),
    "cluster-agent": ("agent", "serve"),
}
NEEDS_ROOT = ("add-node", "join", "leave", "remove-node", "start", "stop", "inspect")

NO_PERMISSION = """Insufficient permissions to access MicroK8s.
You can either try again with sudo or add the user {user} to the 'microk8s' group:

    sudo usermod -a -G microk8s {user}
    sudo chown -R {user} ~/.kube

After this, reload the user groups either via a reboot or by running 'newgrp microk8s'."""


def main(words: list[str]) -> int:
    """Run one subcommand; its exit status."""
    if not words or words[0] in ("-h", "--help", "help"):
        print("Available subcommands are:\n\t" + "\n\t".join(PUBLIC) + "\n\n(This is a stand-in for MicroK8s, for tests.)")
        return 0
    name, arguments = words[0], words[1:]
    if name not in PUBLIC and name not in INTERNAL:
        print(f"'{name}' is not a valid MicroK8s subcommand.\nAvailable subcommands are:\n\t" + "\n\t".join(PUBLIC))
        return 1
    try:
        node = Node.here()
        if name in INTERNAL:
            return _call(INTERNAL[name], node)
        if not _permitted(node, name):
            print(NO_PERMISSION.format(user=getpass.getuser()), file=sys.stderr)
            return 1
        return _call(PUBLIC[name], node, arguments)
    except (OptionsError, TrackError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:  # pylint: disable=broad-except
        # the real command shows a traceback too, and callers have to live with it
        traceback.print_exc()
        return 1


def _call(target: tuple[str, str], node: Node, *arguments: t.Any) -> int:
    module = importlib.import_module(f".{target[0]}", __package__)
    return int(getattr(module, target[1])(node, *arguments))


def _permitted(node: Node, name: str) -> bool:
    if name in NEEDS_ROOT and os.geteuid() != 0:
        return False
    return name == "version" or os.access(node.admin_kubeconfig, os.R_OK)
