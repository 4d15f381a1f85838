# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a runner's log says about its state, line by line."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._runner_log import Heard, heard, moment, started

START = datetime.datetime(2026, 1, 20, 10, 0, 0, tzinfo=datetime.UTC)


def line(second: int, words: str) -> str:
    return f"{(START + datetime.timedelta(seconds=second)).strftime('%Y-%m-%dT%H:%M:%S')}.123456789Z {words}\n"


def read(text: str, age: int = 600, partial: bool = False) -> Heard:
    return heard(text, START, START + datetime.timedelta(seconds=age), partial)


def test_the_last_state_counts_and_when_it_was_named() -> None:
    text = line(30, "INF runner k8s state is Runningstack[cluster.go:93]") + line(99, "INF runner k8s state is DrainAndSuspendstack[cluster.go:93]")
    assert read(text) == Heard("DrainAndSuspend", "2026-01-20T10:01:39.123456789Z")


def test_a_misspelt_word_is_the_state_unknown() -> None:
    text = line(30, "INF runner k8s state is Runningstack[cluster.go:93]") + line(40, "running does not belong to K8sState values")
    assert read(text).state == "Unknown"


def test_which_namespace_it_watches() -> None:
    assert read(line(30, "k8s watcher starting in namespace default")).watched == "default"


def test_what_it_says_when_it_cannot_watch() -> None:
    lost = line(30, "WRN runner k8s monitoring offline error: kubernetes api: 403 Forbidden")
    assert read(lost).offline == "k8s monitoring offline error: kubernetes api: 403 Forbidden"
    assert read(lost + line(60, "INF runner k8s state is Runningstack[cluster.go:93]")).offline == ""


@pytest.mark.parametrize(
    ("text", "age", "partial", "silent"),
    [
        (line(1, "INF runner queue found"), 600, False, True),
        (line(1, "DBG runner queue found"), 71, False, True),
        (line(1, "INF runner queue found"), 69, False, False),
        (line(1, "ERR runner broken"), 600, False, False),
        (line(300, "INF runner queue found"), 400, False, False),
        (line(300, "INF runner queue found"), 600, False, True),
        (line(1, "INF runner queue found"), 600, True, False),
        (line(1, "INFORMATION about nothing"), 600, False, False),
        ("", 600, False, False),
        ("INF without a time\n", 600, False, False),
    ],
)
def test_who_speaks_of_other_things_but_of_no_state(text: str, age: int, partial: bool, silent: bool) -> None:
    assert read(text, age, partial).silent is silent


def test_a_container_that_does_not_run_is_not_silent() -> None:
    assert not heard(line(1, "INF runner x"), None, START + datetime.timedelta(hours=1)).silent


def test_when_a_container_started() -> None:
    statuses = [{"name": "sidecar", "state": {"running": {"startedAt": "2026-01-20T09:00:00Z"}}}]
    statuses += [{"name": "runner", "state": {"running": {"startedAt": "2026-01-20T10:00:00Z"}}}]
    assert started({"status": {"containerStatuses": statuses}}, "runner") == START
    assert started({"status": {"containerStatuses": [{"name": "runner", "state": {"waiting": {}}}]}}) is None
    assert started({}) is None


def test_times() -> None:
    assert moment("2026-01-20T10:00:00Z") == moment("2026-01-20T11:00:00.5+01:00") == START
    assert moment("yesterday") is None
