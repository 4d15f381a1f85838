"""The table of the status playbook."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.fleet_table import fleet_table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = fleet_table([{"host": "gpu1", "asked_state": "Running"}, {"host": "a-long-name", "asked_state": None}], ["host", "asked_state"])
    assert table.splitlines() == ["HOST         ASKED STATE", "gpu1         Running", "a-long-name  -"]


def test_cells_read_well() -> None:
    assert fleet_table([{"a": True, "b": [], "c": ["x", "y"], "d": 0}], ["a", "b", "c", "d"]).splitlines()[1] == "yes  -  x, y  0"


def test_a_table_needs_columns() -> None:
    with pytest.raises(AnsibleFilterError, match="at least one column"):
        fleet_table([], [])
