# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands and playbooks through the inventory of two real clusters, also in AWX's way: synchronised once, played later with other paths."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import typing as t

import hands
import pytest
from inventory_runs import CLONE, Inventory, Listed
from two_clusters import NAMESPACE, TwoClusters

pytestmark = pytest.mark.apiserver
GLOBAL = "studioml-go-runner"


def results(output: str) -> dict[str, dict[str, t.Any]]:
    """The result of an ad hoc command at each host."""
    found = {}
    for shown in re.finditer(r"^(\S+) \| \w+!? => ", output, flags=re.M):
        found[shown[1]] = json.JSONDecoder().raw_decode(output[shown.end():])[0]
    return found


def test_ad_hoc(inventory: Inventory, clusters: TwoClusters) -> None:
    found = results(inventory.run("ansible", "all", "-m", "studioml.fleet.runner_info"))
    assert {host: one["runners"][0]["verdict"] for host, one in found.items()} == {"research": "busy", "edge": "quiet"}
    assert {host: one["server"] for host, one in found.items()} == {"research": clusters.research.plane.url, "edge": clusters.edge.plane.url}


def test_those_that_can_be_reached(inventory: Inventory, clusters: TwoClusters) -> None:
    with clusters.edge.stopped():
        found = results(inventory.run("ansible", "all:!fleet_unreachable", "-m", "studioml.fleet.runner_info"))
    assert list(found) == ["research"]


def test_a_group_of_nodes_is_drained(inventory: Inventory, clusters: TwoClusters) -> None:
    inventory.configure(kubeconfig=str(clusters.kubeconfig), namespace=NAMESPACE, hosts="nodes")
    command = ["fleet_verdict_running", "-m", "studioml.fleet.runner_state", "-a", "state=DrainAndSuspend"]
    try:
        made = results(inventory.run("ansible", *command))
        assert {host: one["maps"][0]["name"] for host, one in made.items()} == {"gpu2.research": f"{GLOBAL}-gpu2"}
        assert hands.read(clusters.research.admin, NAMESPACE, "configmaps", f"{GLOBAL}-gpu2")["data"]["STATE"] == "DrainAndSuspend"
        listed = inventory.list()
        assert listed.groups["fleet_asked_DrainAndSuspend"] == ["gpu1.research", "gpu2.research"]
        assert listed.groups["fleet_verdict_quiet"] == ["gpu1.edge", "gpu2.research"]
    finally:
        clusters.research.ask("Running", nodes=["gpu2"])


def test_the_status_of_what_the_inventory_found(inventory: Inventory, clusters: TwoClusters, tmp_path: pathlib.Path) -> None:
    report = tmp_path / "report.json"
    with clusters.edge.stopped():
        inventory.run("ansible-playbook", CLONE / "playbooks/status.yml", "-e", f"fleet_report={report}", source=inventory.path)
    rows = {row["host"]: row["verdict"] for row in json.loads(report.read_text(encoding="utf-8"))["rows"]}
    assert rows == {"research": "busy", "edge": "unreachable"}


def test_the_graph(inventory: Inventory) -> None:
    shown = inventory.run("ansible-inventory", "--graph", "fleet_verdict_quiet")
    assert shown.split() == ["@fleet_verdict_quiet:", "|--edge"]


def test_as_awx_does_it(inventory: Inventory, clusters: TwoClusters, tmp_path: pathlib.Path) -> None:
    """The source is synchronised with the credential's files at one place; a job has them at another, and an inventory that is a script."""
    first, later = [[tmp_path / when / name for name in ("research", "edge")] for when in ("sync", "job")]
    for old, new, cluster in zip(first, later, (clusters.research, clusters.edge), strict=True):
        for path in (old, new):
            path.parent.mkdir(exist_ok=True)
            path.write_text(cluster.kubeconfig.read_text(encoding="utf-8").replace('"test"', f'"{old.name}"'), encoding="utf-8")
    inventory.configure(namespace=NAMESPACE)
    inventory.environment = {"K8S_AUTH_KUBECONFIG": f"{first[0]}::{first[1]}", "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true"}
    exported = inventory.run("ansible-inventory", "--list", "--export")
    listed = Listed(json.loads(exported))
    assert listed.raw["edge"]["fleet_kubeconfig"] == "{{ lookup('ansible.builtin.env', 'K8S_AUTH_KUBECONFIG').split(':')[2] }}"
    assert str(tmp_path / "sync") not in json.dumps([{**variables, "fleet_observed": None} for variables in listed.raw.values()])
    assert listed.raw["edge"]["fleet_observed"]["verdict"] == "quiet", "names and words come as plain text"
    shutil.rmtree(tmp_path / "sync")
    script = tmp_path / "hosts"
    (tmp_path / "exported.json").write_text(exported, encoding="utf-8")
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/exported.json\n", encoding="utf-8")
    script.chmod(0o700)
    inventory.environment = {"K8S_AUTH_KUBECONFIG": f"{later[0]}::{later[1]}"}
    found = results(inventory.run("ansible", "clusters", "-m", "studioml.fleet.runner_info", source=script))
    assert {host: one["runners"][0]["verdict"] for host, one in found.items()} == {"research": "busy", "edge": "quiet"}
    command = ["research", "-m", "studioml.fleet.runner_info", "-a", json.dumps({"targets": ["research", "edge"]})]
    many = results(inventory.run("ansible", *command, source=script))["research"]
    assert [one["runners"][0]["verdict"] for one in many["targets"]] == ["busy", "quiet"]


def test_the_sample(inventory: Inventory, clusters: TwoClusters) -> None:
    inventory.environment = {"K8S_AUTH_KUBECONFIG": str(clusters.kubeconfig)}
    listed = Listed(json.loads(inventory.run("ansible-inventory", "--list", source=CLONE / "inventory/fleet")))
    assert listed.groups["clusters"] == ["edge", "research"] and listed.groups["fleet_track_1_32"] == ["research"]
    assert listed.raw["edge"]["fleet_kubeconfig"] == "{{ lookup('ansible.builtin.env', 'K8S_AUTH_KUBECONFIG') }}"
    assert "WARNING" not in inventory.output
