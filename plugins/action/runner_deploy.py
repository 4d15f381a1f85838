# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(studioml.fleet.runner_deploy) in the controller's process."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.modules.runner_deploy import ARGUMENTS, perform
from ansible_collections.studioml.fleet.plugins.plugin_utils._controller_door import ControllerDoor


class ActionModule(ControllerDoor):
    ARGUMENTS = ARGUMENTS

    def perform(self, params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        return perform(params, check, self.report)
