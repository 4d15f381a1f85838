# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(studioml.fleet.runner_state) in the controller's process."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._targets import MAPS
from ansible_collections.studioml.fleet.plugins.modules.runner_state import ARGUMENTS, perform
from ansible_collections.studioml.fleet.plugins.plugin_utils._controller_door import ControllerDoor


class ActionModule(ControllerDoor):
    ARGUMENTS = ARGUMENTS

    def perform(self, params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        return perform(params, check, self.report)

    def given(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """A host that is one node of a larger cluster means its own runner, not the whole cluster's, unless the task says which maps."""
        arguments = super().given(task_vars)
        one = arguments.get("targets") is None
        if one and task_vars.get("fleet_node_name") and not any(arguments.get(option) is not None for option in MAPS):
            arguments["nodes"] = [self._templar.template(task_vars["fleet_node_name"])]
        return arguments
