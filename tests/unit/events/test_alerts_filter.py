# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event filter: one event for each host of a payload, and nothing in it that Ansible would template."""

from __future__ import annotations

import json
import pathlib
import runpy
import typing as t

import pytest
import yaml

EDA = pathlib.Path(__file__).resolve().parents[3] / "extensions" / "eda"
Event = dict[str, t.Any]
MODULE = runpy.run_path(str(EDA / "plugins" / "event_filter" / "alerts.py"))


def alert(name: str = "GpuXid", status: str = "firing", **labels: str) -> Event:
    return {"status": status, "labels": {"alertname": name, "fleet_action": "drain", **labels}, "annotations": {"summary": "{{ evil }}"}}


def split(*alerts: t.Any, status: str = "firing", **more: t.Any) -> list[Event]:
    event = {"payload": {"status": status, "alerts": list(alerts), **more}, "meta": {"headers": {"X": "{{ evil }}"}}}
    found: list[Event] = MODULE["main"](event)
    assert "evil" not in json.dumps(found), "nothing is passed on that was not checked"
    return found


def refused(*alerts: t.Any, **more: t.Any) -> list[str]:
    return [one["refused"] for one in split(*alerts, **more)]


def test_one_event_for_each_host() -> None:
    found = split(alert(node="gpu1"), alert("GpuTemperature", node="gpu1"), alert(node="gpu2", status="resolved"))
    assert found == [
        {"alert": {"host": "gpu1", "label": "node", "status": "firing", "names": ["GpuTemperature", "GpuXid"], "whole": False}},
        {"alert": {"host": "gpu2", "label": "node", "status": "resolved", "names": ["GpuXid"], "whole": False}},
    ]


def test_a_host_fires_as_long_as_one_of_its_alerts_does() -> None:
    (found,) = split(alert(node="gpu1", status="resolved"), alert("GpuTemperature", node="gpu1"))
    assert (found["alert"]["status"], found["alert"]["names"]) == ("firing", ["GpuTemperature"])


def test_what_drains_comes_first() -> None:
    found = split(alert(node="gpu1", status="resolved"), alert(), alert(node="gpu2"))
    assert [one.get("alert", {}).get("status") for one in found] == ["firing", "resolved", None]


@pytest.mark.parametrize(
    ("group", "status", "whole"),
    [
        ({"node": "gpu1"}, "resolved", True),
        ({"node": "gpu1"}, "firing", False),
        ({"node": "gpu2"}, "resolved", False),
        ({"node": "gpu1:9400"}, "resolved", False),
        ({"node": "gpu1", "alertname": "GpuXid"}, "resolved", False),
        ({"node": "gpu1", "gpu": "0"}, "resolved", False),
        ({"node": "gpu1", "alertname": "GpuXid", "fleet_action": "drain"}, "resolved", False),
        ({"alertname": "GpuXid"}, "resolved", False),
        ({}, "resolved", False),
        (None, "resolved", False),
    ],
)
def test_only_a_group_by_the_host_and_nothing_else_tells_that_nothing_of_it_fires(group: t.Any, status: str, whole: bool) -> None:
    (found,) = split(alert(node="gpu1", status="resolved"), status=status, groupLabels=group)
    assert found["alert"]["whole"] is whole


def test_a_group_that_only_some_of_a_hosts_alerts_name_it_by_does_not_tell() -> None:
    both = [alert(node="gpu1", status="resolved"), alert("GpuTemperature", instance="gpu1:9400", status="resolved")]
    (found,) = split(*both, status="resolved", groupLabels={"node": "gpu1"})
    assert found["alert"]["names"] == ["GpuTemperature", "GpuXid"] and not found["alert"]["whole"]


def test_the_first_label_that_is_there_names_the_host() -> None:
    found = split(alert(instance="10.0.0.7:9400"), alert(instance="10.0.0.8:9400", Hostname="gpu8"), alert(fleet_host="gpu9", node="n9"))
    assert [(one["alert"]["label"], one["alert"]["host"]) for one in found] == [("instance", "10.0.0.7"), ("Hostname", "gpu8"), ("fleet_host", "gpu9")]


def test_labels_and_what_is_taken_can_be_said() -> None:
    event = {"payload": {"alerts": [{"status": "firing", "labels": {"alertname": "A", "rack_host": "gpu1"}}]}}
    (found,) = MODULE["main"](event, labels=["rack_host"], only={})
    assert found["alert"]["host"] == "gpu1"


def test_alerts_that_were_left_out_leave_a_host_drained() -> None:
    (said,) = refused(alert(node="gpu1", status="resolved"), truncatedAlerts=3)
    assert said == "Host gpu1 was left alone: Alertmanager left alerts out of what it sent, so some of its may fire. Set max_alerts: 0 there."
    (found,) = split(alert(node="gpu1"), truncatedAlerts=3)
    assert found["alert"]["status"] == "firing"


def test_the_same_message_is_said_once() -> None:
    assert len(refused(alert(), alert(), alert())) == 1


@pytest.mark.parametrize("host", ["{{ 7 }}", "*", "a,b", "!gpu1", "a b", "-gpu1", "gpu1\n", "../etc", "[::1]:9400", "x" * 300])
def test_what_is_no_name_of_a_host_is_refused(host: str) -> None:
    (said,) = refused(alert(node=host))
    assert said.startswith("Alert GpuXid was left alone: its label node is no name of a host: ") and said.endswith("Choose another label.")
    assert len(said) < 250 and "\n" not in said


def test_names_of_alerts_are_made_harmless() -> None:
    (found,) = split(alert("a {{ b }},c" + "d" * 100, node="gpu1"))
    assert found["alert"]["names"] == ["a____b____c" + "d" * 69]


@pytest.mark.parametrize("entry", [7, None, {}, {"labels": {}}, {"labels": [], "status": "firing"}, {"labels": {"alertname": "A"}, "status": "pending"}])
def test_what_is_no_alert_is_refused(entry: t.Any) -> None:
    words = "it is no object with labels and a status firing or resolved. Point a webhook_config of Alertmanager here."
    assert refused(entry) == [f"Alert 1 was left alone: {words}"]


def test_the_documentation_and_the_rulebook_name_the_defaults() -> None:
    options = yaml.safe_load(MODULE["DOCUMENTATION"])["options"]
    (ruleset,) = yaml.safe_load((EDA / "rulebooks" / "alerts.yml").read_text(encoding="utf-8"))
    (given,) = ruleset["sources"][0]["filters"]
    assert options["labels"]["default"] == list(MODULE["LABELS"]) == given["studioml.fleet.alerts"]["labels"]
    assert options["only"]["default"] == MODULE["ONLY"] == given["studioml.fleet.alerts"]["only"]
