# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs M(studioml.fleet.companion) in the controller's process."""

from __future__ import annotations

from ansible_collections.studioml.fleet.plugins.modules.companion import ARGUMENTS, perform
from ansible_collections.studioml.fleet.plugins.plugin_utils._controller_door import ControllerDoor


class ActionModule(ControllerDoor):
    ARGUMENTS = ARGUMENTS
    perform = staticmethod(perform)
