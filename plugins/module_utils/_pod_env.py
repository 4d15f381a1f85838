# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment of a container as its process sees it, as far as ConfigMaps and fields of the pod make it up. Pure functions, no I/O."""

from __future__ import annotations

import re
import typing as t

Thing = t.Dict[str, t.Any]
Maps = t.Dict[str, Thing]

_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


def runner_container(pod_spec: Thing, name: str = "") -> Thing:
    """The container that is the runner: the one of this name, else the first."""
    containers: list[Thing] = pod_spec["containers"]
    return next((one for one in containers if name and one.get("name") == name), containers[0])


def environment(container: Thing, maps: Maps, fields: dict[str, str]) -> dict[str, str]:
    """Variables by name. Those from Secrets are left out, and so are those from a field of the pod that C(fields) does not know.

    :param maps: the ConfigMaps of the pod's namespace.
    :param fields: values of C(fieldRef), such as C(metadata.namespace).
    """
    values: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        name = (source.get("configMapRef") or {}).get("name")
        data = (maps.get(name) or {}).get("data") or {} if name else {}
        values.update({f"{source.get('prefix') or ''}{key}": value for key, value in data.items()})
    for entry in container.get("env") or []:
        value = _value(entry, maps, fields, values)
        if value is None:
            values.pop(entry["name"], None)
        else:
            values[entry["name"]] = value
    return values


def pod_fields(pod: Thing) -> dict[str, str]:
    """The fields of a pod that an environment may refer to; those that are not settled yet are not there."""
    spec, metadata, status = pod.get("spec") or {}, pod["metadata"], pod.get("status") or {}
    known = {
        "metadata.name": metadata.get("name"),
        "metadata.namespace": metadata.get("namespace"),
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.podIP": status.get("podIP"),
        "status.hostIP": status.get("hostIP"),
    }
    return {name: value for name, value in known.items() if value}


def hostname(pod: Thing, maps: Maps, name: str = "") -> str:
    """What C(HOSTNAME) is in the runner's container: the name of its node map. Empty while it is not settled (no node yet)."""
    spec = pod["spec"]
    container = runner_container(spec, name)
    given = environment(container, maps, pod_fields(pod)).get("HOSTNAME")
    if given is not None:
        return "" if "$(" in given else given
    if any(one.get("name") == "HOSTNAME" for one in container.get("env") or []):
        return ""
    if spec.get("hostNetwork"):
        return str(spec.get("nodeName") or "")
    # the kubelet cuts a host name at 63 characters, and what may not be at its end then
    return str(spec.get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def _value(entry: Thing, maps: Maps, fields: dict[str, str], before: dict[str, str]) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return _expanded(str(entry.get("value") or ""), before)
    if source.get("fieldRef"):
        return fields.get(source["fieldRef"].get("fieldPath", ""))
    if source.get("configMapKeyRef"):
        key = source["configMapKeyRef"]
        return ((maps.get(key.get("name", "")) or {}).get("data") or {}).get(key.get("key", ""))
    return None


def _expanded(text: str, before: dict[str, str]) -> str:
    """C($(NAME)) of what comes before it; one that is not known stays as it is, as Kubernetes leaves it."""
    return _REFERENCE.sub(lambda found: "$" if found.group() == "$$" else before.get(found.group(1), found.group()), text)
