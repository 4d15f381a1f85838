# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order traps of the state contract on a real API server, with a watch that decides as a runner does."""

from __future__ import annotations

import pathlib
import typing as t

import hands
import pytest
from beats import Beats, call, mutating
from control_plane import ControlPlane
from follower import Follower

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_state

pytestmark = pytest.mark.apiserver
GLOBAL = "studioml-go-runner"
GPU1, GPU2 = f"{GLOBAL}-gpu1", f"{GLOBAL}-gpu2"


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace}


@pytest.fixture
def gpu1(admin: Api, namespace: str) -> t.Iterator[Follower]:
    with Follower(admin, namespace, GPU1) as runner:
        yield runner


def names(admin: Api, namespace: str) -> list[str]:
    listed = admin.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    return [item["metadata"]["name"] for item in listed if item["metadata"]["name"].startswith(GLOBAL)]


def test_the_trap_itself_a_later_global_map_overrules_a_node_map(admin: Api, namespace: str, given: dict[str, t.Any], gpu1: Follower) -> None:
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"])
    assert gpu1.state == "DrainAndSuspend"
    hands.configmap(admin, namespace, GLOBAL, {"STATE": "Running"})
    assert gpu1.state == "Running", "the runner follows the last event, not the more special map"
    gpu1.expire()
    assert gpu1.state == "DrainAndSuspend", "within the hour it silently flips back"


def test_a_change_of_the_global_map_keeps_the_override_through_replays(given: dict[str, t.Any], gpu1: Follower) -> None:
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"])
    result = call(runner_state, **given, state="Running")
    assert result["touched"] == [GPU1]
    assert gpu1.state == "DrainAndSuspend"
    for _watch in range(2):
        gpu1.expire()
        assert gpu1.state == "DrainAndSuspend"


def test_both_in_one_call(given: dict[str, t.Any], gpu1: Follower, admin: Api, namespace: str) -> None:
    call(runner_state, **given, state="Running", nodes=["gpu1", "gpu2"], **{"global": True})
    with Follower(admin, namespace, GPU2) as gpu2:
        call(runner_state, **given, state="DrainAndTerminate", nodes=["gpu1"], **{"global": True})
        assert (gpu1.state, gpu2.state) == ("DrainAndTerminate", "Running")
        gpu1.expire()
        assert gpu1.state == "DrainAndTerminate"


def test_a_node_map_that_somebody_overruled_is_made_heard_again(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any], gpu1: Follower
) -> None:
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"])
    hands.configmap(admin, namespace, GLOBAL, {"STATE": "Running"})
    assert gpu1.state == "Running"
    beats = Beats(control_plane, runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"])
    assert beats.counts() == [2, 2, 1, 1]
    assert (beats.results[1]["touched"], beats.results[1]["maps"][0]["changed"]) == ([GPU1], False)
    assert gpu1.state == "DrainAndSuspend"


def test_a_deleted_override_would_say_its_old_state_once_more(admin: Api, namespace: str, given: dict[str, t.Any], gpu1: Follower) -> None:
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"])
    call(runner_state, **given, state="Running")
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/{GPU1}")
    assert gpu1.state == "DrainAndSuspend", "the trap: nobody asks for it any more"


def test_an_override_is_dropped_by_making_it_equal_first(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any], gpu1: Follower
) -> None:
    call(runner_state, **given, state="Running")
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1", "gpu2"])
    assert gpu1.state == "DrainAndSuspend"
    beats = Beats(control_plane, runner_state, **given, state="Running", nodes=["gpu1"], drop_overrides=True)
    assert beats.counts() == [3, 3, 1, 1]
    assert beats.results[1]["dropped"] == [GPU1]
    assert beats.results[1]["diff"] == {"before": {GPU1: {"STATE": "DrainAndSuspend"}}, "after": {GPU1: {}}}
    assert beats.results[1]["maps"] == [
        {"name": GPU1, "scope": "node", "previous": "DrainAndSuspend", "state": None, "changed": True, "holds": True, "reason": ""}
    ]
    assert gpu1.state == "Running" and gpu1.heard.count("DrainAndSuspend") == 1
    assert names(admin, namespace) == [GLOBAL, GPU2]
    gpu1.expire()
    assert gpu1.state == "Running"


def test_all_overrides_are_dropped_with_the_global_map(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any], gpu1: Follower
) -> None:
    hands.configmap(admin, namespace, GPU2, {"STATE": "Running", "OTHER": "kept"})
    hands.configmap(admin, namespace, "studioml-unrelated", {"STATE": "Running"})
    call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1"], **{"global": True})
    beats = Beats(control_plane, runner_state, **given, state="Running", drop_overrides=True)
    assert beats.results[1]["dropped"] == [GPU1, GPU2]
    assert gpu1.state == "Running"
    assert hands.read(admin, namespace, "configmaps", GPU2)["data"] == {"OTHER": "kept"}, "what is not ours stays"
    assert hands.read(admin, namespace, "configmaps", "studioml-unrelated")["data"] == {"STATE": "Running"}, "a name that is not ours is not touched"


def test_a_map_that_would_lose_can_be_dropped(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    hands.configmap(admin, namespace, "gpu1", {"STATE": "DrainAndSuspend"})
    with pytest.raises(FleetError, match="sorts before the global map"):
        call(runner_state, **given, state="Running", map_names=["gpu1"])
    with Follower(admin, namespace, "gpu1") as runner:
        made = call(runner_state, **given, state="Running", map_names=["gpu1"], drop_overrides=True, **{"global": True})
        assert made["dropped"] == ["gpu1"] and runner.state == "Running"


@pytest.mark.parametrize(("below", "message"), [("DrainAndSuspend", "which says DrainAndSuspend"), (None, "does not exist or says nothing")])
def test_dropping_onto_another_state_is_refused(
    control_plane: ControlPlane, admin: Api, namespace: str, given: dict[str, t.Any], below: str | None, message: str
) -> None:
    if below:
        call(runner_state, **given, state=below)
    call(runner_state, **given, state="Running", nodes=["gpu1"])
    mark = control_plane.mark()
    with pytest.raises(FleetError, match=message):
        call(runner_state, **given, state="Running", nodes=["gpu1"], drop_overrides=True)
    assert not mutating(control_plane.requests(mark))


def test_a_map_that_a_controller_keeps_is_not_dropped(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    call(runner_state, **given, state="Running")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GPU1, "namespace": namespace}, "data": {"STATE": "Running"}}
    hands.apply(admin, f"/api/v1/namespaces/{namespace}/configmaps/{GPU1}", body, "argocd-controller")
    with pytest.raises(FleetError, match="is kept by argocd-controller, which would make it again. Remove it there"):
        call(runner_state, **given, state="Running", nodes=["gpu1"], drop_overrides=True)
    assert call(runner_state, **given, state="Running", nodes=["gpu1"], drop_overrides=True, force_conflicts=True)["dropped"] == [GPU1]


def test_what_was_written_before_a_failure_is_said(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GPU2, "namespace": namespace}, "data": {"STATE": "Running"}}
    hands.apply(admin, f"/api/v1/namespaces/{namespace}/configmaps/{GPU2}", body, "argocd-controller")
    with pytest.raises(FleetError, match=r"data\.STATE is set by argocd-controller") as caught:
        call(runner_state, **given, state="DrainAndSuspend", nodes=["gpu1", "gpu2"], **{"global": True})
    assert caught.value.result()["written"] == [GLOBAL, GPU1] and caught.value.result()["changed"]
