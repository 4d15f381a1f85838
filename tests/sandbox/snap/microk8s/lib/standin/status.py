# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(microk8s status) prints, in each format; text only."""

from __future__ import annotations

import dataclasses
import typing as t

from .addons import Addon
from .track import Track

NOT_RUNNING = "microk8s is not running. Use microk8s inspect for a deeper inspection."
STOPPED = "microk8s is not running, try microk8s start"
WORKER = "This MicroK8s deployment is acting as a node in a cluster.\nPlease use the control plane node."


@dataclasses.dataclass(frozen=True)
class Situation:
    """What was found out about the node."""

    ready: bool
    enabled: t.Sequence[Addon] = ()
    disabled: t.Sequence[Addon] = ()
    high_availability: bool = True
    nodes: t.Sequence[tuple[str, str]] = ()


def render(form: str, situation: Situation, track: Track) -> str:
    """The text of one format: pretty, yaml, short, or old-yaml (the deprecated C(--yaml))."""
    writers = {"pretty": _pretty, "yaml": _yaml, "short": _short, "old-yaml": _old_yaml}
    return "\n".join(writers[form](situation, track)) + "\n"


def one_addon(name: str, situation: Situation) -> str:
    """C(--addon NAME): an unknown name is disabled too; C(repository/name) is understood."""
    names = {addon.name for addon in situation.enabled} | {f"{addon.repository}/{addon.name}" for addon in situation.enabled}
    return "enabled\n" if name in names else "disabled\n"


def _states(situation: Situation) -> t.Iterator[tuple[Addon, str]]:
    for addon in situation.enabled:
        yield addon, "enabled"
    for addon in situation.disabled:
        yield addon, "disabled"


def _yaml(situation: Situation, track: Track) -> t.Iterator[str]:
    yield "microk8s:"
    yield f"  running: {situation.ready}"
    yield "high-availability:"
    yield f"  enabled: {situation.high_availability}"
    if situation.high_availability:
        yield "  nodes:"
        for address, role in situation.nodes:
            yield f"    - address: {address}"
            yield f"      role: {role}"
    if not situation.ready:
        # the real one's quirk: the message belongs to high-availability by its indentation
        yield f"  message: {NOT_RUNNING}"
        return
    yield "addons:"
    for addon, state in _states(situation):
        yield f"  - name: {addon.name}"
        if track.has_repositories:
            yield f"    repository: {addon.repository}"
        yield f"    description: {addon.description}"
        yield f"    version: {addon.version}"
        yield f"    status: {state}"


def _old_yaml(situation: Situation, track: Track) -> t.Iterator[str]:
    yield "microk8s:"
    yield f"  running: {situation.ready}"
    if not situation.ready:
        yield f"  message: {NOT_RUNNING}"
        return
    yield "addons:"
    for addon, state in _states(situation):
        yield f"  {addon.name}: {state}"


def _short(situation: Situation, track: Track) -> t.Iterator[str]:
    if not situation.ready:
        yield NOT_RUNNING
        return
    yield "microk8s is running"
    yield "addons:"
    for addon, state in _states(situation):
        prefix = f"{addon.repository}/" if track.has_repositories else ""
        yield f"{prefix}{addon.name}: {state}"


def _pretty(situation: Situation, track: Track) -> t.Iterator[str]:
    if not situation.ready:
        yield NOT_RUNNING
        return
    voters = [address for address, role in situation.nodes if role == "voter"]
    standby = [address for address, role in situation.nodes if role == "standby"]
    yield "microk8s is running"
    yield f"high-availability: {'yes' if len(voters) > 2 else 'no'}"
    if situation.high_availability:
        yield f"  datastore master nodes: {' '.join(voters) or 'none'}"
        yield f"  datastore standby nodes: {' '.join(standby) or 'none'}"
    yield "addons:"
    for title, group in (("enabled", situation.enabled), ("disabled", situation.disabled)):
        if group:
            yield f"  {title}:"
        for addon in group:
            text = f"({addon.repository}) {addon.description}" if track.has_repositories else addon.description
            yield f"    {addon.name:<20} # {text}"
