# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The note that a drain leaves with the state: written in the same request, shown by runner_info, gone with the next change."""

from __future__ import annotations

import pathlib
import typing as t

import hands
import pytest
from beats import Beats, call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_info, runner_state

pytestmark = pytest.mark.apiserver
RUNNER = "studioml-go-runner"
NOTE = "fleet.studioml.ai/note"


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace}


def note(admin: Api, namespace: str, name: str = RUNNER) -> str | None:
    return (hands.read(admin, namespace, "configmaps", name)["metadata"].get("annotations") or {}).get(NOTE)


def test_a_note_goes_with_the_state(control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    hands.configmap(admin, namespace, RUNNER, {"STATE": "Running", "OTHER": "kept"})
    beats = Beats(control_plane, runner_state, **given, state="DrainAndSuspend", note="new fans")
    assert len(mutating(beats.requests[1])) == 1
    assert note(admin, namespace) == "new fans"
    assert hands.read(admin, namespace, "configmaps", RUNNER)["data"] == {"STATE": "DrainAndSuspend", "OTHER": "kept"}


def test_another_note_is_a_change_and_a_drain_without_one_takes_it_away(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    drain = {**given, "state": "DrainAndSuspend"}
    call(runner_state, **drain, note="new fans")
    assert call(runner_state, **drain, note="new disks")["changed"] and note(admin, namespace) == "new disks"
    assert call(runner_state, **drain)["changed"] and note(admin, namespace) is None
    assert not call(runner_state, **drain)["changed"]


def test_a_resume_takes_the_note_away_and_has_none(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_state, **given, state="DrainAndSuspend", note="new fans", nodes=["gpu1"])
    assert note(admin, namespace, f"{RUNNER}-gpu1") == "new fans"
    call(runner_state, **given, state="Running", note="for no reason", nodes=["gpu1"])
    assert note(admin, namespace, f"{RUNNER}-gpu1") is None


def test_the_note_and_the_mark_of_an_enforcement_are_beside_each_other(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, image="hub:5000/runner:0.14.2", replicas=0, wait=False)
    call(runner_state, **given, state="DrainAndSuspend", enforce="scale", wait=True, wait_timeout=20, note="new fans")
    noted = hands.read(admin, namespace, "configmaps", RUNNER)["metadata"]["annotations"]
    assert noted == {NOTE: "new fans", "fleet.studioml.ai/enforced": "scale"}
    call(runner_state, **given, state="Running")
    assert note(admin, namespace) is None


def test_it_is_shown(namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, image="hub:5000/runner:0.14.2", replicas=0, wait=False)
    call(runner_state, **given, state="DrainAndSuspend", note=" new fans ")
    (runner,) = call(runner_info, **given, gather=[])["runners"]
    assert [(one["name"], one["note"]) for one in runner["maps"]] == [(RUNNER, "new fans")]
