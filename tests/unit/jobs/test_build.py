# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a build gathers on its way: files that are copied again when a copy breaks off, and the tests of each of its pods."""

from __future__ import annotations

import pathlib
import stat
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _artefacts, _build, _exec
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._artefacts_spec import CONTAINER
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

API = t.cast(Api, None)
ENDED, RUNNING = {"terminated": {"exitCode": 0}}, {"running": {"startedAt": "now"}}
WANTED = {"path": "/out", "dest": "out", "max_bytes": 5}


def pod(holder: dict[str, t.Any], phase: str = "Running") -> dict[str, t.Any]:
    statuses = [{"name": "job", "state": ENDED}, {"name": CONTAINER, "state": holder}]
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "job"}]}, "status": {"phase": phase, "containerStatuses": statuses}}


class Copies:
    """Stands for the copying: what each try comes to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: FleetError | None) -> None:
        self.outcomes, self.did = list(outcomes), list[str]()
        monkeypatch.setattr(_artefacts, "fetch", self._fetch)
        monkeypatch.setattr(_exec, "run", lambda *_given: self.did.append("let go"))
        monkeypatch.setattr(_build, "pause", lambda _tried: 0)

    def _fetch(self, *_given: t.Any) -> dict[str, t.Any]:
        self.did.append("copy")
        outcome = self.outcomes.pop(0)
        if outcome:
            raise outcome
        return {"dest": "out", "files": 1, "bytes": 2, "left_out": [], "changed": 1}


def build(**params: t.Any) -> _build._Build:
    return _build._Build({"wait_timeout": 60, "artefacts": None, "junit": None, **params})


BROKEN = Unreachable("The connection was closed.", passing=True)
AWAY = ApiError("Bad gateway.", "", 502, {})
NO_TAR = FleetError("No tar.")
REFUSED = ApiError("Not allowed.", "", 403, {})


@pytest.mark.parametrize(
    ("outcomes", "tries", "lost"),
    [
        ([None], 1, ""),
        ([BROKEN, AWAY, None], 3, ""),
        ([BROKEN] * _build.TRIES, _build.TRIES, "The connection was closed."),
        ([NO_TAR], 1, "No tar."),
        ([REFUSED], 1, "Not allowed."),
    ],
)
def test_a_copy_that_breaks_off_is_begun_anew(monkeypatch: pytest.MonkeyPatch, outcomes: list[FleetError | None], tries: int, lost: str) -> None:
    copies, one = Copies(monkeypatch, *outcomes), build(artefacts=WANTED)
    assert one._copy(API, "n", pod(RUNNING))
    assert copies.did == ["copy"] * tries + ["let go"]  # nobody lets go before it has come, or cannot come
    assert one.facts(False)["artefacts"].get("files") == (None if lost else 1) and one.lost == lost


def test_no_new_copy_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Copies(monkeypatch, BROKEN, None)
    assert build(artefacts=WANTED, wait_timeout=0)._copy(API, "n", pod(RUNNING))
    assert copies.did == ["copy", "let go"]


def test_a_program_may_end_before_its_results_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    copies, one = Copies(monkeypatch, None), build(artefacts=WANTED)
    assert not one._copy(API, "n", pod({"waiting": {"reason": "ContainerCreating"}})) and copies.did == []
    assert "did not begin" in one.facts(False)["artefacts"]["error"]
    assert one._copy(API, "n", pod(RUNNING)) and copies.did == ["copy", "let go"] and one.lost == ""
    for gone in (pod(ENDED), pod({}, "Failed")):
        other = build(artefacts=WANTED)
        assert other._copy(API, "n", gone) and "did not hold them any more" in other.lost


def told(one: _build._Build, name: str, *lines: str) -> None:
    hear = one._tap(name)
    for line in lines:
        hear(line)


GOOD = ("--- PASS: TestA (0.01s)", "PASS", "ok  \texample.org/a\t0.1s")
BAD = ("--- FAIL: TestA (0.01s)", "    a_test.go:1: wrong", "FAIL", "FAIL\texample.org/a\t0.1s")


def test_the_tests_of_each_pod_count() -> None:
    one = build()
    one.several = True
    told(one, "p-1", *BAD)
    told(one, "p-2", *GOOD)
    assert {key: one.facts(True)["tests"][key] for key in ("passed", "failed", "packages_failed")} == {"passed": 1, "failed": 1, "packages_failed": 1}
    assert one.words() == " 1 of 2 tests failed: TestA."
    # p-1 was tried again, and then it went well
    told(one, "p-3", *GOOD)
    one.leave_failed_tries({"pods": [{"name": "p-1", "exit_code": 1}, {"name": "p-2", "exit_code": 0}, {"name": "p-3", "exit_code": 0}]})
    assert one.facts(False)["tests"]["passed"] == 2 and "warnings" not in one.facts(False)


def test_of_several_tries_the_last_one_counts() -> None:
    one = build()
    told(one, "p-1", *BAD)
    told(one, "p-2", *GOOD)
    assert one.facts(False)["tests"]["passed"] == 1 and one.facts(False)["tests"]["failed"] == 0


def test_what_tests_say_is_for_the_owner(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "tests.xml"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / "tests.xml.new").touch(0o644)
    one = build(junit=str(path))
    told(one, "p", *GOOD)
    assert "warnings" not in one.facts(False) and "TestA" in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_connection_that_ends_is_worth_another_try() -> None:
    with pytest.raises(Unreachable, match="was cut off") as said:
        _exec._Running(API, t.cast(t.Any, None), lambda _content: None, 0, "the command")._code()
    assert said.value.passing
