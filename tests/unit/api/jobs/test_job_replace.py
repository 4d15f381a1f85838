# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job in the place of one that has only just begun: the cluster's job controller must not take the one for the other.

All but the last test have no controller.
"""

from __future__ import annotations

import dataclasses
import threading
import typing as t

import hands
import pytest
from beats import call
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils import _job_replace, _job_wait
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job

pytestmark = pytest.mark.apiserver
BATCH = "/apis/batch/v1"


def job(admin: Api, namespace: str) -> dict[str, t.Any]:
    return hands.read(admin, namespace, "jobs", "one", BATCH)


def set_active(admin: Api, namespace: str) -> None:
    where = f"{BATCH}/namespaces/{namespace}/jobs/one/status"
    status = {"active": 1, "ready": 0, "startTime": "2026-01-20T10:00:00Z"}
    admin.request("PATCH", where, None, {"status": status}, "application/merge-patch+json")


def test_one_without_its_pods_is_given_time(admin: Api, given: dict[str, t.Any], namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes pods here."""
    monkeypatch.setattr(_job_replace, "SETTLE_SECONDS", 0.2)
    call(gpu_job, **given)
    live = job(admin, namespace)
    assert _job_replace.unsettled(admin, [live]) == [live["metadata"]["uid"]]
    _job_replace.make_way(admin, [live], 30, check=True)
    assert job(admin, namespace)["metadata"]["uid"] == live["metadata"]["uid"]


def test_one_that_gets_them_meanwhile_has_settled(admin: Api, given: dict[str, t.Any], namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_job_replace, "SETTLE_SECONDS", 60)
    call(gpu_job, **given)
    live = job(admin, namespace)
    threading.Timer(0.3, set_active, (admin, namespace)).start()
    assert _job_replace.unsettled(admin, [live]) == []


@pytest.mark.parametrize(
    ("spec", "status", "settled"),
    [
        ({"parallelism": 1, "completions": 1}, {}, False),
        ({"parallelism": 1, "completions": 1}, {"active": 1}, True),
        ({"parallelism": 4, "completions": 4}, {"active": 3}, False),
        ({"parallelism": 4, "completions": 4}, {"active": 1, "succeeded": 3}, True),
        ({"parallelism": 2}, {"active": 1}, False),
        ({"parallelism": 1, "completions": 1, "suspend": True}, {}, True),
        ({"parallelism": 1, "completions": 1}, {"conditions": [{"type": "Failed", "status": "True"}]}, True),
    ],
)
def test_settled(spec: dict[str, t.Any], status: dict[str, t.Any], settled: bool) -> None:
    thing = {"metadata": {"name": "one"}, "spec": spec, "status": status}
    assert _job_replace.is_settled(thing) is settled


@pytest.mark.parametrize("nudged", [True, False])
def test_one_that_was_forgotten_is_nudged_by_who_made_it(
    admin: Api, given: dict[str, t.Any], namespace: str, monkeypatch: pytest.MonkeyPatch, patient_watches: None, nudged: bool
) -> None:
    call(gpu_job, **given)
    monkeypatch.setattr(_job_wait, "NUDGE_SECONDS", 0.5)
    said: list[str] = []
    with pytest.raises(FleetError, match="is pending. It goes on there"):
        _job_wait.to_end(admin, namespace, "one", timeout=8, nudge=nudged, report=said.append)
    assert (_job_replace.NUDGED in job(admin, namespace)["metadata"]["annotations"]) is nudged
    assert any("is made to look again" in line for line in said) is nudged


def test_a_nudge_that_does_not_arrive_ends_no_wait(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(gpu_job, **given)
    nobody = Api(dataclasses.replace(admin.target, server="https://127.0.0.1:1"), 1, 1)
    _job_replace.nudge(nobody, [job(admin, namespace)])
    assert _job_replace.NUDGED not in job(admin, namespace)["metadata"]["annotations"]


def test_who_only_looks_does_not_run_in_circles(
    admin: Api, given: dict[str, t.Any], namespace: str, monkeypatch: pytest.MonkeyPatch, patient_watches: None
) -> None:
    call(gpu_job, **given)
    monkeypatch.setattr(_job_wait, "NUDGE_SECONDS", 0.2)
    turns: list[float] = []
    due = _job_wait._Waiting._due
    monkeypatch.setattr(_job_wait._Waiting, "_due", lambda self, now: turns.append(now) or due(self, now))
    with pytest.raises(FleetError, match="is pending. It goes on there"):
        _job_wait.to_end(admin, namespace, "one", timeout=8)
    assert len(turns) < 20


def test_forgotten_ones_of_a_grid(admin: Api, given: dict[str, t.Any], namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked for whenever a grid has stood still for as long as its grace periods."""
    monkeypatch.setattr(_job_replace, "NUDGE_SECONDS", 1)
    with pytest.raises(FleetError, match="has not ended after 12 s"):
        call(gpu_job, **{**given, "parameters": [{}], "wait": True, "wait_timeout": 12, "image_pull_grace": 1, "schedule_grace": 1})
    made = hands.read(admin, namespace, "jobs", "one-0", BATCH)
    assert _job_replace.NUDGED in made["metadata"]["annotations"]


def test_it_gets_its_pod_however_soon_it_comes(kubelet: StandIn, given: dict[str, t.Any]) -> None:
    """With the real controller. Without care about one in nine of these had no pod before it was nudged, after five minutes."""
    for time in range(12):
        call(gpu_job, **{**given, "image": f"hub:5000/busybox:{time}", "secret_env": {"TOKEN": str(time)}, "again": "replace"})
        image = f"hub:5000/busybox:{time}-next"
        result = call(gpu_job, **{**given, "image": image, "again": "replace", "wait": True, "wait_timeout": 240})
        assert result["job"]["state"] == "complete"
