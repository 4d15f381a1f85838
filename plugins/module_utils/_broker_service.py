# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A broker that is a Service of the cluster: the controller does not reach it, so the way leads through the API server to one of its pods.

The API server's own proxy for Services is no way: it takes the Authorization header for its own and passes none on.
"""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._port_forward import ForwardedApi
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._work import is_ready

Thing = t.Dict[str, t.Any]


class Way(t.NamedTuple):
    """A Service and the port of the management API on its pods."""

    namespace: str
    service: str
    port: int


def wire(api: Api, way: Way) -> t.Callable[[Target, float, float], Api]:
    """Makes what carries requests to a pod behind the Service, chosen anew for each connection."""

    def make(target: Target, connect_timeout: float, request_timeout: float) -> Api:
        return ForwardedApi(target, connect_timeout, request_timeout, api, lambda: _pod(api, way), way.namespace)

    return make


def find(api: Api | None, namespace: str, url: str, via: str) -> Way | None:
    """The way to the broker of this address; None when it is to be reached directly."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if via == "direct" or (api is None and via == "auto"):
        return None
    if api is None:
        raise FleetError("broker: via: service goes through the cluster, and no kubeconfig is given.", "Set kubeconfig, or use via: direct.")
    service = _service(api, namespace, host)
    if service is None:
        if via == "service":
            raise FleetError(
                f"broker: {host} is not the name or the address of a Service that can be found in namespace {namespace} of the cluster.",
                "Give the Service's name in broker: url (http://rabbitmq-service:15672), or use via: direct.",
            )
        return None
    return Way(service["metadata"]["namespace"], service["metadata"]["name"], port)


def _service(api: Api, namespace: str, host: str) -> Thing | None:
    """NAME, NAME.NAMESPACE, NAME.NAMESPACE.svc..., or an address of the cluster. What we may not look at is not ours."""
    try:
        if _is_address(host):
            listed = api.request("GET", path("Service", namespace), namespace=namespace).get("items") or []
            return next((one for one in listed if host in (one["spec"].get("clusterIPs") or [])), None)
        labels = host.split(".")
        if len(labels) > 2 and labels[2] != "svc":
            return None
        place = labels[1] if len(labels) > 1 else namespace
        return api.find(path("Service", place, labels[0]), place)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _pod(api: Api, way: Way) -> tuple[str, int]:
    """A ready pod of the Service, and the port of its container that the Service's port leads to."""
    service = api.request("GET", path("Service", way.namespace, way.service), namespace=way.namespace)
    selector = service["spec"].get("selector") or {}
    if not selector:
        raise FleetError(f"The Service {way.namespace}/{way.service} of the broker has no selector, so it leads to no pod.", "Use broker: via: direct.")
    query = {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(selector.items()))}
    pods = api.request("GET", path("Pod", way.namespace), query, namespace=way.namespace).get("items") or []
    ready = sorted((pod for pod in pods if is_ready(pod)), key=lambda pod: pod["metadata"]["name"])
    if not ready:
        raise FleetError(f"No pod behind the broker's Service {way.namespace}/{way.service} is ready.", "Look at it with kubectl get pods.")
    entry: Thing = next((one for one in service["spec"].get("ports") or [] if one["port"] == way.port), {})
    return ready[0]["metadata"]["name"], _number(entry.get("targetPort", way.port), ready[0])


def _number(port: t.Any, pod: Thing) -> int:
    """A port by its number, or by the name that a container gives it."""
    if isinstance(port, int):
        return port
    named = [one for container in pod["spec"]["containers"] for one in container.get("ports") or [] if one.get("name") == port]
    if not named:
        raise FleetError(f"The broker's pod {pod['metadata']['name']} has no port called {port}, to which its Service leads.", "Correct the Service.")
    return int(named[0]["containerPort"])
