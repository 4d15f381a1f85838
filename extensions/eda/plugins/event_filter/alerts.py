# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns what Alertmanager's webhook sends into one event for each host, and into one message for each alert that cannot be acted on.

Nothing of a payload is passed on but names that have been checked: what an event holds becomes extra variables of a playbook, and Ansible would template them.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

DOCUMENTATION = r"""
---
short_description: One event for each host of an Alertmanager payload.
description:
  - Takes an event of C(eda.builtin.webhook) whose payload is that of an Alertmanager C(webhook_config) (version 4).
  - >-
    An event C(alert) has C(host) (the value of the label that names it), C(label) (that label), C(status) (C(firing) as long as one alert of the host in this
    payload fires, else C(resolved)), C(names) (the alerts that make it so) and C(whole) (whether no alert of this host fires any more, which only a group by
    that label and nothing else can tell).
  - An event C(refused) is a message about something that cannot be acted on.
options:
  labels:
    description: Labels that may name the host. The first one that an alert has counts; a port at the end of its value is cut off.
    type: list
    elements: str
    default: [fleet_host, kubernetes_node, node, Hostname, hostname, instance]
  only:
    description: Labels, with their values, that an alert must have to be acted on. An empty dictionary takes every alert that is sent.
    type: dict
    default: {fleet_action: drain}
"""

EXAMPLES = r"""
- eda.builtin.webhook:
    port: 5000
    token: "{{ fleet_alert_token }}"
  filters:
    - studioml.fleet.alerts:
        labels: [node, instance]
"""

LABELS = ("fleet_host", "kubernetes_node", "node", "Hostname", "hostname", "instance")
ONLY = {"fleet_action": "drain"}
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
PORT = re.compile(r":[0-9]{1,5}$")
UNUSUAL = re.compile(r"[^A-Za-z0-9_.:-]")
ADVICE = "Point a webhook_config of Alertmanager here."


class Alert(NamedTuple):
    """One alert of a payload."""

    name: str
    firing: bool
    host: str
    label: str


class Refused(Exception):
    """Why an alert is left alone."""


def main(event: dict[str, Any], labels: list[str] | None = None, only: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The events in place of this one; those that drain come first."""
    posted = event.get("payload")
    payload: dict[str, Any] = posted if isinstance(posted, dict) else {}
    entries = payload.get("alerts")
    if not isinstance(entries, list) or not entries:
        what = "has no alerts in its list alerts" if entries == [] else "is no object with a list alerts"
        return [{"refused": f"Nothing was done: what was posted {what}. {ADVICE}"}]
    found: list[Alert] = []
    refused: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(_alert(entry, number, labels or list(LABELS), ONLY if only is None else only))
        except Refused as reason:
            refused.append(str(reason))
    events, unknown = _by_host(found, payload)
    return [*events, *({"refused": message} for message in [*dict.fromkeys(refused), *unknown])]


def _alert(entry: Any, number: int, labels: list[str], only: dict[str, str]) -> Alert:
    given = entry.get("labels") if isinstance(entry, dict) else None
    if not isinstance(given, dict) or entry.get("status") not in ("firing", "resolved"):
        raise Refused(f"Alert {number} was left alone: it is no object with labels and a status firing or resolved. {ADVICE}")
    name = UNUSUAL.sub("_", str(given.get("alertname") or "unnamed"))[:80]
    lacking = [f"{key}: {value}" for key, value in only.items() if given.get(key) != value]
    if lacking:
        raise Refused(f"Alert {name} was left alone: it has no label {', '.join(lacking)}. Add it to the alert's rule if a host is to be drained for it.")
    label = next((one for one in labels if given.get(one)), "")
    if not label:
        raise Refused(f"Alert {name} was left alone: it does not name its host by any of the labels {', '.join(labels)}. Add one by relabelling.")
    host = PORT.sub("", str(given[label]))
    if not HOST.fullmatch(host):
        raise Refused(f"Alert {name} was left alone: its label {label} is no name of a host: {ascii(str(given[label]))[:80]}. Choose another label.")
    return Alert(name, entry["status"] == "firing", host, label)


def _by_host(alerts: list[Alert], payload: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """One event for each host, and messages about hosts of which Alertmanager did not say all."""
    labels = payload.get("groupLabels")
    group: dict[str, Any] = labels if isinstance(labels, dict) else {}
    events: list[dict[str, Any]] = []
    unknown: list[str] = []
    for host in dict.fromkeys(alert.host for alert in alerts):
        mine = [alert for alert in alerts if alert.host == host]
        firing = any(alert.firing for alert in mine)
        if not firing and payload.get("truncatedAlerts"):
            unknown.append(f"Host {host} was left alone: Alertmanager left alerts out of what it sent, so some of its may fire. Set max_alerts: 0 there.")
            continue
        names = sorted({alert.name for alert in mine if alert.firing == firing})
        whole = payload.get("status") == "resolved" and all(group == {alert.label: host} for alert in mine)
        events.append({"alert": {"host": host, "label": mine[0].label, "status": "firing" if firing else "resolved", "names": names, "whole": whole}})
    return sorted(events, key=lambda one: one["alert"]["status"]), unknown
