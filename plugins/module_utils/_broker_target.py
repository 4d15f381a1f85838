# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a runner's environment, and what the user gives, to its broker: where it is, which virtual host and user the runner has, who may manage it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_service, _runner_secrets
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker
from ansible_collections.studioml.fleet.plugins.module_utils._broker_management import checked_url
from ansible_collections.studioml.fleet.plugins.module_utils._broker_options import STATISTICS_SECONDS
from ansible_collections.studioml.fleet.plugins.module_utils._broker_service import Way
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
AMQP_PORTS = {"amqp": 5672, "amqps": 5671}
# A runner that is told nothing else finds the management API at the port of AMQP and this.
MANAGEMENT_OFFSET = 10000
# How a text says no.
NO = ("false", "no", "off", "0", "f", "n")


@dataclass(frozen=True)
class BrokerTarget:
    """One broker as one user, and the runner's place in it. Secrets are kept out of its repr."""

    url: str
    username: str
    password: str = field(repr=False)
    vhost: str
    runner_username: str
    amqp: str = ""
    ca: bytes = field(default=b"", repr=False)
    validate_certs: bool = True
    statistics_seconds: float = STATISTICS_SECONDS
    # the Service's pod to go to through the API server; None for a connection of our own
    way: Way | None = None

    def connect(self, api: Api | None = None, connect_timeout: float = 10, request_timeout: float = 30) -> Broker:
        """A client; C(api) is needed where the way leads through the cluster."""
        wire: Thing = {"wire": _broker_service.wire(api, self.way)} if api and self.way else {}
        trust = {"ca": self.ca, "validate_certs": self.validate_certs}
        amqp = "" if self.way else self.amqp
        made = Broker(self.url, self.username, self.password, connect_timeout, request_timeout, amqp=amqp, **trust, **wire)
        made.statistics_seconds = self.statistics_seconds
        return made


class Address(t.NamedTuple):
    """What AMQP_URL says."""

    scheme: str
    host: str
    port: int
    username: str
    password: str
    vhost: str


def from_environment(api: Api, namespace: str, deployment: Thing, given: Thing | None = None) -> BrokerTarget:
    """The broker of a Deployment's runner. What is in C(given) (url, username, password, vhost, runner_username, via, ca_path, ...) is not looked up."""
    given = {key: value for key, value in (given or {}).items() if value is not None}
    needed = [key for key in ("url", "username", "password", "vhost", "runner_username") if not given.get(key)]
    address, management = None, ""
    if needed:
        values = _runner_secrets.broker_values(api, namespace, deployment)
        address, management = _address(values.get("AMQP_URL", ""), namespace, deployment, needed), values.get("AMQP_MGT_URL", "")
    url = given.get("url") or management or (_default_url(address) if address else "")
    return _target(api, namespace, url, address, given)


def given_only(api: Api | None, namespace: str, given: Thing) -> BrokerTarget:
    """A broker that is described in full, whatever runners there are."""
    given = {key: value for key, value in given.items() if value is not None}
    missing = [key for key in ("url", "username", "password") if not given.get(key)]
    if missing:
        raise FleetError(f"broker: {' and '.join(missing)} must be given.", "broker: {url: http://hub.example:15672, username: administrator, password: ...}.")
    return _target(api, namespace, given["url"], None, given)


def _target(api: Api | None, namespace: str, url: str, address: Address | None, given: Thing) -> BrokerTarget:
    inside = urlsplit(url)
    username, password = given.get("username"), given.get("password")
    if not username:
        # the runner's own user sees its own queues and messages, and can change nothing
        username = unquote(inside.username or "") or (address.username if address else "")
        password = password or unquote(inside.password or "") or (address.password if address else "")
    if not password:
        raise FleetError(f"broker: there is no password for its user {username}.", "Give it as broker: password, from a vault.")
    checked = checked_url(url)
    way = _broker_service.find(api, namespace, checked, given.get("via", "auto"))
    return BrokerTarget(
        url=checked,
        username=username,
        password=password,
        vhost=given.get("vhost") or (address.vhost if address else "/"),
        runner_username=given.get("runner_username") or (address.username if address else ""),
        amqp=f"{address.host}:{address.port}" if address else "",
        ca=_authority(given.get("ca_path") or ""),
        # what comes with one target, or from a credential of AWX, may be a text
        validate_certs=str(given.get("validate_certs", True)).lower() not in NO,
        statistics_seconds=float(given.get("statistics_interval") or STATISTICS_SECONDS),
        way=way,
    )


def parse_amqp(url: str) -> Address | None:
    """The parts of an AMQP URL; None when it is none. Its path is one encoded name: C(/%2f) is the virtual host /, as is no path at all."""
    try:
        parts = urlsplit(url)
        port = parts.port or AMQP_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname:
        return None
    return Address(parts.scheme, parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), unquote(parts.path[1:]) or "/")


def _address(url: str, namespace: str, deployment: Thing, needed: list[str]) -> Address:
    name = f"{namespace}/{deployment['metadata']['name']}"
    advice = f"Set it (runner_secret_env), or give broker: {', '.join(needed)}."
    if not url:
        raise FleetError(f"The runner {name} has no AMQP_URL in its environment, so its broker is not known.", advice)
    found = parse_amqp(url)
    if found is None:
        raise FleetError(f"The AMQP_URL of the runner {name} is not an amqp:// URL.", advice)
    if not found.username:
        raise FleetError(f"The AMQP_URL of the runner {name} has no user in it: a runner ends at once with such a URL.", advice)
    return found


def _default_url(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'http' if address.scheme == 'amqp' else 'https'}://{host}:{address.port + MANAGEMENT_OFFSET}"


def _authority(path: str) -> bytes:
    if not path:
        return b""
    advice = "Give the PEM file of the authority that signed the broker's certificate."
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise FleetError(f"broker: ca_path: reading {path}: {error.strerror}.", advice) from None
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise FleetError(f"broker: ca_path: {path} has no PEM certificate in it.", advice)
    return content
