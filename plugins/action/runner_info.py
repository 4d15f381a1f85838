# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(studioml.fleet.runner_info) in the controller's process."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.modules.runner_info import ARGUMENTS, perform
from ansible_collections.studioml.fleet.plugins.plugin_utils._controller_door import ControllerDoor


class ActionModule(ControllerDoor):
    ARGUMENTS = ARGUMENTS
    perform = staticmethod(perform)

    def given(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """A host that is one node of a larger cluster means its own runner."""
        arguments = super().given(task_vars)
        if task_vars.get("fleet_node_name") and arguments.get("nodes") is None and arguments.get("targets") is None:
            arguments["nodes"] = [self._templar.template(task_vars["fleet_node_name"])]
        return arguments
