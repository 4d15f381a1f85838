# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes one line of JSON for every module that is really sent to a host: which role asked for it, and what was sent.

A task is no measure: an action plugin may send several modules, or none. Therefore the one function that sends modules is
wrapped when this plugin is loaded, before Ansible forks its workers.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import typing as t

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: remote_calls
type: aggregate
short_description: Counts the modules that are sent to hosts
description: Appends one line of JSON per module that is sent to a host over ssh to the file named by E(FLEET_REMOTE_CALLS).
requirements:
  - Has to be enabled by C(ANSIBLE_CALLBACKS_ENABLED).
"""


def note(action: ActionBase, module: str, host: str) -> None:
    """One line at the end of the file; short enough to be written in one piece by several workers."""
    role = action._task._role
    line = {"host": host, "role": role.get_name() if role else "", "task": action._task.get_name(), "module": module}
    with pathlib.Path(os.environ["FLEET_REMOTE_CALLS"]).open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(line) + "\n")


def counted(execute: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """The same function, noting each call that goes over ssh."""

    @functools.wraps(execute)
    def wrapper(self: ActionBase, module_name: str | None = None, *args: t.Any, task_vars: dict[str, t.Any] | None = None, **kwargs: t.Any) -> t.Any:
        if self._connection.transport == "ssh":
            note(self, module_name or self._task.action, (task_vars or {}).get("inventory_hostname", ""))
        return execute(self, module_name, *args, task_vars=task_vars, **kwargs)

    return wrapper


class CallbackModule(CallbackBase):
    """Nothing but the wrapping above: the results themselves are of no interest."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "remote_calls"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        if not hasattr(ActionBase._execute_module, "__wrapped__"):
            ActionBase._execute_module = counted(ActionBase._execute_module)
