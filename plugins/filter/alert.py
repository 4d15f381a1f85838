# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host an alert means, whether to drain it, and whether to bring it back: playbooks/alert.yml and playbooks/recovered.yml."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.plugin_utils import _alert

Found = t.Mapping[str, t.Any]


def alert_host(called: str, nodes: t.Mapping[str, str], addresses: t.Mapping[str, str] | None = None, mapping: t.Mapping[str, str] | None = None) -> str:
    """The inventory host that the label of an alert means."""
    if not isinstance(mapping or {}, t.Mapping):
        raise AnsibleFilterError(f"fleet_alert_hosts is of the type {type(mapping).__name__}. Give a dictionary of what alerts say and the host's name.")
    return _said(lambda: _alert.host_of(str(called), nodes, addresses or {}, mapping or {}))


def alert_drain(
    targets: t.Sequence[Found],
    host: str,
    alerts: t.Any,
    nodes: t.Mapping[str, str] | None = None,
    limit: t.Any = 1,
    clusters: t.Sequence[Found] = (),
) -> dict[str, t.Any]:
    """Whether to drain a host, from what runner_info found at all hosts."""
    fleet = _standing(targets, nodes, clusters)
    if host not in {one.name for one in fleet}:
        raise AnsibleFilterError(f"alert_drain: {host} is not among the targets that were looked at.")
    return _said(lambda: _alert.to_drain(host, _names(alerts) or ["an alert without a name"], fleet, _alert.limit_of(limit)))


def alert_resume(
    targets: t.Sequence[Found],
    alerts: t.Any,
    nodes: t.Mapping[str, str] | None = None,
    whole: bool = False,
    clusters: t.Sequence[Found] = (),
) -> dict[str, t.Any]:
    """Whether to bring the one host back that runner_info looked at."""
    fleet = _standing(targets, nodes, clusters)
    if len(fleet) != 1:
        raise AnsibleFilterError(f"alert_resume is about one host, and {len(fleet)} were looked at.")
    return _said(lambda: _alert.to_resume(fleet[0], _names(alerts), whole))


def _names(alerts: t.Any) -> list[str]:
    """From a list, or from a text as a form has it: one on each line, or with commas."""
    return _alert.names(alerts if isinstance(alerts, (list, tuple)) else ",".join(str(alerts or "").splitlines()))


def _standing(targets: t.Sequence[Found], nodes: t.Mapping[str, str] | None, clusters: t.Sequence[Found]) -> list[_alert.Host]:
    whole = {str(one["target"]): one for one in clusters}
    return [_alert.standing(one, str((nodes or {}).get(str(one["target"])) or ""), whole.get(str(one["target"]))) for one in targets]


def _said(decide: t.Callable[[], t.Any]) -> t.Any:
    try:
        return decide()
    except FleetError as error:
        raise AnsibleFilterError(error.text()) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"alert_drain": alert_drain, "alert_host": alert_host, "alert_resume": alert_resume}
