"""What a playbook hands on, made from each of the forms in which hosts are found."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.fleet_outcome import fleet_outcome

QUIET = {"target": "gpu1", "changed": True, "failed": False, "skipped": False, "msg": "", "hint": "", "verdict": "quiet", "reason": "Nothing runs."}
BUSY = {"target": "gpu2", "failed": True, "skipped": False, "msg": "It is busy.", "hint": "Wait longer.", "verdict": "busy"}


def test_targets_of_a_drain() -> None:
    left = {"target": "gpu3", "failed": False, "skipped": True, "msg": "Too many have failed.", "hint": ""}
    found = fleet_outcome([QUIET, BUSY, left], "drain")
    assert (found["playbook"], found["ok"], found["failed"]) == ("drain", False, ["gpu2", "gpu3"])
    assert found["hosts"]["gpu1"] == {"ok": True, "verdict": "quiet", "message": ""}
    assert found["hosts"]["gpu2"] == {"ok": False, "verdict": "busy", "message": "It is busy. Wait longer."}
    assert found["hosts"]["gpu3"] == {"ok": False, "verdict": "skipped", "message": "Too many have failed."}


@pytest.mark.parametrize(("entry", "verdict"), [({"failed": True, "msg": "No route."}, "unreachable"), ({"failed": False, "msg": ""}, "asked")])
def test_a_target_without_a_verdict(entry: dict[str, t.Any], verdict: str) -> None:
    assert fleet_outcome([{"target": "gpu1", **entry}], "resume")["hosts"]["gpu1"]["verdict"] == verdict


def test_verdicts_of_a_verification() -> None:
    broken = {"host": "gpu2", "ok": False, "failures": [{"step": "Docker", "message": "It does not run."}, {"step": "GPUs", "message": "None."}]}
    found = fleet_outcome([{"host": "gpu1", "ok": True, "failures": []}, broken], "verify")
    assert found["hosts"] == {
        "gpu1": {"ok": True, "verdict": "ok", "message": ""},
        "gpu2": {"ok": False, "verdict": "failed", "message": "It does not run. None."},
    }


def test_rows_of_a_table_and_what_is_wrong_wins() -> None:
    rows = [{"host": "a", "verdict": "unreachable", "notes": ["It does not answer."]}, {"host": "a", "verdict": "running", "notes": []}]
    found = fleet_outcome([*rows, {"host": "b", "verdict": "busy", "notes": ["an experiment"]}], "status")
    assert found["failed"] == ["a"] and found["hosts"]["a"]["message"] == "It does not answer."
    assert found["hosts"]["b"] == {"ok": True, "verdict": "busy", "message": ""}


def test_a_host_of_which_nothing_was_found_is_not_finished() -> None:
    lost = {"ok": False, "verdict": "unfinished", "message": "The playbook maintain was not finished on this host."}
    assert fleet_outcome([], "maintain", ["gpu1"]) == {"playbook": "maintain", "ok": False, "failed": ["gpu1"], "hosts": {"gpu1": lost}}
    found = fleet_outcome([{"host": "gpu1", "ok": True, "verdict": "running"}], "maintain", ["gpu1", "gpu2"])
    assert (found["ok"], found["failed"]) == (False, ["gpu2"])
    assert found["hosts"] == {"gpu1": {"ok": True, "verdict": "running", "message": ""}, "gpu2": lost}


def test_nothing_else_is_taken() -> None:
    for wrong in ("gpu1", [{"verdict": "quiet"}], [1]):
        with pytest.raises(AnsibleFilterError, match="needs a list with one dictionary a host"):
            fleet_outcome(wrong, "drain")  # type: ignore[arg-type]
