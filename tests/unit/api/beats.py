# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calling a module as its two doors do, and the four beats: check, real, check, real."""

from __future__ import annotations

import types
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from control_plane import ControlPlane

Result = dict[str, t.Any]
MUTATING = ("create", "update", "patch", "delete", "deletecollection")


def call(module: types.ModuleType, check: bool = False, **given: t.Any) -> Result:
    """The module's own options, checked by its own specification, and its own way into the core."""
    checked = ArgumentSpecValidator(module.ARGUMENTS).validate(given)
    assert not checked.error_messages, checked.error_messages
    return module.perform(checked.validated_parameters, check)


class Beats:
    """Runs the four beats and asserts what each must be; C(requests) holds what the API server counted in each."""

    def __init__(self, plane: ControlPlane, module: types.ModuleType, **given: t.Any) -> None:
        self.requests: list[list[dict[str, t.Any]]] = []
        self.results: list[Result] = []
        for check in (True, False, True, False):
            mark = plane.mark()
            self.results.append(call(module, check, **given))
            self.requests.append(plane.requests(mark))
        predicted, made, *later = self.results
        assert predicted["changed"] and made["changed"], "the first two beats change something"
        assert predicted["diff"] == made["diff"], "check mode predicts the very same change"
        assert not any(result["changed"] for result in later), "the second time nothing changes"
        assert all(result["diff"] == {"before": {}, "after": {}} for result in later)
        assert all("dryRun=All" in request["requestURI"] for request in mutating(self.requests[0])), "check mode writes nothing"
        assert not mutating(self.requests[2]) and not mutating(self.requests[3]), "an unchanged run sends no mutating request, not even a dry one"

    def counts(self, watches: bool = True) -> list[int]:
        """How many requests each beat took. The log has a watch when it ends, which may be in the next beat."""
        return [sum(watches or request["verb"] != "watch" for request in requests) for requests in self.requests]


def mutating(requests: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    return [request for request in requests if request["verb"] in MUTATING]
