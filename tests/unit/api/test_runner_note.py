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

from ansible_collections.studioml.fleet.plugins.module_utils import _state
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
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
    call(runner_state, **given, state="DrainAndSuspend", enforce="scale", wait=True, wait_timeout=120, note="new fans")
    noted = hands.read(admin, namespace, "configmaps", RUNNER)["metadata"]["annotations"]
    assert noted == {NOTE: "new fans", "fleet.studioml.ai/enforced": "scale"}
    call(runner_state, **given, state="Running")
    assert note(admin, namespace) is None


def test_it_is_shown(namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, image="hub:5000/runner:0.14.2", replicas=0, wait=False)
    call(runner_state, **given, state="DrainAndSuspend", note=" new fans ")
    (runner,) = call(runner_info, **given, gather=[])["runners"]
    assert [(one["name"], one["note"]) for one in runner["maps"]] == [(RUNNER, "new fans")]


def shown(given: dict[str, t.Any]) -> dict[str, str]:
    (runner,) = call(runner_info, **given, gather=[])["runners"]
    return {one["name"]: one["note"] for one in runner["maps"]}


def typed(admin: Api, namespace: str, state: str, name: str = RUNNER) -> None:
    """What C(kubectl edit) does."""
    place = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
    admin.request("PATCH", place, {"fieldManager": "kubectl-edit"}, {"data": {"STATE": state}}, hands.MERGE)


def test_a_note_is_not_about_what_somebody_has_typed_since(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, image="hub:5000/runner:0.14.2", replicas=0, wait=False)
    drain = {**given, "state": "DrainAndSuspend", "note": "alert: GpuXid"}
    call(runner_state, **drain)
    typed(admin, namespace, "Running")
    typed(admin, namespace, "DrainAndSuspend")
    assert note(admin, namespace) == "alert: GpuXid" and shown(given) == {RUNNER: ""}
    assert call(runner_state, **drain)["changed"] and shown(given) == {RUNNER: "alert: GpuXid"}
    assert not call(runner_state, **drain)["changed"]


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"state": "Running"}, f"expect: the state of the map {RUNNER}-gpu1 in NAMESPACE is 'DrainAndSuspend' by now, and not 'Running'; it is left as it is."),
        ({"state": ""}, f"expect: the state of the map {RUNNER}-gpu1 in NAMESPACE is 'DrainAndSuspend' by now, and not ''; it is left as it is."),
        ({"state": "DrainAndSuspend", "note": ""}, f"expect: the note of the map {RUNNER}-gpu1 in NAMESPACE is 'new fans' by now, and not ''; it is left"),
        ({"note": "new fans", "global_state": "Running"}, f"expect: the global_state of the map {RUNNER} in NAMESPACE is '' by now, and not 'Running'; it is"),
    ],
)
@pytest.mark.parametrize("many", [False, True])
def test_what_has_changed_since_it_was_seen_is_left(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any], expect: dict[str, str], words: str, many: bool
) -> None:
    call(runner_state, **given, state="DrainAndSuspend", note="new fans", nodes=["gpu1"])
    mark = control_plane.mark()
    if many:
        said = call(runner_state, targets=[{"name": "gpu1", "node": "gpu1", **given}], state="Running", expect=expect)["targets"][0]
    else:
        with pytest.raises(FleetError) as refused:
            call(runner_state, **given, state="Running", nodes=["gpu1"], expect=expect)
        said = {"msg": refused.value.message, "hint": refused.value.hint}
    assert words.replace("NAMESPACE", namespace) in said["msg"]
    assert said["hint"] == "Somebody has changed it meanwhile. Look again (runner_info), and decide anew."
    assert not mutating(control_plane.requests(mark)) and note(admin, namespace, f"{RUNNER}-gpu1") == "new fans"


def test_what_is_as_it_was_seen_is_written(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    node = {**given, "nodes": ["gpu1"]}
    assert call(runner_state, **node, state="DrainAndSuspend", note="new fans", expect={"state": "", "note": "", "global_state": ""})["changed"]
    assert call(runner_state, **node, state="Running", expect={"state": "DrainAndSuspend", "note": "new fans", "global_state": ""})["changed"]
    call(runner_state, **given, state="DrainAndTerminate", note="the move")
    followed = {"state": "DrainAndTerminate", "note": "the move"}
    assert call(runner_state, **given, state="Running", nodes=["gpu2"], expect=followed)["changed"], "a node map without a state says what the global one does"
    assert call(runner_state, **given, state="Running", expect=followed)["changed"]


def test_what_changes_at_the_very_moment_is_left(admin: Api, namespace: str, given: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch) -> None:
    call(runner_state, **given, state="Running")
    apply, others = _state.server_side_apply, [1]

    def late(api: Api, *rest: t.Any) -> dict[str, t.Any]:
        if others:
            others.pop()
            call(runner_state, **given, state="DrainAndTerminate", note="the move")
        return apply(api, *rest)

    monkeypatch.setattr(_state, "server_side_apply", late)
    with pytest.raises(FleetError, match=f"expect: the state of the map {RUNNER} in {namespace} is 'DrainAndTerminate' by now, and not 'Running'"):
        call(runner_state, **given, state="DrainAndSuspend", note="alert: A", expect={"state": "Running", "note": ""})
    assert note(admin, namespace) == "the move" and not others
