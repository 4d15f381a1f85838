# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(enable hostpath-storage): the class microk8s-hostpath on a directory of the node."""

from __future__ import annotations

import argparse
import shutil
import sys
import typing as t

from . import manifests
from .node import Node
from .track import Track

NAME = "hostpath-storage"
WARNING = (
    "WARNING: Hostpath storage is not suitable for production environments.\n"
    "         A hostpath volume can grow beyond the size limit set in the volume claim manifest.\n"
)


def parse(arguments: t.Sequence[str], track: Track) -> argparse.Namespace:
    """The options that the track knows; a wrong one ends with status 2, as argparse and click do."""
    parser = argparse.ArgumentParser(prog="enable hostpath-storage", add_help=False, allow_abbrev=False)
    parser.set_defaults(reclaim_policy="Delete", default_class="true")
    if track.minor >= 25:
        parser.add_argument("--reclaim-policy", choices=("Delete", "Retain"))
    if track.minor >= 30:
        parser.add_argument("--default-class", choices=("true", "false"))
    return parser.parse_args(list(arguments))


def values(node: Node, policy: str = "Delete", default: str = "true") -> dict[str, str]:
    """What the manifest needs to know."""
    replicas = "0" if NAME in node.options.never_comes_up else "1"
    return {"DIRECTORY": f"{node.common}/default-storage", "POLICY": policy, "DEFAULT": default, "REPLICAS": replicas}


def enable(node: Node, arguments: t.Sequence[str]) -> int:
    """Make the objects."""
    wanted = parse(arguments, node.track)
    print("Enabling default storage class." if wanted.default_class == "true" else "Enabling storage class.")
    print(WARNING)
    sys.stdout.flush()
    (node.common / "default-storage").mkdir(mode=0o770, exist_ok=True)
    code = manifests.apply(node, "storage", **values(node, wanted.reclaim_policy, wanted.default_class))
    if code == 0:
        print("Storage will be available soon.")
    return code


def disable(node: Node, arguments: t.Sequence[str]) -> int:
    """Remove the objects, and only then ask about the data: without an answer this ends with status 1."""
    print("Disabling default storage")
    sys.stdout.flush()
    manifests.delete(node, "storage", **values(node))
    print("Storage removed")
    if "destroy-storage" not in arguments:
        print(f"Remove PVC storage at {node.common}/default-storage ? (Y/N): ", end="", flush=True)
        answer = sys.stdin.readline().strip()
        if not answer:
            print("\nAborted!", file=sys.stderr)
            return 1
        if answer.lower() not in ("y", "yes"):
            print("Storage will be kept")
            return 0
    shutil.rmtree(node.common / "default-storage", ignore_errors=True)
    print("Storage space reclaimed")
    return 0
