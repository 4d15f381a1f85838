# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner's environment with what is secret in it, and with the addresses of Services that the runner's own shell syntax names."""

from __future__ import annotations

import base64
import copy
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, runner_container
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
BROKER_VARIABLES = ("AMQP_URL", "AMQP_MGT_URL")
# Go's os.ExpandEnv, with which a runner reads both
_SHELL = re.compile(r"\$\{(\w+)\}|\$(\w+)")
# Begins what a Secret is called among ConfigMaps, none of which can have such a name.
_MARK = "Secret/"


def broker_values(api: Api, namespace: str, deployment: Thing) -> dict[str, str]:
    """The runner's variables about its broker, as its process understands them."""
    spec = deployment["spec"]["template"]["spec"]
    container = copy.deepcopy(runner_container(spec))
    values = environment(container, _sources(api, namespace, container), {"metadata.namespace": namespace})
    wanted = {name: values[name] for name in BROKER_VARIABLES if values.get(name)}
    named = {found.group(1) or found.group(2) for value in wanted.values() for found in _SHELL.finditer(value)}
    if named - set(values):
        links = spec.get("enableServiceLinks", True)
        values = {**(_service_variables(api, namespace) if links else {}), **values}
    return {name: _SHELL.sub(lambda found: values.get(found.group(1) or found.group(2), ""), value) for name, value in wanted.items()}


def _sources(api: Api, namespace: str, container: Thing) -> dict[str, Thing]:
    """ConfigMaps by name, and Secrets as if they were ConfigMaps of other names; the container's references are changed to match."""
    maps: dict[str, Thing] = {}
    for entry in container.get("envFrom") or []:
        _as_map(entry, "secretRef", "configMapRef")
        _fetch(api, namespace, entry.get("configMapRef") or {}, maps)
    for entry in container.get("env") or []:
        source = entry.get("valueFrom") or {}
        _as_map(source, "secretKeyRef", "configMapKeyRef")
        _fetch(api, namespace, source.get("configMapKeyRef") or {}, maps)
    return maps


def _as_map(entry: Thing, secret: str, configmap: str) -> None:
    if entry.get(secret):
        entry[configmap] = {**entry[secret], "name": f"{_MARK}{entry[secret]['name']}"}


def _fetch(api: Api, namespace: str, reference: Thing, maps: dict[str, Thing]) -> None:
    name = reference.get("name", "")
    if not name or name in maps:
        return
    if not name.startswith(_MARK):
        maps[name] = api.find(path("ConfigMap", namespace, name), namespace) or {}
        return
    real = name[len(_MARK):]
    try:
        found = api.find(path("Secret", namespace, real), namespace) or {}
    except ApiError as error:
        if error.status != 403:
            raise
        raise FleetError(
            f"The runner's broker is in the Secret {namespace}/{real}, which the kubeconfig's user may not read.",
            "Grant get on it, or give broker: url, username, password, vhost and runner_username.",
        ) from None
    maps[name] = {"data": {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in (found.get("data") or {}).items()}}


def _service_variables(api: Api, namespace: str) -> dict[str, str]:
    """What a kubelet tells each container of the Services in its namespace."""
    values: dict[str, str] = {}
    for service in api.request("GET", path("Service", namespace), namespace=namespace).get("items") or []:
        address, ports = service["spec"].get("clusterIP"), service["spec"].get("ports") or []
        if address in (None, "", "None") or not ports:
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        values.update({f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(ports[0]["port"])})
        for port in ports:
            number = str(port["port"])
            if port.get("name"):
                values[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = number
            link = f"{name}_PORT_{number}_{port.get('protocol', 'TCP')}"
            values.update({f"{link}_ADDR": address, f"{link}_PORT": number})
    return values
