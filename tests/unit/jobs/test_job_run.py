# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done with Jobs while and after they run, as far as it needs no API server."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _job_grid, _job_run, _jobs
from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event

Thing = dict[str, t.Any]


class There:
    """An API server that has these Jobs, by their path."""

    def __init__(self, *jobs: Thing) -> None:
        self.jobs = {f"/apis/batch/v1/namespaces/ns/jobs/{job['metadata']['name']}": job for job in jobs}

    def find(self, path: str, _namespace: str = "") -> Thing | None:
        return self.jobs.get(path)


def job(name: str, uid: str, *conditions: str) -> Thing:
    found = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": {"name": name, "namespace": "ns", "uid": uid}, "spec": {"template": {"spec": {}}}, "status": {"conditions": found}}


def hear(grid: _job_grid.Grid, event: Event, *there: Thing, replaced: dict[str, Thing] | None = None) -> None:
    _job_grid._hear(t.cast(Api, There(*there)), grid, event, replaced or {})


def test_a_list_that_is_older_than_a_job_does_not_lose_it() -> None:
    """The thread that watches may have listed before the last ones were made."""
    there = {name: job(name, name) for name in ("new", "gone", "other")}
    ended = job("done", "done", "Complete")
    grid = _job_grid.Grid("one", "ns", dict.fromkeys([*there, "done"], ({}, [])), live={**there, "done": ended})
    hear(grid, Event("LISTED", []), there["new"], job("other", "of somebody else"))
    assert grid.lost == {"gone", "other"} and grid.live == {"new": there["new"], "done": ended}


@pytest.mark.parametrize("kind", ["MODIFIED", "DELETED", "LISTED"])
def test_late_news_of_a_job_that_was_replaced(kind: str) -> None:
    old = job("a", "old", "Failed")
    grid = _job_grid.Grid("one", "ns", {"a": ({}, [])})
    hear(grid, Event(kind, [old]), replaced={"a": old})
    assert not grid.live and not grid.lost and grid.missing() == ["a"], "it waits for its turn"
    hear(grid, Event("ADDED", [job("a", "new")]), replaced={"a": old})
    assert grid.live["a"]["metadata"]["uid"] == "new"


@pytest.mark.parametrize(("label", "name"), [("", "train.log"), ("GPU 1", "train-gpu-1.log")])
def test_each_of_several_targets_has_a_log_file_of_its_own(tmp_path: pathlib.Path, label: str, name: str) -> None:
    params = {"log_file": str(tmp_path / "train.log"), "wait": True, "keep": "always", "delete_timeout": 1}
    begun = _job_run.Begun(JobSpec("one", "ns"), _jobs.Kept("one", job("one", "u")))
    written: list[str] = []

    def awaited(_api: t.Any, _spec: t.Any, _name: str, given: Thing, *_more: t.Any) -> Thing:
        written.append(given["log_file"])
        return {"state": {"state": "complete", "pods": []}, "log": []}

    _job_run.end(t.cast(Api, None), begun, params, False, None, label, awaited)
    assert written == [str(tmp_path / name)]
