# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's side of an API module: same options, same core, in the controller's own process.

Nothing is copied to the host and no interpreter starts. Where the kubeconfig lies on the host, the module itself runs there.
"""

from __future__ import annotations

import contextlib
import gc
import os
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.studioml.fleet.plugins.module_utils import _targets, _tls
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.plugin_utils import _inventory_targets, _survey

# option: the host's variable that stands in for it
INVENTORY = {
    "kubeconfig": "fleet_kubeconfig",
    "context": "fleet_context",
    "namespace": "fleet_namespace",
    "cluster_id": "fleet_cluster_id",
    "broker": "fleet_broker",
}

# This file is loaded once, before a process is forked for each host: what is made ready here need not be made ready fifty times.
_tls.prepare()
# A forked process that collects garbage writes to what it shares with its parent, and so copies it: let it leave alone what is there by now.
gc.freeze()


def plain(value: t.Any) -> t.Any:
    """The same without what Ansible notes of its origin, which would make each copy of it slow."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


class ControllerDoor(ActionBase):
    """Base class: a subclass names the options and the call into the core."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    ARGUMENTS: dict[str, dict[str, t.Any]]
    perform: t.Callable[[dict[str, t.Any], bool], dict[str, t.Any]]

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        try:
            given = _survey.meant(self.given(task_vars or {}), self.ARGUMENTS)
        except FleetError as error:
            return {**result, "failed": True, **error.result()}
        with self._task_environment():
            checked = ArgumentSpecValidator(self.ARGUMENTS).validate(plain(given))
            secrets = checked._no_log_values
            if checked.error_messages:
                return {**result, "failed": True, "msg": remove_values("; ".join(checked.error_messages), secrets)}
            params = checked.validated_parameters
            secrets.update(_targets.secrets(params))
            if params["kubeconfig_on"] == "target":
                return self._execute_module(module_args=given, task_vars=task_vars)
            try:
                result.update(self.perform(params, self._task.check_mode))
            except FleetError as error:
                result.update(remove_values({"failed": True, **error.result()}, secrets))
        return result

    def report(self, line: str) -> None:
        """Progress of something that takes long, shown while it lasts, in a terminal and in the log of a job."""
        host = self._task_vars.get("inventory_hostname", "")
        lines = line if self._task.args.get("targets") is not None else "\n".join(f"{host}: {one}" for one in line.split("\n"))
        self._display.display(lines)

    def given(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """The task's arguments, completed from the host's variables: so an ad hoc command finds the cluster of each host."""
        arguments = dict(self._task.args)
        if arguments.get("targets") is not None:
            arguments["targets"] = _inventory_targets.resolved(arguments, task_vars)
            return arguments
        for option, variable in INVENTORY.items():
            if option in self.ARGUMENTS and arguments.get(option) is None and task_vars.get(variable):
                arguments[option] = self._templar.template(task_vars[variable])
        return arguments

    @contextlib.contextmanager
    def _task_environment(self) -> t.Iterator[None]:
        """The task's C(environment) keyword, which would reach a module (proxies, K8S_AUTH_KUBECONFIG), reaches us too."""
        wanted: dict[str, t.Any] = {}
        self._compute_environment_string(wanted)
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update({name: str(value) for name, value in wanted.items()})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
