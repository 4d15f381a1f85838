# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(enable registry): a registry on port 32000 of every node. A failure inside still ends with status 0, as in the real one."""

from __future__ import annotations

import argparse
import re
import typing as t

from . import addon_storage, manifests
from .node import Node
from .track import Track

NAME = "registry"
DEFAULT_SIZE = "20Gi"
SMALLEST = 20


class ArgumentError(Exception):
    """An argument that the add-on refuses with status 1."""


def size_is_good(size: str) -> bool:
    """Two digits or more and C(Gi), at least 20Gi."""
    match = re.match(r"^(\d{2,})Gi$", size)
    return bool(match) and int(match[1]) >= SMALLEST  # type: ignore[index]


def parse(arguments: t.Sequence[str], track: Track) -> tuple[str, str, list[str]]:
    """Size, storage class, and the warnings to print."""
    size, storage_class, warnings = DEFAULT_SIZE, "", []
    words = list(arguments)
    if words and re.match(r"^size=", words[0]):
        size = words.pop(0).partition("=")[2]
        if track.minor >= 25:
            warnings.append("WARNING: This style of arguments is deprecated. Use 'microk8s enable registry --size SIZE'.")
    if track.minor >= 25:
        parser = argparse.ArgumentParser(prog="enable registry", add_help=False, allow_abbrev=False)
        parser.add_argument("--size", default=size)
        parser.add_argument("--storageclass", default="")
        known, rest = parser.parse_known_args(words)
        size, storage_class, words = known.size, known.storageclass, rest
    if words:
        raise ArgumentError(f"ERROR: unknown argument to enable registry: {' '.join(words)}")
    if not size_is_good(size):
        raise ArgumentError(f"ERROR: the size of the registry volume must be at least {SMALLEST}Gi, as in '--size 40Gi'; it was '{size}'")
    return size, storage_class, warnings


def enable(node: Node, arguments: t.Sequence[str], enable_other: t.Callable[[str], int]) -> int:
    """Make the objects; the storage add-on first, unless a class is given."""
    try:
        size, storage_class, warnings = parse(arguments, node.track)
    except ArgumentError as error:
        print(error)
        return 1
    print("\n".join(warnings), end="\n" if warnings else "")
    if storage_class:
        if node.kubectl("get", "storageclass", storage_class).returncode:
            print(f"ERROR: storage class {storage_class} does not exist")
            return 1
    elif enable_other(node.track.storage_addon):
        return 1
    print(f"The registry will be created with the size of {size}.")
    print(f"Storage class {storage_class} will be used." if storage_class else "Default storage class will be used.", flush=True)
    if NAME in node.options.fail_inside:
        node.kubectl_shown("apply", "-f", "-", text="apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: registry, namespace: container-registry}\n")
        return 0
    manifests.apply(node, "registry", **values(node, size, storage_class))
    return 0


def disable(node: Node, _arguments: t.Sequence[str]) -> int:
    """Remove everything, the claim and its data too."""
    print("The registry is disabled. Use 'microk8s disable hostpath-storage:destroy-storage' to free the storage space.", flush=True)
    if NAME in node.options.stuck_enabled:
        return 0
    manifests.delete(node, "registry", **values(node, DEFAULT_SIZE, addon_storage.NAME))
    return 0


def values(node: Node, size: str, storage_class: str) -> dict[str, str]:
    """What the manifest needs to know."""
    image = "sandbox.invalid/registry:never-comes-up" if NAME in node.options.never_comes_up else "sandbox.local/registry:2"
    return {"SIZE": size, "CLASS": storage_class or "null", "IMAGE": image}
