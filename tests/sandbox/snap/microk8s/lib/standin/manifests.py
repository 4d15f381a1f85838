# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the add-ons, as files of the snap with a few names to fill in."""

from __future__ import annotations

import string

from .node import Node


def load(node: Node, name: str, **values: str) -> str:
    """The manifest NAME with its C(${NAMES}) filled in."""
    text = (node.snap / f"manifests/{name}.yaml.in").read_text(encoding="utf-8")
    return string.Template(text).substitute(values)


def apply(node: Node, name: str, **values: str) -> int:
    """Apply the manifest NAME; kubectl's own output and exit status."""
    return node.kubectl_shown("apply", "-f", "-", text=load(node, name, **values))


def delete(node: Node, name: str, **values: str) -> int:
    """Delete the manifest's objects, without waiting for their end where that is not asked."""
    return node.kubectl_shown("delete", "--ignore-not-found", "-f", "-", text=load(node, name, **values))
