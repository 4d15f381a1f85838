# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark's command works, and what it counts (not what it times, on a machine that does other things too) is as promised."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.apiserver
def test_one_request_for_each_unchanged_target(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured -->\nyesterday\n<!-- end of what was measured -->\nafter\n")
    command = [sys.executable, CLONE / "tests/benchmarks/bench.py", "--rounds", "1", "--targets", "20", "--only", "counts", "--write", page]
    done = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = page.read_text()
    assert text.startswith("before\n<!-- measured -->\n| measured ") and text.endswith("<!-- end of what was measured -->\nafter\n") and "yesterday" not in text
    assert "| (c) requests, fan-out, unchanged " in text and "| (e) memory, 20 targets, all change " in text
