# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet as rows, and rows as a table for the terminal."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError


def fleet_table(rows: t.Sequence[t.Mapping[str, t.Any]], columns: t.Sequence[str]) -> str:
    """One line per row under the columns' names, every column as wide as its widest cell."""
    if not columns:
        raise AnsibleFilterError("fleet_table needs at least one column.")
    table = [[column.upper().replace("_", " ") for column in columns]]
    table += [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in table)


def cell(value: t.Any) -> str:
    """A value as a person reads it: nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(cell, value)) or "-"
    return str(value)


def fleet_rows(host: str, runner: t.Mapping[str, t.Any], failures: t.Sequence[t.Mapping[str, str]]) -> list[dict[str, t.Any]]:
    """One row per runner of the host; one with a note when there is none, or when the cluster did not answer."""
    nodes = runner.get("nodes", [])
    base = {
        "host": host,
        "nodes": [node["name"] if node["ready"] else f"{node['name']} (not ready)" for node in nodes],
        "gpus": sum(int(node.get("gpu_allocatable") or 0) for node in nodes) if nodes else None,
    }
    if failures:
        return [{**base, "note": failure["message"]} for failure in failures]
    rows = [
        {**base, "runner": f"{entry['namespace']}/{entry['name']}", "ready": f"{entry['ready']}/{entry['replicas']}", "asked_state": entry["asked_state"]}
        for entry in runner.get("runners", [])
    ]
    return rows or [{**base, "note": "no runner"}]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"fleet_rows": fleet_rows, "fleet_table": fleet_table}
