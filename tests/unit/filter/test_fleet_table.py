"""Rows and tables of the status playbook."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.fleet_table import fleet_rows, fleet_table

NODES = [{"name": "gpu1", "ready": True, "gpu_allocatable": 2}, {"name": "gpu9", "ready": False, "gpu_allocatable": None}]
RUNNER = {"name": "runner", "namespace": "studioml", "replicas": 2, "ready": 1, "asked_state": "Running"}


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = fleet_table([{"host": "gpu1", "asked_state": "Running"}, {"host": "a-long-name", "asked_state": None}], ["host", "asked_state"])
    assert table.splitlines() == ["HOST         ASKED STATE", "gpu1         Running", "a-long-name  -"]


def test_cells_read_well() -> None:
    assert fleet_table([{"a": True, "b": [], "c": ["x", "y"], "d": 0}], ["a", "b", "c", "d"]).splitlines()[1] == "yes  -  x, y  0"


def test_a_table_needs_columns() -> None:
    with pytest.raises(AnsibleFilterError, match="at least one column"):
        fleet_table([], [])


def test_a_row_for_each_runner() -> None:
    assert fleet_rows("gpu1", {"nodes": NODES, "runners": [RUNNER]}, []) == [
        {"host": "gpu1", "nodes": ["gpu1", "gpu9 (not ready)"], "gpus": 2, "runner": "studioml/runner", "ready": "1/2", "asked_state": "Running"},
    ]


def test_a_host_without_runners_and_one_that_does_not_answer() -> None:
    assert fleet_rows("gpu1", {"nodes": NODES, "runners": []}, [])[0]["note"] == "no runner"
    assert fleet_rows("gpu2", {}, [{"step": "s", "message": "refused"}]) == [{"host": "gpu2", "nodes": [], "gpus": None, "note": "refused"}]
