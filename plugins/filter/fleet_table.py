# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as a table for the terminal."""

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


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"fleet_table": fleet_table}
