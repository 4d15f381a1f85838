# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What C(go test) says, line by line: as text (with and without C(-v)) or as JSON (C(-json)). Pure, no I/O; what it remembers of each test is bounded.

The two forms may even be mixed with the words of other programs: a line that is neither is the output of the test that runs, or of none.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

# Of the output of one test, and of what a package says outside of its tests.
MOST_LINES = 200
LONGEST_LINE = 2000

_RUN = re.compile(r"=== (RUN|PAUSE|CONT|NAME)\s+(\S.*)$")
_RESULT = re.compile(r"\s*--- (PASS|FAIL|SKIP): (\S+) \((\d+(?:\.\d+)?)s\)$")
_PACKAGE = re.compile(r"(ok  |FAIL|\?   )\t(\S+)(?:\t| |$)(.*)$")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s\b")
_OUTCOMES = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
_ACTIONS = {"pass": "passed", "fail": "failed", "skip": "skipped"}
CRASHED = "it did not end: its package broke off (a panic, os.Exit, or a time limit)"


@dataclass
class Test:
    """One test. C(outcome) is C(passed), C(failed), C(skipped), or empty while it runs."""

    __test__ = False

    name: str
    package: str = ""
    outcome: str = ""
    seconds: float = 0.0
    output: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """A line of its output. Of a long output the end counts."""
        self.output.append(line[:LONGEST_LINE])
        if len(self.output) > MOST_LINES:
            del self.output[: MOST_LINES // 4]


@dataclass
class Package:
    """One package; C(failure) says why it failed when no test of it did."""

    name: str
    outcome: str = "passed"
    seconds: float = 0.0
    failure: str = ""
    output: list[str] = field(default_factory=list)


class GoTest:
    """Feed it lines; ask it afterwards."""

    def __init__(self) -> None:
        self.tests: list[Test] = []
        self.packages: dict[str, Package] = {}
        self._open: dict[tuple[str, str], Test] = {}
        self._unplaced: list[Test] = []
        self._current: Test | None = None
        self._loose: list[str] = []
        self._build: dict[str, list[str]] = {}

    @property
    def found(self) -> bool:
        """Whether anything was a test's."""
        return bool(self.tests or self.packages)

    def feed(self, line: str) -> None:
        """One line of output."""
        if line.startswith('{"'):
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if isinstance(event, dict) and isinstance(event.get("Action"), str):
                self._event(event)
                return
        self._text(line)

    def end(self) -> GoTest:
        """There will be no more: a test that still runs has failed."""
        for test in self._open.values():
            if not test.outcome:
                test.outcome = "failed"
                test.say(CRASHED)
        self._open.clear()
        return self

    def counts(self) -> dict[str, int]:
        """How many tests there are of each kind; subtests count, and so do the tests that they belong to."""
        found = dict.fromkeys(("passed", "failed", "skipped"), 0)
        for test in self.tests:
            if test.outcome:
                found[test.outcome] += 1
        return {**found, "packages": len(self.packages), "packages_failed": sum(one.outcome == "failed" for one in self.packages.values())}

    def failures(self) -> list[Test]:
        """The tests that failed, less those that failed only because a subtest of theirs did."""
        failed = [test for test in self.tests if test.outcome == "failed"]
        names = [(test.package, test.name) for test in failed]
        return [test for test in failed if not any(package == test.package and name.startswith(f"{test.name}/") for package, name in names)]

    def broken(self) -> list[Package]:
        """The packages that failed without a failed test: those that could not be built, most of all."""
        with_failures = {test.package for test in self.tests if test.outcome == "failed"}
        return [one for one in self.packages.values() if one.outcome == "failed" and one.name not in with_failures]

    def _text(self, line: str) -> None:
        found = _RUN.match(line)
        if found:
            self._current = self._test(found.group(2).strip(), "", found.group(1) == "RUN") if found.group(1) != "PAUSE" else None
            return
        result = _RESULT.match(line)
        if result:
            test = self._test(result.group(2), "", True)
            test.outcome, test.seconds = _OUTCOMES[result.group(1)], float(result.group(3))
            self._current = test  # without -v its output follows
            if test.outcome == "passed":
                test.output, self._current = [], None  # nobody asks, and there may be much of it
            return
        package = _PACKAGE.match(line)
        if package:
            self._end_of_package(package.group(1), package.group(2), package.group(3))
        elif line in ("PASS", "FAIL"):
            self._current = None
        elif self._current:
            self._current.say(line.strip())
        elif line.strip():
            self._loose.append(line.strip()[:LONGEST_LINE])
            del self._loose[:-MOST_LINES]

    def _end_of_package(self, word: str, name: str, rest: str) -> None:
        seconds = _SECONDS.search(rest)
        one = Package(name, {"ok  ": "passed", "FAIL": "failed"}.get(word, "skipped"), float(seconds.group(1)) if seconds else 0.0)
        for test in self._unplaced:
            test.package = name
            if not test.outcome:  # -v told of its start, and nothing came after it
                test.outcome = "failed" if one.outcome == "failed" else "passed"
                if test.outcome == "failed":
                    test.say(CRASHED)
        tail = rest.strip()
        if one.outcome == "failed" and not any(test.outcome == "failed" for test in self._unplaced):
            one.failure = tail if tail.startswith("[") else "it failed outside of its tests"
            one.output = self._loose
        self.packages[name] = one
        self._unplaced, self._open, self._current, self._loose = [], {}, None, []

    def _test(self, name: str, package: str, begins: bool = False) -> Test:
        """The test of that name; another one of the same name where one has ended and C(begins) (C(-count))."""
        test = self._open.get((package, name))
        if test is None or (test.outcome and begins):
            test = self._open[package, name] = Test(name, package)
            self.tests.append(test)
            if not package:
                self._unplaced.append(test)
        return test

    def _event(self, event: dict[str, t.Any]) -> None:
        action, output = event["Action"], str(event.get("Output") or "").rstrip("\n")
        if action in ("build-output", "build-fail"):
            if output:
                self._build.setdefault(str(event.get("ImportPath") or ""), []).append(output[:LONGEST_LINE])
            return
        package, name = str(event.get("Package") or ""), str(event.get("Test") or "")
        if name:
            self._test_event(action, output, self._test(name, package), event)
            return
        if not package:
            return
        one = self.packages.setdefault(package, Package(package))
        if action == "output" and output:
            one.output.append(output[:LONGEST_LINE])
            del one.output[:-MOST_LINES]
        elif action in _ACTIONS:
            one.outcome, one.seconds = _ACTIONS[action], _number(event.get("Elapsed"))
            for key in [key for key in self._open if key[0] == package]:
                test = self._open.pop(key)
                if not test.outcome:
                    test.outcome = "failed" if one.outcome == "failed" else "passed"
            if one.outcome == "failed" and not any(test.package == package and test.outcome == "failed" for test in self.tests):
                self._broken(one, str(event.get("FailedBuild") or ""))

    def _test_event(self, action: str, output: str, test: Test, event: dict[str, t.Any]) -> None:
        if action == "output":
            if output and not _RUN.match(output) and not _RESULT.match(output):
                test.say(output.strip())
        elif action in _ACTIONS:
            test.outcome, test.seconds = _ACTIONS[action], _number(event.get("Elapsed"))
            if test.outcome == "passed":
                test.output = []
            self._open.pop((test.package, test.name), None)

    def _broken(self, one: Package, build: str) -> None:
        said = self._build.get(build, [])
        bracket = next((line[line.index("[") :] for line in one.output if line.startswith("FAIL\t") and "[" in line), "")
        one.failure = bracket or ("[build failed]" if said else "it failed outside of its tests")
        one.output = said or one.output


def together(results: t.Iterable[GoTest]) -> GoTest:
    """What several programs said, each to its end, as one; a package that failed for one of them has failed."""
    found = GoTest()
    for one in results:
        found.tests += one.end().tests
        for name, package in one.packages.items():
            if name not in found.packages or package.outcome == "failed":
                found.packages[name] = package
    return found


def _number(value: t.Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
