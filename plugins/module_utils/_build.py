# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A build as a Job: its log followed, its tests counted, its results copied out while its pod still holds them."""

from __future__ import annotations

import os
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _job_run, _names
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._artefacts_spec import CONTAINER, RELEASE, holder_is_to_come, main_has_ended, with_artefacts
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._go_test import GoTest, together
from ansible_collections.studioml.fleet.plugins.module_utils._job_lines import private
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import Made
from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import Thing, main_container
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api, pause

Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]

TOKEN = "GITHUB_TOKEN"  # noqa: S105  its name
# Failed tests that the message names, and that the result has with their output.
NAMED, TOLD = 5, 50
# How much longer than the build the folder is held.
KEEP_LONGER = 300
# How often a copy that broke off is begun anew: an API server is back after some seconds.
TRIES = 8
RESERVED = 6  # again: new adds as many characters to the name


def completed(params: Params) -> Params:
    """The options as a Job's: with a name, and with the token among the secrets."""
    given = dict(params)
    if not given["name"]:
        repository = str(given["image"] or "").rpartition("/")[2].partition("@")[0].partition(":")[0]
        given["name"] = _names.shortened(f"build-{repository}" if repository else "build", _names.LABEL - RESERVED)
    if given["github_token"]:
        given["secret_env"] = {**given["secret_env"], TOKEN: given["github_token"]}
    for option in ("junit", "log_file"):
        if given[option]:
            _writable(option, given[option])
    artefacts = given["artefacts"]
    if artefacts and given["restart_policy"] != "Never":
        raise FleetError("artefacts: a program that is started again in its pod has no end at which its results are copied.", "Use restart_policy: Never.")
    if artefacts and artefacts["max_bytes"] < 1:
        raise FleetError(f"artefacts.max_bytes: {artefacts['max_bytes']} is too small.", "Give 1 or more.")
    if not given["wait"] and (given["junit"] or artefacts):
        raise FleetError("junit and artefacts need the end of the build, and wait is false.", "Use wait: true, or leave them out.")
    return given


def begin(api: Api, params: Params, namespace: str, check: bool, spec: JobSpec | None = None) -> _job_run.Begun:
    """Make its Job; one that holds its results where they are wanted."""
    artefacts = params["artefacts"]
    if not artefacts:
        return _job_run.begin(api, params, namespace, check, spec)
    keep_for = artefacts["keep_for"] if artefacts["keep_for"] is not None else int(params["wait_timeout"]) + KEEP_LONGER

    def shape(made: Made) -> Made:
        return with_artefacts(made[0], artefacts["path"], artefacts["image"] or "", keep_for), made[1]

    return _job_run.begin(api, params, namespace, check, spec, shape)


def end(api: Api, begun: _job_run.Begun, params: Params, check: bool, report: _job_run.Report = None, label: str = "") -> Result:
    """Follow it to its end; FleetError with the first failed tests when it has failed."""
    build = _Build(_named_after(params, label))
    try:
        result = _job_run.end(api, begun, build.params, check, report, label, build.follow)
    except FleetError as error:
        facts = build.facts(failed=True)
        raise FleetError(f"{error.message}{build.words()}", error.hint, **{**error.details, **facts}) from None
    build.leave_failed_tries(result.get("job") or {})
    facts = build.facts(failed=False)
    if not result["changed"] and not check and params["wait"] and (params["junit"] or params["artefacts"]):
        words = f"Build {result['name']} was complete already: its tests and files were not looked at (again: new makes another one)."
        facts.setdefault("warnings", []).append(words)
    warnings = (result.pop("warnings", None) or []) + facts.pop("warnings", [])
    return {**result, **facts, **({"warnings": warnings} if warnings else {})}


class _Build:
    """What is gathered of one build on its way."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self.heard: dict[str, GoTest] = {}
        self.several = False
        self.deadline = time.monotonic() + params["wait_timeout"]
        self.copied: Result = {}
        self.lost = ""
        self.say: t.Callable[[str], None] = lambda words: None

    def follow(self, api: Api, spec: JobSpec, name: str, params: Params, report: _job_run.Report, label: str) -> Result:
        """Wait for the end of the Job."""
        self.several = (spec.parallelism or 1) > 1 or (spec.completions or 1) > 1
        if report:
            self.say = lambda words: report(f"{label or name}: {words}")
        tap = self._tap if params["tests"] == "auto" else None
        ended = (lambda pod: self._copy(api, spec.namespace, pod)) if params["artefacts"] else None
        return _job_run.follow(api, spec, name, params, report, label, tap, ended)

    def _tap(self, pod: str) -> t.Callable[[str], None]:
        """Of several tries the last one counts; of several pods each."""
        if not self.several:
            self.heard.clear()
        self.heard[pod] = GoTest()
        return self.heard[pod].feed

    def leave_failed_tries(self, job: Thing) -> None:
        """A Job of several pods that is complete was made so by those that ended well."""
        for pod in (job.get("pods") or []) if self.several else []:
            if pod["exit_code"]:
                self.heard.pop(pod["name"], None)

    @property
    def tests(self) -> GoTest | None:
        """What was heard of tests."""
        return together(self.heard.values()) if self.heard else None

    def _copy(self, api: Api, namespace: str, pod: Thing) -> bool:
        """Copy the results of a pod whose program has ended, and let the pod go; False where it cannot be done yet."""
        from ansible_collections.studioml.fleet.plugins.module_utils import _exec  # most builds need none

        if holder_is_to_come(pod):  # a short program is over before its image, another one, is there
            self.lost = "the container that holds them did not begin"
            return False
        if not main_has_ended(pod, main_container({"spec": {"template": {"spec": pod["spec"]}}})):
            self.lost = "the pod did not hold them any more (evicted, or artefacts.keep_for was over)"
            return True
        name = pod["metadata"]["name"]
        try:
            self.copied = self._fetched(api, namespace, name)
            self.copied.pop("changed")
            self.lost = ""
            self.say(f"copied {self.copied['files']} file{'s' * (self.copied['files'] != 1)} ({self.copied['bytes']} bytes) to {self.copied['dest']}")
        except FleetError as error:
            self.lost = error.text()
        try:
            _exec.run(api, namespace, name, CONTAINER, RELEASE, lambda content: None)
        except FleetError as error:
            self.say(f"pod {name} holds its results for a while longer: {error.message}")
        return True

    def _fetched(self, api: Api, namespace: str, pod: str) -> Result:
        """A copy that breaks off leaves nothing, and can be begun anew as long as the pod is held."""
        from ansible_collections.studioml.fleet.plugins.module_utils import _artefacts

        wanted, tried = self.params["artefacts"], 0
        while True:
            try:
                return _artefacts.fetch(api, namespace, pod, CONTAINER, wanted["path"], wanted["dest"], wanted["max_bytes"])
            except (ApiError, Unreachable) as error:
                tried += 1
                passing = error.status in RETRIED_STATUS if isinstance(error, ApiError) else error.passing
                if not passing or tried >= TRIES or time.monotonic() >= self.deadline:
                    raise
                self.say(f"copying the results of pod {pod} is begun anew: {error.message}")
                time.sleep(pause(tried))

    def facts(self, failed: bool) -> Result:
        """What the result has beside the Job."""
        found: Result = {}
        if self.params["artefacts"] and (self.copied or self.lost):
            found["artefacts"] = {**self.copied, "error": self.lost}
        warnings = [f"The results could not be copied: {self.lost}"] if self.lost else []
        tests = self.tests
        if tests and tests.found:
            failures = [
                {"name": test.name, "package": test.package, "seconds": test.seconds, "output": test.output} for test in tests.failures()[:TOLD]
            ] + [{"name": "", "package": one.name, "seconds": one.seconds, "output": [one.failure, *one.output]} for one in tests.broken()[:TOLD]]
            found["tests"] = {**tests.counts(), "failures": failures}
            if tests.counts()["failed"] and not failed:
                warnings.append(f"{self._failed()} The build ended with exit code 0 all the same: a pipe (go test | tee) hides it without set -o pipefail.")
        if self.params["junit"] and tests:
            warnings += self._write_junit(tests)
        if warnings:
            found["warnings"] = warnings
        return found

    def _write_junit(self, tests: GoTest) -> list[str]:
        from ansible_collections.studioml.fleet.plugins.module_utils._junit import junit  # not every build asks for it

        path = os.path.expanduser(self.params["junit"])
        try:
            with private(f"{path}.new") as file:  # it has what the log has
                file.write(junit(tests))
            os.replace(f"{path}.new", path)
        except OSError as error:
            return [f"junit: {path} could not be written: {error.strerror}."]
        return []

    def words(self) -> str:
        """What the message says of the tests."""
        return f" {self._failed()}" if self.tests and self.tests.found else ""

    def _failed(self) -> str:
        tests = t.cast(GoTest, self.tests)
        counts, named = tests.counts(), [test.name for test in tests.failures()] + [f"{one.name} {one.failure}" for one in tests.broken()]
        total = counts["passed"] + counts["failed"] + counts["skipped"]
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        return f"{counts['failed']} of {total} tests failed" + (f": {', '.join(named[:NAMED])}{more}." if named else ".")


def _named_after(params: Params, label: str) -> Params:
    """With several targets each has files of its own: the target's name becomes part of theirs."""
    if not label:
        return params
    own = dict(params)  # log_file is named by whoever follows the Job
    if own["junit"]:
        root, extension = os.path.splitext(own["junit"])
        own["junit"] = f"{root}-{_names.shortened(label)}{extension}"
    if own["artefacts"]:
        own["artefacts"] = {**own["artefacts"], "dest": os.path.join(own["artefacts"]["dest"], _names.shortened(label))}
    return own


def _writable(option: str, path: str) -> None:
    """A build of an hour must not end with a file that cannot be written."""
    folder = os.path.dirname(os.path.abspath(os.path.expanduser(path)))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise FleetError(f"{option}: {folder} is no folder that can be written to.", "Make it, or give another path. Nothing was begun.")
