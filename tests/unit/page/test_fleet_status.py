# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of the fleet: its rows, its sums, and what a person should know."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from sample_fleet import DRAIN, GENERATED, fleet, host, lost, node, runner

from ansible_collections.studioml.fleet.plugins.filter.fleet_status import fleet_page, fleet_status
from ansible_collections.studioml.fleet.plugins.plugin_utils._status import age, short_age


def rows(*hosts: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return t.cast("list[dict[str, t.Any]]", fleet_status(list(hosts), GENERATED)["rows"])


def test_a_row_says_what_a_person_looks_for() -> None:
    (row,) = rows(host("gpu1", [node("gpu1", 2, 1)], runner("gpu1", "busy", "It is to drain, with 1 experiment.", DRAIN, running=1), cluster="7b3f5c0e-9d5b"))
    shown = {key: row[key] for key in ("host", "cluster", "asked", "effective", "verdict", "pods", "gpus", "image", "since", "asked_since")}
    assert shown == {
        "host": "gpu1",
        "cluster": "7b3f5c0e",
        "asked": DRAIN,
        "effective": DRAIN,
        "verdict": "busy",
        "pods": "1/1",
        "gpus": "1/2",
        "image": "studio-go-runner:0.14.2",
        "since": "42m",
        "asked_since": "2026-01-20T09:48:00Z",
    }


def test_it_is_json() -> None:
    report = fleet_status(fleet(), GENERATED)
    assert json.loads(json.dumps(report)) == report


def test_the_sums() -> None:
    summary = fleet_status(fleet(simulated=True), GENERATED)["summary"]
    assert (summary["hosts"], summary["clusters"], summary["runners"], summary["experiments"]) == (10, 9, 8, 5)
    assert (summary["gpus_used"], summary["gpus_total"], summary["draining"], summary["attention"]) == (27, 40, 4, 3)
    assert summary["verdicts"] == {"running": 4, "busy": 1, "quiet": 1, "not_listening": 1, "asked": 1, "unreachable": 1, "": 1}
    assert summary["simulated"] == ["gpu1"]


def test_hosts_of_one_cluster_count_their_nodes_and_pods_once() -> None:
    nodes = [node("a", 2, 1), node("b", 2, 0)]
    same = [host(name, nodes, runner("a", "running", "", running=1), cluster="c1") for name in ("a", "b")]
    summary = fleet_status(same, GENERATED)["summary"]
    assert (summary["clusters"], summary["gpus_used"], summary["gpus_total"], summary["experiments"], summary["runners"]) == (1, 1, 4, 1, 2)


def test_gpus_that_nobody_knows_of_are_not_called_free() -> None:
    report = fleet_status([host("gpu1", [node("gpu1", 2, None)], runner("gpu1", "running", ""))], GENERATED)
    assert (report["rows"][0]["gpus"], report["summary"]["gpus_used"]) == ("?/2", None)
    assert rows(host("cpu1", [node("cpu1", 0)], runner("cpu1", "running", "")))[0]["gpus"] == ""


def test_hosts_that_do_not_answer_and_hosts_without_a_runner() -> None:
    first, second = rows(lost("gpu1", "refused"), host("gpu2", [node("gpu2", 1, ready=False)]))
    assert (first["verdict"], first["notes"], first["gpus"]) == ("unreachable", ["refused"], "")
    assert (second["verdict"], second["notes"]) == ("", ["no runner in its namespace", "node gpu2 is not ready"])


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"restarted_since_asked": 1}, "1 pod(s) started after they were asked to drain"),
        ({"holds": False}, "The state in studioml-go-runner-gpu1 does not hold"),
        ({"queues": [{"name": "rmq_a", "poisoned": True, "redelivered": 9}, {"name": "b", "poisoned": False}]}, "Queue rmq_a holds a message that came"),
        ({"listens": False, "listens_reason": "It is deaf.", "listens_advice": "Speak up."}, "It is deaf. Speak up."),
    ],
)
def test_what_a_person_should_know(more: dict[str, t.Any], note: str) -> None:
    report = fleet_status([host("gpu1", [node("gpu1", 1)], runner("gpu1", "quiet", "", DRAIN, **more))], GENERATED)
    assert len(report["notes"]) == 1 and report["notes"][0].startswith("gpu1: ") and note in report["notes"][0]


def test_pods_that_were_asked_different_things() -> None:
    one, other = runner("gpu1", "quiet", "", DRAIN), runner("gpu2", "running", "")
    one["pods"] += other["pods"]
    assert rows(host("rack", [], one))[0]["asked"] == "DrainAndSuspend, Running"


@pytest.mark.parametrize(
    ("since", "words"),
    [("2026-01-20T10:29:30Z", "30 s"), ("2026-01-20T10:31:00Z", "0 s"), ("2026-01-20T09:30:00Z", "1 h"), ("2026-01-20T08:15:00Z", "2 h 15 min")]
    + [("2026-01-17T10:30:00Z", "3 d"), ("2026-01-17T06:30:00Z", "3 d 4 h"), ("", ""), ("lately", "")],
)
def test_how_long_ago(since: str, words: str) -> None:
    assert age(since, GENERATED) == words
    assert short_age(since, GENERATED) == words.replace(" ", "").replace("min", "m")


def test_an_empty_fleet() -> None:
    report = fleet_status([], GENERATED)
    assert report["rows"] == [] and report["summary"]["gpus_total"] == 0
    assert "No host offers GPUs." in fleet_page(report)


@pytest.mark.parametrize("hosts", ["gpu1", [{"found": {}}], ["gpu1"]])
def test_what_is_no_list_of_hosts(hosts: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="fleet_status needs a list"):
        fleet_status(hosts)


def test_what_is_no_report() -> None:
    with pytest.raises(AnsibleFilterError, match="fleet_page needs a report"):
        fleet_page({"rows": []})
