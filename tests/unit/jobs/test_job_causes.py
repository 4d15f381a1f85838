# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Jobs fail or cannot begin: what is read from pods and events, and what of it is told."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _job_causes as causes
from ansible_collections.studioml.fleet.plugins.module_utils._causes import Problem
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_lines import JobLines
from ansible_collections.studioml.fleet.plugins.module_utils._job_logs import since_of

FAILED = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}


def pod(name: str = "p", phase: str = "Failed", code: int | None = 1, at: str = "2026-01-20T10:00:00Z", **more: t.Any) -> dict[str, t.Any]:
    ended = {} if code is None else {"terminated": {"exitCode": code, "reason": more.pop("ended", "Error"), "finishedAt": at}}
    meta = {"name": name, "creationTimestamp": at, **({"deletionTimestamp": at} if more.pop("deleted", False) else {})}
    status = {"phase": phase, "containerStatuses": [{"name": "job", "state": ended}], **more}
    return {"metadata": meta, "status": status}


DISRUPTED = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}]


@pytest.mark.parametrize(
    ("state", "of", "words", "hint"),
    [
        (FAILED, pod(code=3), "pod p ended with exit code 3; last log lines: b | c", "Read the log"),
        (FAILED, pod(code=137, ended="OOMKilled"), "exit code 137 (OOMKilled)", "resources.limits.memory"),
        (FAILED, pod(code=127), "exit code 127", "did not find the command"),
        (FAILED, pod(code=None, reason="Evicted", message="The node was low on resource: memory."), "(Evicted: The node was low", "free space there"),
        (FAILED, pod(code=143, deleted=True, conditions=DISRUPTED), "(EvictionByEvictionAPI: Eviction API: evicting)", "a drain of the node"),
        (FAILED, pod(code=None, deleted=True), "did not end by itself (Deleted)", "Somebody deleted its pod"),
        ({"reason": "DeadlineExceeded", "message": "too long"}, pod(code=143), "DeadlineExceeded (too long); pod p ended", "deadline allows"),
        ({"reason": "DeadlineExceeded", "message": ""}, None, "DeadlineExceeded", "deadline allows"),
        (FAILED, None, "none of its pods is left", "follow: true"),
    ],
)
def test_why_it_failed(state: dict[str, str], of: dict[str, t.Any] | None, words: str, hint: str) -> None:
    said, advice, facts = causes.cause_of(state, of, "job", ["", "b  ", "c"])
    assert words in said and hint in advice and facts["pod"] == ("p" if of else "")


def test_another_container_is_named() -> None:
    beside = pod(code=0)
    beside["status"]["containerStatuses"].append({"name": "artefacts", "state": {"terminated": {"exitCode": 128, "reason": "StartError", "message": "no sh"}}})
    said, advice, _facts = causes.cause_of(FAILED, beside, "job", [])
    assert "ended with exit code 0, but its container artefacts with 128 (StartError: no sh)" in said and "artefacts.image" in advice


def test_the_last_failure_counts() -> None:
    tries = [pod("one", at="2026-01-20T10:00:01Z"), pod("two", at="2026-01-20T10:00:05Z"), pod("good", "Succeeded", 0, "2026-01-20T10:00:09Z")]
    assert (causes.culprit(tries, "job") or {})["metadata"]["name"] == "two"
    assert causes.culprit(tries[2:], "job") is None


def test_what_keeps_it_from_beginning() -> None:
    container: dict[str, t.Any] = {"name": "job", "state": {"waiting": {"reason": "ErrImagePull"}}}
    waiting = {"metadata": {"name": "p"}, "status": {"phase": "Pending", "containerStatuses": [container]}}
    assert causes.waiting_problem(waiting) == Problem("p", "ErrImagePull", "")
    assert causes.waiting_problem(pod()) is None  # it has run, and failed: the Job's own matter
    container["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    assert causes.waiting_problem(waiting) is None  # so are its retries
    refused = {"type": "Warning", "reason": "FailedCreate", "message": 'Error creating: pods "x" is forbidden: exceeded quota: q'}
    problem = causes.event_problem("build", refused)
    assert problem == Problem("build", "FailedCreate", 'pods "x" is forbidden: exceeded quota: q')
    assert "ResourceQuota" in causes.advice_of(problem) and causes.event_problem("build", {"type": "Normal", "reason": "SuccessfulCreate"}) is None


def test_lines_go_without_secrets_and_control_characters(tmp_path: t.Any) -> None:
    said: list[str] = []
    lines = JobLines("gpu1", said.append, True, str(tmp_path / "log"), 2, ["first-line-of-key\nsecond-line-of-key", "abc"])
    place = lines.of("p")
    for line in ("a first-line-of-key b", "second-line-of-key", "abc \x1b[31mred\x1b[0m \x07\ttab", "last"):
        place.sink(line)
    assert said == []  # until all that has come is told
    place.flush()
    lines.close()
    assert said == ["gpu1: a ******** b\ngpu1: ********\ngpu1: abc red \ttab\ngpu1: last"]
    assert (tmp_path / "log").read_text().splitlines()[:2] == ["a ******** b", "********"] and lines.last("p") == ["abc \x1b[31mred\x1b[0m \x07\ttab", "last"]
    with pytest.raises(FleetError, match="log_file: /nowhere/log cannot be written"):
        JobLines("gpu1", None, True, "/nowhere/log", 2)


@pytest.mark.parametrize(("text", "since"), [("", ""), ("90s", "90"), ("10m", "600"), ("2h", "7200"), ("2026-01-20T10:00:00Z", "2026-01-20T10:00:00Z")])
def test_since(text: str, since: str) -> None:
    assert since_of(text) == since


@pytest.mark.parametrize("text", ["0m", "yesterday", "-5m", "2026-01-20"])
def test_no_since(text: str) -> None:
    with pytest.raises(FleetError, match="neither a length of time nor a time"):
        since_of(text)
