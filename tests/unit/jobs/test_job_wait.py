# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job is followed by two watches of which one may be behind, over gaps in which nothing was heard; and whose log goes where."""

from __future__ import annotations

import os
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _job_logs
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_lines import JobLines
from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import Wait, _Waiting
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event

Thing = dict[str, t.Any]
OWNER = {"uid": "j", "name": "job"}
JOB: Thing = {
    "metadata": {"name": "job", "namespace": "n", "uid": "j"},
    "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "i:1"}]}}},
    "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]},
}


def pod(name: str = "p", state: Thing | None = None, phase: str = "Running") -> Thing:
    statuses = [{"name": "main", "state": state}] if state else []
    meta = {"name": name, "uid": f"uid of {name}", "ownerReferences": [OWNER]}
    return {"metadata": meta, "spec": {"containers": [{"name": "main"}, {"name": "side"}]}, "status": {"phase": phase, "containerStatuses": statuses}}


class Server:
    """Knows these pods, or fails; no logs."""

    def __init__(self, *pods: Thing, failure: FleetError | None = None) -> None:
        self.pods, self.failure, self.asked = list(pods), failure, 0

    def within(self, _seconds: float) -> Server:
        return self

    def request(self, *_given: t.Any, **_more: t.Any) -> Thing:
        self.asked += 1
        if self.failure:
            raise self.failure
        return {"items": self.pods}

    def text(self, *_given: t.Any) -> str:
        raise FleetError("There is no log.")


def waiting(server: Server | None = None, **wait: t.Any) -> _Waiting:
    lines = JobLines("job", None, False, None, 5)
    one = _Waiting(t.cast(Api, server or Server()), "n", "job", Wait(**wait), lines, [])
    one.view.job = JOB
    return one


def test_a_hook_that_says_not_yet_is_asked_again() -> None:
    answers, asked = [False, None, None], []

    def ended(pod: Thing) -> bool | None:
        asked.append(pod["metadata"]["name"])
        return answers.pop(0)

    one = waiting(ended=ended)
    for _time in range(3):
        one._take("pods", Event("MODIFIED", [pod(state={"terminated": {"exitCode": 0}})]))
    assert asked == ["p", "p"]


def test_the_watch_of_the_pods_is_behind() -> None:
    server = Server(pod(state={"terminated": {"exitCode": 7, "reason": "Error"}}, phase="Failed"))
    one = waiting(server)
    one._take("pods", Event("ADDED", [pod(state={"running": {}})]))
    found = one._ended()
    assert found["state"]["exit_code"] == found["cause"]["exit_code"] == 7 and "ended with exit code 7" in found["message"] and server.asked == 1
    # what is known already is not asked for, and no permission is no failure
    assert one._ended()["cause"]["exit_code"] == 7 and server.asked == 1
    assert waiting(Server(failure=FleetError("No.")))._ended()["cause"]["exit_code"] is None


@pytest.mark.parametrize("gone", [Event("LISTED", []), Event("DELETED", [pod(state={"waiting": {"reason": "ErrImagePull"}}, phase="Pending")])])
def test_a_pod_that_is_gone_is_no_problem(gone: Event) -> None:
    one, stuck = waiting(), pod(state={"waiting": {"reason": "ErrImagePull"}}, phase="Pending")
    one._take("pods", Event("LISTED", [stuck]))
    assert [problem.reason for problem in one.view.problems()] == ["ErrImagePull"]
    one._take("pods", gone)
    assert one.view.problems() == [] and [one["metadata"]["name"] for one in one.view.own()] == ["p"]


def test_the_file_is_the_owners_also_if_it_was_there(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    path.write_text("old")
    path.chmod(0o644)
    JobLines("job", None, False, str(path), 5).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text() == ""
    before = os.stat("/dev/null").st_mode
    JobLines("job", None, False, "/dev/null", 5).close()
    assert os.stat("/dev/null").st_mode == before


def test_the_container_that_was_asked_for_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = []

    class Log:
        def __init__(self, _api: Api, _namespace: str, pod: str, container: str, *_more: t.Any) -> None:
            followed.append((pod, container))

        def follow(self, sink: t.Callable[[str], None], *_more: t.Any) -> None:
            sink("a line")

    monkeypatch.setattr(_job_logs, "PodLog", Log)
    options = {"name": "job", "selector": None, "pod": None, "container": "side", "follow": True, "previous": False, "since": None, "lines": 5, "dest": None}
    result = _job_logs.read(t.cast(Api, Server(pod())), {**options, "timeout": 60}, "n", False)
    assert followed == [("p", "side")] and result["logs"] == [{"pod": "p", "container": "side", "lines": ["a line"], "error": ""}]
