# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many targets through the real C(ansible) command: names of inventory hosts, their variables, and no secret in any output."""

from __future__ import annotations

import json
import pathlib

import pytest
from control_plane import ControlPlane
from test_doors import Ansible

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.apiserver
GLOBAL = "studioml-go-runner"
INVENTORY = """
all:
  children:
    rack:
      hosts:
        gpu1: {number: 1, fleet_broker: {username: runner, password: "geheim-{{ number }}"}}
        gpu2: {number: 2, fleet_node_name: "{{ inventory_hostname }}-node"}
        gpu3: {number: 3, fleet_kubeconfig: /no/such/file}
      vars:
        fleet_kubeconfig: "%(place)s/admin.kubeconfig"
        fleet_namespace: "%(namespace)s-{{ number }}"
  hosts:
    controller: {fleet_kubeconfig: /not/for/targets, fleet_namespace: not-for-targets}
  vars:
    ansible_connection: local
"""


@pytest.fixture
def fleet(control_plane: ControlPlane, kubeconfig: pathlib.Path, admin: Api, tmp_path: pathlib.Path, namespace: str) -> Ansible:
    for number in range(1, 4):
        admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": f"{namespace}-{number}"}})
    made = Ansible(control_plane, tmp_path, namespace)
    made.inventory.write_text(INVENTORY % {"place": control_plane.directory, "namespace": namespace})
    return made


def test_names_of_hosts_stand_for_their_variables(fleet: Ansible, control_plane: ControlPlane, namespace: str) -> None:
    wanted = {"state": "DrainAndSuspend", "targets": "{{ groups.rack[:2] }}"}
    predicted = fleet("controller", "runner_state", wanted, "--check", "--diff", "-vvvv")
    made = fleet("controller", "runner_state", wanted, "--diff", "-vvvv")
    assert predicted["changed"] and predicted["targets"] == made["targets"]
    assert [(one["target"], one["namespace"], one["maps"][0]["name"]) for one in made["targets"]] == [
        ("gpu1", f"{namespace}-1", GLOBAL),
        ("gpu2", f"{namespace}-2", f"{GLOBAL}-gpu2-node"),
    ]
    assert "geheim" not in fleet.output
    key = json.loads((control_plane.directory / "admin.kubeconfig").read_text())["users"][0]["user"]["client-key-data"]
    assert key[:40] not in fleet.output
    mark = control_plane.mark()
    assert not fleet("controller", "runner_state", wanted)["changed"]
    assert len(control_plane.requests(mark)) == 2


def test_the_task_says_which_maps_for_all(fleet: Ansible) -> None:
    made = fleet("controller", "runner_state", {"state": "Running", "targets": "gpu1,gpu2", "global": True})
    assert [one["maps"][0]["scope"] for one in made["targets"]] == ["global", "global"]


def test_the_failed_are_named_and_the_result_is_complete(fleet: Ansible) -> None:
    made = fleet("controller", "runner_state", {"state": "Running", "targets": ["gpu1", "gpu2", "gpu3"]})
    assert made["failed"] and made["msg"].startswith("1 of 3 targets failed: gpu3. gpu3: The kubeconfig /no/such/file does not exist.")
    assert [one["changed"] for one in made["targets"]] == [True, True, False]


def test_an_unknown_host(fleet: Ansible) -> None:
    refused = fleet("controller", "runner_state", {"state": "Running", "targets": ["gpu1", "gpu9"]})
    assert refused["failed"] and refused["msg"].startswith("targets: the inventory has no host gpu9.")


@pytest.mark.parametrize("door", ["controller", "target"])
def test_an_entry_with_a_password_shows_none(fleet: Ansible, control_plane: ControlPlane, namespace: str, door: str) -> None:
    entry = {"kubeconfig": str(control_plane.directory / "admin.kubeconfig"), "namespace": f"{namespace}-1", "broker": {"password": "geheimes-wort"}}
    made = fleet("controller", "runner_state", {"state": "Running", "targets": [entry], "kubeconfig_on": door}, "-vvvv")
    assert made["failed"] == (door == "target")
    assert "geheimes-wort" not in fleet.output
