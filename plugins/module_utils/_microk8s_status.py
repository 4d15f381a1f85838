# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(microk8s status --format yaml) prints: text to values. No I/O.

Exit status 0 does not mean that YAML came: a stopped node and a worker answer with a sentence. The YAML itself is simple, written by print
statements, and its values are unquoted (a version 1.0 stays text here); so it is read by its exact shape, and anything else is an error.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

STOPPED = "not running, try microk8s start"
WORKER = "acting as a node in a cluster"
STRANGE = "This MicroK8s is newer or older than what this collection knows (1.19 to 1.36), or its node does not work."

_SECTION = re.compile(r"^([a-z][a-z0-9-]*):(?: \[\])?$")
_SCALAR = re.compile(r"^  ([a-z][a-z0-9-]*):(?: (.*))?$")
_ITEM = re.compile(r"^  (?:  )?- ([a-z][a-z0-9-]*):(?: (.*))?$")
_ITEM_SCALAR = re.compile(r"^    (?:  )?([a-z][a-z0-9-]*):(?: (.*))?$")


class Addon(t.NamedTuple):
    """One add-on as status lists it; C(repository) is empty up to 1.23."""

    name: str
    repository: str
    version: str
    enabled: bool

    def label(self) -> str:
        """How C(microk8s enable) wants it written."""
        return f"{self.repository}/{self.name}" if self.repository else self.name


class Status(t.NamedTuple):
    """What status said; C(kind) is V(running), V(notready), V(stopped) or V(worker)."""

    kind: str
    addons: t.List[Addon]


def parse(text: str) -> Status:
    """Read what status printed.

    :raises FleetError: when it is neither one of the known sentences nor YAML of the known shape.
    """
    for words, kind in ((STOPPED, "stopped"), (WORKER, "worker")):
        if words in text:
            return Status(kind, [])
    scalars: t.Dict[str, t.Dict[str, str]] = {}
    items: t.Dict[str, t.List[t.Dict[str, str]]] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        found = _SECTION.match(line)
        if found:
            section = found.group(1)
            scalars[section], items[section] = {}, []
        elif not section or not _take(line, scalars[section], items[section]):
            raise _unknown(number, line)
    if "running" not in scalars.get("microk8s", {}):
        raise _unknown(1, text.strip().splitlines()[0] if text.strip() else "")
    if scalars["microk8s"]["running"].lower() != "true":
        return Status("notready", [])
    return Status("running", [_addon(item) for item in items.get("addons", [])])


def _take(line: str, scalars: t.Dict[str, str], items: t.List[t.Dict[str, str]]) -> bool:
    found = _ITEM.match(line)
    if found:
        items.append({found.group(1): found.group(2) or ""})
        return True
    found = _SCALAR.match(line)
    if found:
        scalars[found.group(1)] = found.group(2) or ""
        return True
    found = _ITEM_SCALAR.match(line)
    if found and items:
        items[-1][found.group(1)] = found.group(2) or ""
        return True
    return False


def _addon(item: t.Dict[str, str]) -> Addon:
    if not item.get("name") or item.get("status") not in ("enabled", "disabled"):
        raise FleetError(f"microk8s status lists an add-on without name or status: {item}.", STRANGE)
    return Addon(item["name"], item.get("repository", ""), item.get("version", ""), item["status"] == "enabled")


def _unknown(number: int, line: str) -> FleetError:
    return FleetError(
        f'microk8s status --format yaml printed what it never did before, in line {number}: "{line.strip()[:200]}".',
        f"Run it on the host by hand. {STRANGE}",
    )
