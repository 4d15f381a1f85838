# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one word for a runner: every combination that matters, and that nothing unknown is ever called quiet."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._verdict import WORDS, Verdict, verdict, worst

DRAINED: dict[str, t.Any] = {"asked": "DrainAndSuspend", "listens": True, "running": 0, "unacknowledged": 0, "pods": 1, "ready": 1}


@pytest.mark.parametrize(
    ("change", "word", "reason"),
    [
        ({}, "quiet", "No experiment runs, and the broker waits for no message."),
        ({"asked": "DrainAndTerminate"}, "quiet", "No experiment runs"),
        ({"running": 2}, "busy", "It is to drain, with 2 experiments."),
        ({"unacknowledged": 1}, "busy", "It is to drain, with 1 unacknowledged message."),
        ({"running": 1, "unacknowledged": 1}, "busy", "with 1 experiment and 1 unacknowledged message."),
        ({"running": None}, "asked", "Its metrics cannot be read"),
        ({"unacknowledged": None}, "asked", "whether the broker waits for a message is not known"),
        ({"running": 1, "unacknowledged": None}, "busy", "with 1 experiment."),
        ({"pods": 2}, "asked", "1 of 2 pods are ready; one that starts takes work"),
        ({"pods": 0, "ready": 0, "running": None}, "asked", "0 of 1 pods are ready"),
        ({"pods": 0, "ready": 0, "replicas": 0, "running": None, "unacknowledged": None}, "quiet", "scaled to 0"),
        ({"pods": 0, "ready": 0, "replicas": 0, "listens": False}, "quiet", "scaled to 0"),
        ({"pods": 0, "ready": 0, "replicas": 0, "unacknowledged": 1}, "busy", "No pod is left, but the broker still waits for 1 message."),
        ({"pods": 1, "replicas": 0}, "quiet", "No experiment runs"),
        ({"listens": False}, "not_listening", "It does not read its state."),
        ({"listens": False, "running": 1}, "not_listening", "It does not read its state, with 1 experiment."),
        ({"listens": False, "enforced": True}, "quiet", "No experiment runs"),
        ({"listens": False, "enforced": True, "running": 1}, "busy", "with 1 experiment"),
        ({"listens": None}, "quiet", "No experiment runs"),
        ({"asked": "Running"}, "running", "It runs."),
        ({"asked": "Running", "running": 3, "unacknowledged": None}, "running", "It runs, with 3 experiments."),
        ({"asked": ""}, "running", "No state was asked for, so it runs."),
        ({"asked": "Running", "ready": 0}, "asked", "No pod is ready."),
        ({"asked": "Running", "listens": False}, "not_listening", "It does not read its state."),
        ({"asked": "Running", "pods": 0, "ready": 0, "replicas": 0}, "asked", "It was asked to run, but it is scaled to 0."),
        ({"reachable": False}, "unreachable", "The cluster did not answer."),
    ],
)
def test_the_word_and_its_reason(change: dict[str, t.Any], word: str, reason: str) -> None:
    found = verdict(**{**DRAINED, **change})
    assert found.word == word
    assert reason in found.reason


def test_quiet_is_never_said_of_what_is_unknown_or_at_work() -> None:
    seen = itertools.product(("", "Running", "DrainAndSuspend"), (True, False, None), (None, 0, 1), (None, 0, 1), (0, 1, 2), (0, 1), (0, 1), (True, False))
    for asked, listens, running, unacknowledged, pods, ready, replicas, enforced in seen:
        word = verdict(asked, listens, running, unacknowledged, pods, min(ready, pods), replicas, enforced=enforced).word
        assert word in WORDS
        if word == "quiet":
            assert asked == "DrainAndSuspend" and not unacknowledged
            assert (not pods and not replicas) or (running == 0 and unacknowledged == 0 or not pods)
            assert listens is not False or enforced or not pods


def test_the_worst_speaks_for_all() -> None:
    assert worst([Verdict("quiet", "a"), Verdict("busy", "b"), Verdict("running", "c")]).reason == "b"
    assert worst([]).word == "asked"
