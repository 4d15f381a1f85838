"""The submission helper's payloads as Jobs, and Jobs in its words."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.submission_jobs import submission_jobs, submission_name, submission_rows


def expanded(text: str, env: t.Mapping[str, str]) -> str:
    """What a kubelet makes of an argument: $$ is $, $(NAME) its value where there is one, anything else stays."""

    def one(found: re.Match[str]) -> str:
        return "$" if found.group() == "$$" else env.get(found.group(1), found.group())

    return re.sub(r"\$\$|\$\(([^)]*)\)", one, text)


@pytest.mark.parametrize(
    "payload",
    ["echo one", "echo $HOME $$ $(date) $((1+1))", "a='it''s' \"quoted\"\nb", "$$(HOME)", "$$$(HOME)", "$(HOME)", "$", "$$$$", "echo 100$"],
)
def test_the_shell_gets_the_payload_as_it_was_given(payload: str) -> None:
    (job,) = submission_jobs([payload])
    assert expanded(job["args"][0], {"HOME": "/wrong", "date": "wrong"}) == payload


def test_lines_are_joined_and_jobs_counted() -> None:
    assert submission_jobs(["one", ["cd /x", "", "run 2"]]) == [{"name": "00001", "args": ["one"]}, {"name": "00002", "args": ["cd /x\n\nrun 2"]}]
    assert submission_jobs([]) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("one", "needs a list of payloads"),
        ([""], "payload 1 is empty"),
        (["a", [" ", ""]], "payload 2 is empty"),
        ([{"a": 1}], "neither text nor a list of lines"),
        (["a\0b"], "NUL character"),
        (["a"] * 100000, "more than five digits"),
    ],
)
def test_wrong_payloads_are_refused(given: t.Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        submission_jobs(given)


@pytest.mark.parametrize(
    ("job", "state"),
    [
        ({"state": "pending", "active": 0}, "undefined"),
        ({"state": "suspended", "active": 0}, "undefined"),
        ({"state": "running", "active": 1}, "running"),
        ({"state": "running", "active": 1, "failed": 1}, "running"),
        ({"state": "complete", "succeeded": 1}, "done"),
        ({"state": "complete", "succeeded": 1, "failed": 2}, "done"),
        ({"state": "failed", "failed": 4}, "failed"),
        ({"state": "failed", "reason": "DeadlineExceeded"}, "failed"),
    ],
)
def test_states(job: dict[str, t.Any], state: str) -> None:
    (row,) = submission_rows([{"name": "shj-1-00001", "labels": {"identifier": "1"}, **job}])
    assert (row["job"], row["identifier"], row["state"]) == ("shj-1-00001", "1", state)


def test_rows_are_in_order_and_say_where() -> None:
    jobs = [{"name": f"shj-1-{number:05}", "state": "complete", "pods": [{"node": "gpu1"}], "exit_code": 0} for number in (2, 1)]
    rows = submission_rows(jobs)
    assert [row["job"] for row in rows] == ["shj-1-00001", "shj-1-00002"] and rows[0]["node"] == "gpu1" and rows[0]["exit_code"] == 0


@pytest.mark.parametrize(("identifier", "name"), [("1700000000", "shj-1700000000"), (17, "shj-17"), ("My_Run.1", "shj-my-run-1"), ("--", "shj")])
def test_names(identifier: t.Any, name: str) -> None:
    assert submission_name(identifier) == name


def test_a_long_name_is_cut_with_a_hash() -> None:
    one, other = submission_name("x" * 80), submission_name("x" * 81)
    assert len(f"{one}-00001") == 63 and one != other
