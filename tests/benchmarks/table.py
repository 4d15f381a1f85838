# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A measured ratio and what it has to be."""

from __future__ import annotations

import typing as t


class Row(t.NamedTuple):
    """C(value) against C(other) (seconds, or what C(unit) says); C(limit) is the most the ratio may be, or with C(least) the least."""

    what: str
    against: str
    value: float
    other: float
    limit: float | None
    least: bool = False
    unit: str = "s"

    @property
    def ratio(self) -> float:
        return self.value / self.other

    @property
    def holds(self) -> bool:
        return self.limit is None or (self.ratio >= self.limit if self.least else self.ratio <= self.limit)

    def cells(self) -> list[str]:
        limit = "none" if self.limit is None else f"{'≥' if self.least else '≤'} {self.limit:g}"
        holds = "" if self.limit is None else "yes" if self.holds else "no"
        return [self.what, _shown(self.value, self.unit), self.against, _shown(self.other, self.unit), f"{self.ratio:.2f}", limit, holds]


def markdown(rows: t.Sequence[Row]) -> str:
    """The table, as pages and terminals show it."""
    lines = [["measured", "value", "against", "value", "ratio", "bar", "holds"], *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]])


def _shown(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
