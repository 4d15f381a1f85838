# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything about MicroK8s of a host that a playbook may ask, without a secret."""

from __future__ import annotations

import grp
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _containerd_template, _microk8s_ready, _snap_hold
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import read_text
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import NAME, MicroK8s
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import Snapd

NOTHING: t.Dict[str, t.Any] = {
    "version": "",
    "revision": "",
    "channel": "",
    "confinement": "",
    "refresh_held": False,
    "refresh_hold": {"by": "none", "until": "", "lasting": False},
    "api_port": 0,
    "node": {},
    "services": [],
    "addons": [],
    "registry_style": "none",
    "group": "",
    "group_members": [],
}


def gather(microk8s: MicroK8s, snapd: Snapd, wait_ready: float) -> t.Dict[str, t.Any]:
    """Look, after waiting when that is asked for."""
    condition = _microk8s_ready.wait_ready(microk8s, wait_ready, snapd) if wait_ready > 0 else _microk8s_ready.look(microk8s)
    facts = dict(NOTHING, state=condition.state, reason=condition.reason)
    if condition.state == "absent":
        return facts
    facts.update(_snap(snapd))
    if not microk8s.installed():
        return facts
    facts.update(
        version=microk8s.version() or facts["version"],
        api_port=microk8s.api_port(),
        node=dict(condition.node._asdict()) if condition.node else {},
        addons=_addons(microk8s, condition),
        registry_style=_registry_style(microk8s),
    )
    return facts


def _snap(snapd: Snapd) -> t.Dict[str, t.Any]:
    installed = snapd.snap(NAME)
    if installed is None:
        return {}
    hold = _snap_hold.look(snapd, installed)
    group = "microk8s" if installed.confinement == "classic" else "snap_microk8s"
    return {
        "version": installed.version,
        "revision": installed.revision,
        "channel": installed.channel,
        "confinement": installed.confinement,
        "refresh_held": hold.by != "none",
        "refresh_hold": {"by": hold.by, "until": hold.until, "lasting": hold.lasting},
        "services": [dict(service._asdict()) for service in snapd.services(NAME)],
        "group": group,
        "group_members": _members(group),
    }


def _addons(microk8s: MicroK8s, condition: _microk8s_ready.Condition) -> t.List[t.Dict[str, t.Any]]:
    """Asked only where there is an answer: to MicroK8s a cordoned node of a single machine does not run."""
    if condition.state != "ready" or (condition.node and condition.node.cordoned):
        return []
    return [dict(addon._asdict()) for addon in microk8s.status().addons]


def _registry_style(microk8s: MicroK8s) -> str:
    path = f"{microk8s.data}/args/containerd-template.toml"
    text = read_text(path)
    if text is None:
        return "none"
    try:
        return _containerd_template.parse(text, path).style
    except FleetError:  # a malformed file is said by whoever has to change it
        return "none"


def _members(group: str) -> t.List[str]:
    try:
        return list(grp.getgrnam(group).gr_mem)
    except KeyError:
        return []
