# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(go test) of Go 1.26 said of one and the same module, in its three forms, and what is made of it."""

from __future__ import annotations

import pathlib
from xml.etree import ElementTree

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._go_test import MOST_LINES, GoTest
from ansible_collections.studioml.fleet.plugins.module_utils._junit import junit

OUTPUTS = pathlib.Path(__file__).with_name("outputs")
FORMS = ("verbose", "json", "plain")


def told(text: str) -> GoTest:
    results = GoTest()
    for line in text.split("\n"):
        results.feed(line)
    return results.end()


def recorded(form: str) -> GoTest:
    results = GoTest()
    for line in (OUTPUTS / f"{form}.txt").read_text(encoding="utf-8").split("\n"):
        results.feed(line)
    return results.end()


@pytest.mark.parametrize("form", FORMS)
def test_a_real_run(form: str) -> None:
    results = recorded(form)
    failures = {test.name: (test.package.rpartition("/")[2], test.output[0]) for test in results.failures()}
    assert failures["TestTable/with_space_&_<mark>"][0] == "calc" and "2 + 2 = 4, not 5" in failures["TestTable/with_space_&_<mark>"][1]
    assert failures["TestParallelB"] == ("calc", "calc_test.go:30: b is wrong")
    assert failures["TestCrash"] == ("crash", "panic: assignment to entry in nil map [recovered, repanicked]") and len(failures) == 3
    (broken,) = results.broken()
    assert broken.name.endswith("/broken") and broken.failure == "[build failed]" and any('cannot use "a"' in line for line in broken.output)
    counts = results.counts()
    assert (counts["failed"], counts["packages"], counts["packages_failed"]) == (4, 5, 3)
    # without -v it tells of nothing else
    assert (counts["passed"], counts["skipped"]) == ((0, 0) if form == "plain" else (5, 1))


@pytest.mark.parametrize("form", FORMS)
def test_junit_is_xml_that_any_reader_takes(form: str) -> None:
    results = recorded(form)
    text = junit(results)
    suites = ElementTree.fromstring(text)
    assert "\x1b" not in text and (suites.get("failures"), suites.get("errors")) == ("4", "1")
    cases = suites.findall(".//testcase")
    assert len(cases) == int(suites.get("tests") or 0) == sum(int(suite.get("tests") or 0) for suite in suites)
    case = suites.find(".//testcase[@name='TestTable/with_space_&_<mark>']/failure")
    assert case is not None and "not 5]]>" in (case.text or "")


def test_what_xml_cannot_hold() -> None:
    results = told("=== RUN   TestX\n    x_test.go:1: \x00 a \x0b \ud800 b \x1b[31mred\x1b[0m\n--- FAIL: TestX (0.10s)\nFAIL\nFAIL\texample.org/x\t0.1s")
    failure = ElementTree.fromstring(junit(results)).find(".//failure")
    assert failure is not None and failure.text == "x_test.go:1:  a   b red"


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", (0, 0, 0)),
        ("make: *** [Makefile:3: all] Error 2\nFAIL: something of another tool\n{not json\n[]", (0, 0, 0)),
        ("=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS", (1, 0, 0)),  # a test's own program, without go test: no package
        ("=== RUN   TestA\n=== RUN   TestA/b\nsignal: killed", (0, 2, 0)),  # it broke off
        ("=== RUN   TestA\nFAIL\texample.org/a\t10.0s", (0, 1, 0)),  # a time limit
        ("=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestA\n--- FAIL: TestA (0.00s)\nFAIL\texample.org/a\t0.1s", (1, 1, 0)),  # -count=2
        ("=== RUN   TestA\n    --- FAIL: no test's own words\n--- PASS: TestA (0.00s)\nok  \texample.org/a\t0.1s", (1, 0, 0)),
        ("--- SKIP: TestA (0.00s)\n    a_test.go:1: why\nok  \texample.org/a\t(cached)", (0, 0, 1)),
        ('{"Action":"run","Package":"p","Test":"T"}\n{"Action":"pass","Package":"p","Test":"T","Elapsed":0.1}\n{"Action":"pass","Package":"p"}', (1, 0, 0)),
        ('{"Action":"run","Package":"p","Test":"T"}\n{"level":"info","message":"not go test"}', (0, 1, 0)),
    ],
)
def test_forms(text: str, counts: tuple[int, int, int]) -> None:
    found = told(text).counts()
    assert (found["passed"], found["failed"], found["skipped"]) == counts


def test_a_long_output_keeps_its_end() -> None:
    lines = "\n".join(f"line {number}" for number in range(10_000))
    (test,) = told(f"=== RUN   TestA\n{lines}\n--- FAIL: TestA (0.00s)\nFAIL\texample.org/a\t0.1s").failures()
    assert len(test.output) <= MOST_LINES and test.output[-1] == "line 9999"
