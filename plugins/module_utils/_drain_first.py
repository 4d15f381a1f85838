# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drain before the pods of a runner are replaced, and the resume after it, by the same core as runner_state.

What is drained for this is noted at the Deployment before, so that a run after an interruption knows that it has to resume.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _change, _deploy, _ownership, _state
from ansible_collections.studioml.fleet.plugins.module_utils import _contract as contract
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._how import How
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path_of
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._workload import Runner

Thing = t.Dict[str, t.Any]
Report = t.Optional[t.Callable[[str], None]]
RUN, DRAIN = "Running", "DrainAndSuspend"


class Drain:
    """C(begin) before the change, C(end) after it, whatever has come of it."""

    def __init__(self, api: Api, runner: Runner, params: Thing, live: Thing, report: Report = None) -> None:
        self.api, self.runner, self.live, self.report = api, runner, live, report
        self.force, self.timeout = bool(params["force_conflicts"]), params["drain_timeout"]
        self.broker = params.get("broker") or {}
        self.enforce = params.get("drain_enforce") or ("broker" if self.broker else "scale")
        # a runner that is pinned to its node is drained by the map of that node, and leaves the others alone
        self.nodes = [runner.node_name] if runner.node_name else []
        self.result: Thing = {}
        self.resumes = self.drops_map = False

    @property
    def scales(self) -> bool:
        """Whether the pods are away while the new version is applied."""
        return self.enforce == "scale"

    def go_on(self) -> None:
        """Where a former run was interrupted between its change and C(end)."""
        self._look()
        self.resumes = True

    def begin(self) -> None:
        """Drain and wait until it is quiet; nothing is left drained when that fails."""
        asked = self._look()
        self.resumes = asked in (None, RUN) or bool(_ownership.annotation(self.live, _deploy.DRAINED))
        if self.resumes:
            self._note("yes")
        try:
            found = self._converge(DRAIN if self.resumes else str(asked), wait=True, enforce=self.enforce if self.resumes else "none")
        except FleetError as error:
            if not self.resumes:
                raise
            self.end()
            words = f"Nothing was deployed, and the runner is to run as before: it could not be drained first. {error.message}"
            details = {key: value for key, value in error.details.items() if key not in ("diff", "warnings", "changed")}
            hint = "Give it longer (drain_timeout), or see to what the message names." if details.get("verdict") == "busy" else error.hint
            raise FleetError(words, hint, **details) from None
        self.result = {key: found.get(key) for key in ("verdict", "reason", "waited", "enforced")}

    def _look(self) -> str | None:
        """The state that the runner is asked to have."""
        maps = _state.read_maps(self.api, self.runner.namespace)
        own = [contract.node_map(self.runner.state_configmap, node) for node in self.nodes]
        above = contract.state_of(maps.get(self.runner.state_configmap))
        self.drops_map = bool(own) and above == RUN and not any(name in maps for name in own)
        return next((contract.state_of(maps[name]) for name in [*own, self.runner.state_configmap] if name in maps), None)

    def end(self) -> None:
        """Resume, unless somebody else had drained it before."""
        if not self.resumes:
            return
        self._converge(RUN, wait=False, enforce="none")
        if self.drops_map:
            wanted = dataclasses.replace(self._wanted(RUN), drop=True)
            _state.converge(self.api, wanted, False)
        self._note(None)

    def _wanted(self, state: str) -> _state.Wanted:
        options = {"state": state, "configmap": self.runner.state_configmap, "name": self.runner.name, "nodes": self.nodes, "force_conflicts": self.force}
        return _state.Wanted.of(options, self.runner.namespace)

    def _converge(self, state: str, wait: bool, enforce: str) -> Thing:
        options = {
            "state": state,
            "wait": wait,
            "wait_timeout": self.timeout,
            "wait_for_jobs": False,
            "enforce": enforce,
            "metrics_port": self._port(),
            "broker": self.broker,
        }
        return _change.converge(self.api, self._wanted(state), How.of(options), False, self.report)

    def _port(self) -> int:
        port = self.runner.env.get("PROM_ADDRESS", ":9090").rpartition(":")[2]
        return int(port) if port.isdigit() else 9090

    def _note(self, value: str | None) -> None:
        body = {"metadata": {"annotations": {_deploy.DRAINED: value}}}
        query = {"fieldManager": _ownership.MANAGER}
        self.api.request("PATCH", path_of(self.live), query, body, _ownership.MERGE, self.runner.namespace)
