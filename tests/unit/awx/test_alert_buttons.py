"""The names of alerts as the forms of the two buttons for alerts have them: a text."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.filter.alert import alert_drain, alert_resume


def host(state: str, note: str) -> dict[str, t.Any]:
    """A host as runner_info shows it."""
    maps = [{"name": "studioml-go-runner", "scope": "global", "state": state, "holds": True, "note": note}]
    return {"target": "gpu1", "failed": False, "skipped": False, "runners": [{"maps": maps, "pods": []}]}


@pytest.mark.parametrize("text", ["GpuEcc\nGpuXid", "GpuEcc\r\n GpuXid\n", "GpuEcc, GpuXid", "GpuEcc,\nGpuXid", ["GpuEcc", "GpuXid"]])
def test_names_on_lines_or_with_commas(text: t.Any) -> None:
    assert alert_drain([host("Running", "")], "gpu1", text)["note"] == "alert: GpuEcc, GpuXid"
    assert alert_resume([host("DrainAndSuspend", "alert: GpuEcc, GpuXid")], text)["act"]


@pytest.mark.parametrize("text", [None, "", "\n", []])
def test_no_names(text: t.Any) -> None:
    assert alert_drain([host("Running", "")], "gpu1", text)["note"] == "alert: an alert without a name"
    assert not alert_resume([host("DrainAndSuspend", "alert: GpuEcc")], text)["act"]


def test_a_name_that_reads_like_a_number() -> None:
    assert alert_drain([host("Running", "")], "gpu1", 7)["note"] == "alert: 7"
