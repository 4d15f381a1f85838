# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many targets in one task, on a real API server: who is written to, in which order, and what the result says of each."""

from __future__ import annotations

import pathlib
import typing as t

import faults
import hands
import pytest
from beats import Beats, call, mutating
from control_plane import ControlPlane, free_ports

from ansible_collections.studioml.fleet.plugins.module_utils import _rest
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_info, runner_state

pytestmark = pytest.mark.apiserver
GLOBAL = "studioml-go-runner"
Entries = list[dict[str, t.Any]]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "PAUSE", 0.01)


@pytest.fixture
def clusters(control_plane: ControlPlane, admin: Api, namespace: str) -> Entries:
    """Five targets: kubeconfigs of their own, each with its namespace of the one real cluster."""
    entries = []
    for number in range(5):
        place = f"{namespace}-{number}"
        admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": place}})
        path = control_plane.kubeconfig(f"{namespace}-{number}", f"user-{number}", namespace=place)
        entries.append({"name": f"gpu{number}", "kubeconfig": str(path)})
    return entries


@pytest.fixture
def dead(control_plane: ControlPlane) -> dict[str, str]:
    (port,) = free_ports(1)
    return {"name": "dead", "kubeconfig": str(control_plane.kubeconfig(f"dead-{port}", server=f"https://127.0.0.1:{port}"))}


def run(check: bool = False, **given: t.Any) -> dict[str, t.Any]:
    return call(runner_state, check, **{"state": "DrainAndSuspend", **given})


def states(admin: Api, namespace: str) -> list[str | None]:
    found = []
    for number in range(5):
        maps = admin.request("GET", f"/api/v1/namespaces/{namespace}-{number}/configmaps")["items"]
        found += [next((item["data"]["STATE"] for item in maps if item["metadata"]["name"] == GLOBAL), None)]
    return found


def test_four_beats_over_five_targets(control_plane: ControlPlane, admin: Api, namespace: str, clusters: Entries) -> None:
    beats = Beats(control_plane, runner_state, targets=clusters, state="DrainAndSuspend")
    assert beats.counts() == [15, 15, 5, 5], "unchanged: exactly one request a target; with a change the cluster's identity and the map"
    made = beats.results[1]
    assert states(admin, namespace) == ["DrainAndSuspend"] * 5
    assert [one["target"] for one in made["targets"]] == [f"gpu{number}" for number in range(5)]
    alone = run(kubeconfig=clusters[3]["kubeconfig"])
    assert made["targets"][3] == {
        **{key: value for key, value in alone.items() if key not in ("diff", "warnings")},
        **{"target": "gpu3", "changed": True, "failed": False, "skipped": False, "msg": "", "hint": ""},
        "maps": [{"name": GLOBAL, "scope": "global", "previous": None, "state": "DrainAndSuspend", "changed": True, "holds": True, "reason": ""}],
    }
    assert made["diff"]["after"]["gpu4"] == {GLOBAL: {"STATE": "DrainAndSuspend"}}
    mark = control_plane.mark()
    assert sum(one["changed"] for one in run(targets=clusters, state="Running", **{"global": True})["targets"]) == 5
    order = [one["verb"] for one in control_plane.requests(mark)]
    assert sorted(order[:10]) == ["get"] * 5 + ["list"] * 5 and order[10:] == ["patch"] * 5, "no write before every cluster is known"


def test_targets_of_one_cluster_share_one_list_and_one_identity(control_plane: ControlPlane, namespace: str, kubeconfig: pathlib.Path) -> None:
    entries = [{"name": f"gpu{number}", "node": f"gpu{number}"} for number in range(20)]
    beats = Beats(control_plane, runner_state, kubeconfig=str(kubeconfig), namespace=namespace, targets=entries, state="DrainAndSuspend")
    assert beats.counts() == [22, 22, 1, 1]
    assert beats.results[1]["targets"][7]["maps"][0]["name"] == f"{GLOBAL}-gpu7"


def test_the_same_cluster_twice_is_found_before_anything_is_written(
    control_plane: ControlPlane, admin: Api, namespace: str, clusters: Entries
) -> None:
    again = {"name": "twin", "kubeconfig": str(control_plane.kubeconfig("twin", namespace=f"{namespace}-1"))}
    for check in (True, False):
        mark = control_plane.mark()
        result = run(check, targets=[*clusters, again])
        assert not mutating(control_plane.requests(mark))
        assert result["failed"] and not result["changed"]
        assert "2 of 6 targets failed: gpu1, twin. 4 were not begun. gpu1: gpu1 and twin lead to the same cluster" in result["msg"]
        assert f"both would write the map {GLOBAL} in namespace {namespace}-1. Nothing was written anywhere." in result["targets"][5]["msg"]
        assert "Name the cluster once, or name a node for each" in result["targets"][5]["hint"]
        assert result["targets"][0]["skipped"] and result["targets"][0]["msg"] == "Nothing was written anywhere, because gpu1 and twin are the same cluster."
    assert states(admin, namespace) == [None] * 5
    made = run(targets=[{**clusters[1], "node": "a"}, {**again, "node": "b"}])
    assert made["changed"] and not made.get("failed"), "two nodes of one cluster are two targets"


def test_one_wrong_cluster_id(admin: Api, namespace: str, clusters: Entries) -> None:
    clusters[2]["cluster_id"] = "another"
    result = run(targets=clusters)
    assert "1 of 5 targets failed: gpu2." in result["msg"] and "leads to another cluster than the one that is meant" in result["targets"][2]["msg"]
    assert states(admin, namespace) == ["DrainAndSuspend"] * 2 + [None] + ["DrainAndSuspend"] * 2


def test_a_target_whose_identity_cannot_be_read_is_not_written_to(control_plane: ControlPlane, admin: Api, namespace: str, clusters: Entries) -> None:
    user = f"{namespace}-narrow"
    hands.grant(admin, f"{namespace}-0", user, ["list", "create", "patch"], [""], ["configmaps"])
    clusters[0]["kubeconfig"] = str(control_plane.kubeconfig(user, user, [], namespace=f"{namespace}-0"))
    result = run(targets=clusters[:2])
    assert "lacks the verb 'get' on namespaces" in result["targets"][0]["msg"] + result["targets"][0]["hint"]
    assert states(admin, namespace)[:2] == [None, "DrainAndSuspend"]
    assert run(targets=clusters[:1])["changed"], "where it is the only one there is nothing to be mixed up"


def test_the_dead_are_named_and_the_others_done(admin: Api, namespace: str, clusters: Entries, dead: dict[str, str], tmp_path: pathlib.Path) -> None:
    missing = {"name": "missing", "kubeconfig": str(tmp_path / "missing")}
    result = run(targets=[clusters[0], dead, clusters[1], missing, *clusters[2:]], connect_timeout=20)
    assert "2 of 7 targets failed: dead, missing. dead: GET /api/v1/namespaces/default/configmaps on https://127.0.0.1:" in result["msg"]
    assert [one["failed"] for one in result["targets"]] == [False, True, False, True, False, False, False]
    assert "connection refused" in result["targets"][1]["msg"] and "does not exist" in result["targets"][3]["msg"]
    assert result["changed"] and states(admin, namespace) == ["DrainAndSuspend"] * 5


def test_half_of_fifty_are_dead(control_plane: ControlPlane, admin: Api, namespace: str, kubeconfig: pathlib.Path, dead: dict[str, str]) -> None:
    alive: Entries = [{"name": f"gpu{number}", "kubeconfig": str(kubeconfig), "namespace": namespace, "node": f"n{number}"} for number in range(25)]
    gone: Entries = [{**dead, "name": f"dead{number}", "namespace": f"ns{number}"} for number in range(25)]
    mixed = [entry for pair in zip(alive, gone, strict=True) for entry in pair]
    result = run(targets=mixed, connect_timeout=20)
    assert result["msg"].startswith("25 of 50 targets failed: dead0, dead1, dead2,")
    assert [one["failed"] for one in result["targets"]] == [False, True] * 25
    assert all("connection refused" in one["msg"] for one in result["targets"] if one["failed"])
    listed = admin.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    assert sum((item.get("data") or {}).get("STATE") == "DrainAndSuspend" for item in listed) == 25


def test_a_deadline_for_each_target(control_plane: ControlPlane, admin: Api, namespace: str, clusters: Entries, tmp_path: pathlib.Path) -> None:
    server = faults.FaultServer(tmp_path)
    server.behaviours = [faults.silence(server.stopped)]
    path = control_plane.kubeconfig("silent", server=server.url, authority=server.authority)
    try:
        result = run(targets=[{"name": "silent", "kubeconfig": str(path)}, *clusters], target_timeout=10, connect_timeout=60)
    finally:
        server.stop()
    assert "no answer in time" in result["targets"][0]["msg"] and "target_timeout (10 s) is over." in result["targets"][0]["hint"]
    assert states(admin, namespace) == ["DrainAndSuspend"] * 5


@pytest.mark.parametrize(("allowed", "written"), [(None, 5), (1, 5), (0, 0)])
def test_too_many_dead_ones_stop_the_task_before_the_first_write(
    admin: Api, namespace: str, clusters: Entries, dead: dict[str, str], allowed: int | None, written: int
) -> None:
    result = run(targets=[*clusters, dead], max_failures=allowed, connect_timeout=20)
    assert sum(state == "DrainAndSuspend" for state in states(admin, namespace)) == written
    assert [one["skipped"] for one in result["targets"][:5]] == [not written] * 5
    if not written:
        assert "1 of 6 targets failed: dead. 5 were not begun." in result["msg"]
        assert result["targets"][0]["msg"] == "Not begun: 1 of 6 targets have failed, max_failures is 0."


def test_batches_stop_at_the_threshold(admin: Api, namespace: str, clusters: Entries) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GLOBAL, "namespace": f"{namespace}-2"}, "data": {"STATE": "Running"}}
    hands.apply(admin, f"/api/v1/namespaces/{namespace}-2/configmaps/{GLOBAL}", body, "argocd-controller")
    result = run(targets=clusters, batch=2, parallel=2, max_failures=0)
    assert [(one["changed"], one["failed"], one["skipped"]) for one in result["targets"]][:3] == [(True, False, False)] * 2 + [(False, True, False)]
    assert result["targets"][4]["skipped"], "the third batch is not begun"
    assert "data.STATE is set by argocd-controller" in result["targets"][2]["hint"]
    assert states(admin, namespace)[:3] == ["DrainAndSuspend"] * 2 + ["Running"] and states(admin, namespace)[4] is None
    finished = run(targets=clusters, batch=2, parallel=2, max_failures=0, force_conflicts=True)
    assert not finished.get("failed") and states(admin, namespace) == ["DrainAndSuspend"] * 5, "a second run goes on"


def test_an_entry_that_means_a_losing_map_fails_alone_and_without_a_request(control_plane: ControlPlane, clusters: Entries) -> None:
    mark = control_plane.mark()
    result = run(targets=[{**clusters[0], "map_names": ["gpu0"]}, clusters[1]])
    assert "sorts before the global map" in result["targets"][0]["msg"] and result["targets"][1]["changed"]
    assert len(control_plane.requests(mark)) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"parallel": 0}, "parallel: 0 is too small. Give 1 or more"),
        ({"batch": -1}, "batch: -1 is too small"),
        ({"max_failures": -1}, "max_failures: -1 is too small"),
        ({"target_timeout": 0}, "target_timeout: 0 is no time to wait"),
    ],
)
def test_bad_options(clusters: Entries, wrong: dict[str, t.Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        run(targets=clusters, **wrong)


def test_a_shared_way(control_plane: ControlPlane, admin: Api, namespace: str, clusters: Entries) -> None:
    """Kubeconfigs of the same user for the same server: one identity, and few connections."""
    for number, entry in enumerate(clusters):
        copy = pathlib.Path(entry["kubeconfig"]).with_suffix(f".{number}")
        copy.write_text(pathlib.Path(clusters[0]["kubeconfig"]).read_text())
        entry.update(kubeconfig=str(copy), namespace=f"{namespace}-{number}")
    mark = control_plane.mark()
    assert run(targets=clusters)["changed"] and len(control_plane.requests(mark)) == 11
    assert states(admin, namespace) == ["DrainAndSuspend"] * 5


def test_no_targets_is_nothing_to_do() -> None:
    assert run(targets=[]) == {"changed": False, "targets": [], "diff": {"before": {}, "after": {}}}


@pytest.mark.parametrize("check", [False, True])
def test_looking_at_many(control_plane: ControlPlane, namespace: str, clusters: Entries, dead: dict[str, str], tmp_path: pathlib.Path, check: bool) -> None:
    missing = {"name": "missing", "kubeconfig": str(tmp_path / "missing")}
    mark = control_plane.mark()
    result = call(runner_info, check, targets=[clusters[0], dead, clusters[1], missing], connect_timeout=20)
    assert not mutating(control_plane.requests(mark)) and not result["changed"]
    assert [(one["target"], one["failed"]) for one in result["targets"]] == [("gpu0", False), ("dead", True), ("gpu1", False), ("missing", not check)]
    assert result["targets"][2]["namespace"] == f"{namespace}-1" and result["targets"][2]["cluster_id"]
    assert "connection refused" in result["targets"][1]["msg"]
    failed = "dead" if check else "dead, missing"
    assert f"{1 if check else 2} of 4 targets failed: {failed}." in result["msg"]
    if check:
        assert any(warning.startswith("missing: The kubeconfig") and "taken for one that is still to be written" in warning for warning in result["warnings"])
