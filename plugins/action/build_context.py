# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of build_context: measures the directory, and sends it only when the target's differs."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.studioml.fleet.plugins.module_utils import _staged_tree
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


class ActionModule(ActionBase):
    """One remote call when nothing differs; three when the directory has to travel."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _checked, params = self.validate_argument_spec(
            argument_spec={"src": {"type": "path", "required": True}, "dest": {"type": "path", "required": True}},
        )
        try:
            result.update(self._converge(params, task_vars))
        except FleetError as error:
            result.update(failed=True, **error.result())
        except OSError as error:
            result.update(failed=True, msg=f"The context {params['src']} on the controller cannot be read: {error}.")
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _converge(self, params: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        src = self._loader.path_dwim(params["src"])
        if not os.path.isdir(src):
            raise FleetError(f"The context {src} is not a directory on the controller.", "Correct src, or build what belongs there first.")
        arguments = {"src": src, "dest": params["dest"], "digest": _staged_tree.digest(src)}
        compared = self._execute_module(module_name="studioml.fleet.build_context", module_args=arguments, task_vars=task_vars)
        if compared.get("failed") or not compared["changed"] or self._task.check_mode:
            return compared
        arguments["archive"] = self._send(src)
        return self._execute_module(module_name="studioml.fleet.build_context", module_args=arguments, task_vars=task_vars)

    def _send(self, src: str) -> str:
        """Pack the directory, bring the archive to the target, and say where it is."""
        remote = self._connection._shell.join_path(self._make_tmp_path(), "context.tar.gz")
        with tempfile.TemporaryDirectory() as folder:
            local = os.path.join(folder, "context.tar.gz")
            _staged_tree.pack(src, local)
            self._transfer_file(local, remote)
        self._fixup_perms2((os.path.dirname(remote), remote))
        return remote
