# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a playbook hands on with set_stats: in AWX it becomes an extra variable of the next node of a workflow."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

# Of a table of the fleet, where nothing was done that could fail.
BAD = ("unreachable", "not_listening")


def fleet_outcome(found: t.Sequence[t.Mapping[str, t.Any]], playbook: str, begun: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """The hosts of a playbook by name, each with whether it is well, its verdict and, where it is not well, what is wrong.

    One of C(begun) of which nothing was found is not finished: it is still worked on, or was lost.
    """
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, t.Mapping) and (one.get("host") or one.get("target")) for one in found):
        raise AnsibleFilterError("fleet_outcome needs a list with one dictionary a host, each with its name as host or target.")
    hosts: dict[str, dict[str, t.Any]] = {}
    for one in found:
        name = str(one.get("host") or one["target"])
        if hosts.get(name, {"ok": True})["ok"]:
            hosts[name] = _host(one)
    for name in begun:
        hosts.setdefault(str(name), {"ok": False, "verdict": "unfinished", "message": f"The playbook {playbook} was not finished on this host."})
    failed = [name for name, host in hosts.items() if not host["ok"]]
    return {"playbook": str(playbook), "ok": not failed, "failed": failed, "hosts": hosts}


def _host(one: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if "ok" in one:  # as the filter fleet_verdict judges
        well, words = bool(one["ok"]), [str(failure["message"]) for failure in one.get("failures", [])]
        verdict = one.get("verdict") or ("ok" if well else "failed")
    elif "failed" in one:  # as runner_state says of each target
        well, words = not one["failed"] and not one.get("skipped"), [str(one.get(key) or "") for key in ("msg", "hint")]
        verdict = one.get("verdict") or ("skipped" if one.get("skipped") else "unreachable" if one["failed"] else "asked")
    else:  # a row of the table of the fleet
        verdict = str(one.get("verdict") or "")
        well, words = verdict not in BAD, [str(note) for note in one.get("notes", [])]
    return {"ok": well, "verdict": str(verdict), "message": "" if well else " ".join(filter(None, words))}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"fleet_outcome": fleet_outcome}
