# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of tests as JUnit XML, which CI systems show. Pure, no I/O."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

from ansible_collections.studioml.fleet.plugins.module_utils._go_test import GoTest, Package, Test

# XML has no way to hold other control characters, nor halves of surrogate pairs.
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def junit(results: GoTest, name: str = "go test") -> str:
    """One suite a package, one case a test; a package that failed without a test (it could not be built) is a case with an error."""
    packages = dict(results.packages)
    for test in results.tests:
        packages.setdefault(test.package, Package(test.package))
    broken = {one.name for one in results.broken()}
    suites = ElementTree.Element("testsuites", {"name": _text(name)})
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for package in packages.values():
        tests = [test for test in results.tests if test.package == package.name and test.outcome]
        counts = {
            "tests": len(tests) + (package.name in broken),
            "failures": sum(test.outcome == "failed" for test in tests),
            "errors": int(package.name in broken),
            "skipped": sum(test.outcome == "skipped" for test in tests),
        }
        totals = {key: totals[key] + counts[key] for key in totals}
        attributes = {"name": _text(package.name or name), **{key: str(value) for key, value in counts.items()}, "time": f"{package.seconds:.3f}"}
        suite = ElementTree.SubElement(suites, "testsuite", attributes)
        for test in tests:
            _case(suite, test, package.name or name)
        if package.name in broken:
            case = ElementTree.SubElement(suite, "testcase", {"classname": _text(package.name), "name": "(package)", "time": "0.000"})
            _outcome(case, "error", package.failure, package.output)
    suites.attrib.update({key: str(value) for key, value in totals.items()})
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, test: Test, package: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", {"classname": _text(package), "name": _text(test.name), "time": f"{test.seconds:.3f}"})
    if test.outcome == "failed":
        _outcome(case, "failure", "Failed", test.output)
    elif test.outcome == "skipped":
        ElementTree.SubElement(case, "skipped", {"message": _text(" ".join(test.output))})


def _outcome(case: ElementTree.Element, kind: str, message: str, output: t.Sequence[str]) -> None:
    ElementTree.SubElement(case, kind, {"message": _text(message), "type": ""}).text = _text("\n".join(output))


def _text(words: str) -> str:
    return _INVALID.sub("", _COLOUR.sub("", words))
