# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix as people read it: docs/reliability.md says what the tests have seen, no more and no less."""

from __future__ import annotations

import pathlib

import matrix
import pytest

PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs" / "reliability.md"


@pytest.mark.parametrize("title", list(matrix.TABLES))
def test_the_page_has_the_table(title: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"## {title}\n\n" in text
    shown = text.partition(f"## {title}\n\n")[2].partition("\n## ")[0]
    assert matrix.table(matrix.TABLES[title]) in shown, f"make it\n\n{matrix.table(matrix.TABLES[title])}"


def test_what_was_seen_is_what_is_promised() -> None:
    """Of the tests that have run with this one."""
    promised = {fault: outcome for part in matrix.TABLES.values() for fault, outcome in part.items()}
    assert {fault: outcome for fault, outcome in matrix.observed.items() if promised.get(fault) != outcome} == {}
