# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's side of an API module: the options that all share, and the way from checked options to a result.

The one file of the core that knows Ansible; the controller's side is in plugin_utils/_controller_door.py.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.studioml.fleet.plugins.module_utils import _kubeconfig, _targets
from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_namespace
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Params = t.Dict[str, t.Any]
Perform = t.Callable[[Params, bool], t.Dict[str, t.Any]]

# Belongs to the documentation fragment studioml.fleet.kubernetes.
CONNECTION: dict[str, dict[str, t.Any]] = {
    "kubeconfig": {"type": "path", "fallback": (env_fallback, ["K8S_AUTH_KUBECONFIG"])},
    "kubeconfig_on": {"type": "str", "choices": ["controller", "target"], "default": "controller"},
    "context": {"type": "str"},
    "namespace": {"type": "str"},
    "cluster_id": {"type": "str"},
    "connect_timeout": {"type": "float", "default": 10},
    "request_timeout": {"type": "float", "default": 30},
}

# Belongs to the documentation fragment studioml.fleet.targets.
FLEET: dict[str, dict[str, t.Any]] = {
    "targets": {"type": "list", "elements": "raw"},
    "parallel": {"type": "int", "default": 64},
    "target_timeout": {"type": "float", "default": 60},
    "batch": {"type": "int", "default": 0},
    "max_failures": {"type": "int"},
}


def run(arguments: dict[str, dict[str, t.Any]], perform: Perform) -> None:
    """Body of a module's C(main)."""
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    module.no_log_values.update(_targets.secrets(module.params))
    try:
        result = perform(module.params, module.check_mode)
        (module.fail_json if result.get("failed") else module.exit_json)(**result)
    except FleetError as error:
        module.fail_json(**error.result())


def target_of(params: Params) -> _kubeconfig.Target:
    """The API server that the options name."""
    for option in ("connect_timeout", "request_timeout"):
        if params[option] <= 0:
            raise FleetError(f"{option}: {params[option]:g} is no time to wait.", "Give a number of seconds above 0.")
    if not params.get("kubeconfig"):
        raise FleetError(
            "No kubeconfig is given, and none is guessed: the cluster is always named.",
            "Set the option kubeconfig (module_defaults: group/studioml.fleet.fleet sets it for all modules), the host's variable fleet_kubeconfig, "
            "or K8S_AUTH_KUBECONFIG.",
        )
    return _kubeconfig.load(params["kubeconfig"], params.get("context"))


def target_if_there(params: Params, check: bool) -> tuple[_kubeconfig.Target | None, list[str]]:
    """The same, but in check mode a kubeconfig may be one that an earlier task would only write; then a warning instead."""
    try:
        return target_of(params), []
    except _kubeconfig.KubeconfigMissing as missing:
        if not check:
            raise
        return None, [f"{missing.message} In check mode it is taken for one that is still to be written, to a cluster with nothing in it."]


def connect(params: Params, target: _kubeconfig.Target) -> Api:
    """A client with the timeouts of the options."""
    return Api(target, params["connect_timeout"], params["request_timeout"])


def api_of(params: Params) -> Api:
    """A client for the API server that the options name."""
    return connect(params, target_of(params))


@contextlib.contextmanager
def opened(params: Params) -> t.Iterator[tuple[Api, str]]:
    """A client for the one API server that the options name, and the namespace; closed at the end."""
    target = target_of(params)
    api, namespace = connect(params, target), namespace_of(params, target)
    try:
        yield api, namespace
    finally:
        api.close()


def namespace_of(params: Params, target: _kubeconfig.Target) -> str:
    """The namespace that is meant."""
    return checked_namespace(params.get("namespace") or target.namespace)
