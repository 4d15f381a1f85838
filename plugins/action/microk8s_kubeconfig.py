# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of microk8s_kubeconfig: takes the kubeconfig from the host and writes it; nothing of its credential goes further."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.modules.microk8s_kubeconfig import ARGUMENTS
from ansible_collections.studioml.fleet.plugins.plugin_utils import _kubeconfig_file


class ActionModule(ActionBase):
    """One remote call."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _checked, params = self.validate_argument_spec(argument_spec=ARGUMENTS)
        # the host's path rules are not the controller's: ~ is the home of whoever runs the play
        params["dest"] = self._loader.path_dwim(os.path.expanduser(self._task.args["dest"]))
        with self._silence():
            taken = self._execute_module(module_name="studioml.fleet.microk8s_kubeconfig", module_args=dict(self._task.args), task_vars=task_vars)
        text = taken.pop("kubeconfig", "")
        for key in ("stdout", "stdout_lines", "module_stdout", "invocation"):
            taken.pop(key, None)
        if taken.get("failed"):
            result.update(taken)
            return result
        try:
            result.update(self._converge(text, params, taken.get("note", "")))
        except FleetError as error:
            result.update(failed=True, **error.result())
        except OSError as error:
            words = f"{params['dest']} cannot be written on the controller: {error.strerror or error}."
            result.update(failed=True, msg=f"{words} Correct its folder, or choose another.")
        return result

    def _converge(self, text: str, params: dict[str, t.Any], note: str) -> dict[str, t.Any]:
        path = params["dest"]
        current = _kubeconfig_file.read(path)
        if not text:  # check mode on a host without MicroK8s
            state = "absent" if current is None else "present"
            return {
                "changed": True, "path": path, "server": "", "context": params["context"] or "", "note": note,
                "diff": {"before": {"state": state}, "after": {"state": "present"}, "before_header": path, "after_header": path},
            }
        wanted = _kubeconfig_file.shape(text, params["address"] or "", params["context"] or "")
        changed = not (_kubeconfig_file.same(wanted, current) and _kubeconfig_file.private(path))
        before, after = _kubeconfig_file.show(path, current, wanted), _kubeconfig_file.show(path, wanted, wanted)
        if changed and not self._task.check_mode:
            _kubeconfig_file.write(path, wanted)
        return {
            "changed": changed,
            "path": path,
            "server": after["server"],
            "context": after["context"],
            "note": "",
            "diff": {"before": before, "after": after, "before_header": path, "after_header": path},
        }

    @contextlib.contextmanager
    def _silence(self) -> t.Iterator[None]:
        """Keep the module's answer out of the target's log and out of what the connection prints with -vvv; the task itself stays visible."""
        context = getattr(self._connection, "_play_context", self._play_context)
        task_before, context_before = self._task.no_log, context.no_log
        self._task.no_log = context.no_log = True
        try:
            yield
        finally:
            self._task.no_log, context.no_log = task_before, context_before
