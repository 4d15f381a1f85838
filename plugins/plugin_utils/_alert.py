# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host is drained for an alert, or brought back after it. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._contract import RUNNER
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Found = t.Mapping[str, t.Any]

# How the note of a drain for alerts begins; the names of the alerts follow.
NOTE = "alert: "


class Host(t.NamedTuple):
    """How a host stands. C(state) is what was asked of its runner, empty without one; C(silent) why it does not answer.

    C(written) and C(note) are what its map says, or the global one where it has none; C(cluster) and C(cluster_note) what the global map says to a host that
    is one node of it, None for any other.
    """

    name: str
    state: str = ""
    note: str = ""
    silent: str = ""
    written: str = ""
    cluster: str | None = None
    cluster_note: str = ""

    @property
    def drained(self) -> bool:
        return self.state.startswith("Drain")

    @property
    def alerts(self) -> list[str]:
        """The alerts for which it was drained; none where a person drained it."""
        return names(self.note[len(NOTE):]) if self.drained and self.note.startswith(NOTE) else []

    @property
    def cluster_drained(self) -> bool:
        """Whether somebody has drained all of its cluster, so that a node map that says Running would undo it here."""
        return (self.cluster or "").startswith("Drain") and not self.cluster_note.startswith(NOTE)


def names(given: t.Any) -> list[str]:
    """Names of alerts, from a list or from text with commas."""
    words = given.split(",") if isinstance(given, str) else [str(one) for one in given or []]
    return [word.strip() for word in words if word.strip()]


def host_of(called: str, nodes: t.Mapping[str, str], addresses: t.Mapping[str, str], mapping: t.Mapping[str, str]) -> str:
    """The inventory host that a label's value means: as mapped, else by its name, its node, its address, or one of these before the first dot.

    :param nodes: of each host the name of its node, empty where it has none of its own.
    :param addresses: in the same way its address.
    """
    if called in mapping:
        called = str(mapping[called])
        matching = [called] if called in nodes else []
    else:
        short = called.split(".")[0]
        # the first part of an address is no name
        matching = _matching(called, nodes, addresses) or ([] if short.isdigit() else _matching(short, nodes, addresses))
    if not matching:
        raise FleetError(
            f"No host of this inventory is called {called}, by its name, its fleet_node_name or its ansible_host.",
            "Say in fleet_alert_hosts which host this value means, or let the alert have another label.",
        )
    if len(matching) > 1:
        raise FleetError(f"{called} may be each of {', '.join(matching)}.", "Say in fleet_alert_hosts which host this value means.")
    return matching[0]


def _matching(called: str, nodes: t.Mapping[str, str], addresses: t.Mapping[str, str]) -> list[str]:
    if not called or called in nodes:
        return [called] if called else []
    return [name for name in nodes if nodes[name] == called] or [name for name in nodes if addresses.get(name) == called]


def limit_of(given: t.Any) -> int:
    """How many hosts may be drained at once; 1 where a form or a variable leaves it empty."""
    text = "" if given is None else str(given).strip()
    try:
        limit = int(text or 1)
    except ValueError:
        limit = -1
    if limit < 0:
        raise FleetError(f"fleet_alert_limit: {text} is no number of hosts.", "Give 1 or more; or 0, with which no host is ever drained.")
    return limit


def standing(target: Found, node: str = "", whole: Found | None = None) -> Host:
    """How a host stands, from its entry in the result of M(studioml.fleet.runner_info).

    :param node: its node, where it is one of several of its cluster.
    :param whole: the same for all of its cluster, where it was looked at because no runner is on the node: what its map asked for holds for the pod to come.
    """
    name = str(target["target"])
    if target.get("failed") or target.get("skipped"):
        return Host(name, silent=str(target.get("msg") or "it was not asked"))
    runners = list(target.get("runners") or [])
    if not runners and whole and (whole.get("failed") or whole.get("skipped")):
        return Host(name, silent=str(whole.get("msg") or "its cluster was not asked"))
    if not runners and whole:
        # none of their pods is this host's
        runners = [{**one, "pods": []} for one in whole.get("runners") or [] if _own(list(one.get("maps") or []), node)]
    if not runners:
        return Host(name)
    maps = list(runners[0].get("maps") or [])
    above: Found = next(iter(_above(maps)), {})
    said: Found = next(iter(_own(maps, node)), above)
    asked = [str(pod.get("asked_state") or "") for runner in runners for pod in runner.get("pods") or []]
    # with pods it counts what each of them was asked: a host that still has one to run is not drained
    state = next((one for one in asked if not one.startswith("Drain")), asked[0]) if asked else _state(said)
    cluster = _state(above) if node else None
    return Host(name, state or "Running", str(said.get("note") or ""), "", _state(said), cluster, str(above.get("note") or ""))


def _above(maps: t.Sequence[Found]) -> list[Found]:
    return [one for one in maps if one["scope"] == "global"]


def _own(maps: t.Sequence[Found], node: str) -> list[Found]:
    """The map of this node, where it asks for anything."""
    above = _above(maps)
    named = f"{above[0]['name'] if above else RUNNER}-{node}"
    return [one for one in maps if node and one["name"] == named and one["state"]]


def _state(one: Found) -> str:
    return str(one.get("state") or "")


def to_drain(host: str, alerts: list[str], fleet: t.Sequence[Host], limit: int) -> dict[str, t.Any]:
    """Whether to drain a host, and what to say.

    :param limit: so many hosts may be out of work at once, this one included; one that does not answer is out of work. With 0 none is ever drained.
    """
    if limit < 1:
        return _left(f"{host} is left alone: fleet_alert_limit: 0 lets no host be drained.")
    mine = next(one for one in fleet if one.name == host)
    others = [one for one in fleet if one is not mine and (one.drained or one.silent)]
    words = ", ".join(alerts)
    if mine.silent:
        raise FleetError(f"{host} cannot be drained for {words}: {mine.silent}", "Drain it by hand when it answers.")
    if not mine.state:
        return _left(f"{host} is left alone: it has no runner.")
    if mine.drained and set(alerts) <= set(mine.alerts):
        return _left(f"{host} is left alone: it is drained already for {', '.join(mine.alerts)}.")
    if mine.drained and not mine.alerts:
        because = f" ({mine.note})" if mine.note else ""
        return _left(f"{host} is left alone: somebody has drained it already{because}.")
    if mine.drained:
        return _act(f"{host} is drained already for {', '.join(mine.alerts)}; {words} is noted, too.", sorted({*mine.alerts, *alerts}), _expected(mine))
    if len(others) >= limit:
        listed = ", ".join(f"{one.name} (does not answer)" if one.silent else one.name for one in others)
        return _left(f"{host} is left alone: {len(others)} of at most {limit} hosts are drained already: {listed}.")
    return _act(f"{host} is to be drained for {words}; then {len(others) + 1} of at most {limit} are drained.", alerts, _expected(mine))


def to_resume(mine: Host, alerts: list[str], whole: bool) -> dict[str, t.Any]:
    """Whether to bring a host back, and what to say.

    :param whole: whether no alert of this host fires any more, whatever it was drained for.
    """
    words = ", ".join(alerts)
    if mine.silent:
        raise FleetError(f"{mine.name} cannot be brought back after {words}: {mine.silent}", "Bring it back with playbooks/resume.yml when it answers.")
    if not mine.drained:
        return _left(f"{mine.name} is left alone: it is not drained.")
    if not mine.alerts:
        because = f" ({mine.note})" if mine.note else ""
        return _left(f"{mine.name} is left alone: it was not drained for an alert{because}, so whoever drained it brings it back.")
    if mine.cluster_drained:
        because = f" ({mine.cluster_note})" if mine.cluster_note else ""
        return _left(f"{mine.name} is left alone: its cluster is drained, too{because}, so whoever drained that brings it back.")
    open_ones = [] if whole else [name for name in mine.alerts if name not in alerts]
    if open_ones:
        return _left(f"{mine.name} is left alone: {words} is resolved, and it is drained for {', '.join(open_ones)}.")
    return _act(f"{mine.name} was drained for {', '.join(mine.alerts)}, which is resolved: it is verified and brought back.", [], _expected(mine, cluster=True))


def _expected(mine: Host, cluster: bool = False) -> dict[str, str]:
    """What the maps have to say still when they are written, as the option C(expect) of M(studioml.fleet.runner_state) takes it."""
    expect = {"state": mine.written, "note": mine.note}
    return {**expect, "global_state": mine.cluster} if cluster and mine.cluster is not None else expect


def _act(said: str, alerts: list[str], expect: dict[str, str]) -> dict[str, t.Any]:
    return {"act": True, "said": said, "note": f"{NOTE}{', '.join(alerts)}" if alerts else "", "expect": expect}


def _left(said: str) -> dict[str, t.Any]:
    return {"act": False, "said": said, "note": "", "expect": {}}
