# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to RabbitMQ's management API: JSON over kept connections, repeated after passing failures, refusals in words.

Every request that is sent here is safe to repeat, so a lost answer is asked for again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
import typing as t
from urllib.parse import quote, urlsplit

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_errors as errors
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import ATTEMPTS, JSON, Api, pause


class Management:
    """The management API of one RabbitMQ as one user. May be shared by threads.

    :param url: of the management API, such as C(http://hub:15672).
    :param ca: PEM of the authority behind an https URL; the system's authorities if empty.
    :param amqp: C(host:port) of AMQP, asked only to tell a broker that is down from one without management.
    :param wire: makes what carries the requests, where that is not a connection of our own.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        connect_timeout: float = 10,
        request_timeout: float = 30,
        ca: bytes = b"",
        validate_certs: bool = True,
        amqp: str = "",
        wire: t.Callable[[Target, float, float], Api] = Api,
    ) -> None:
        self.url = checked_url(url)
        self.username, self.amqp, self.request_timeout = username, amqp, request_timeout
        target = Target("broker", "", self.url, ca=ca, insecure=not validate_certs, username=username, password=password)
        self._wire = wire(target, connect_timeout, request_timeout)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._wire.close()

    def request(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """One request and what comes back, None where that is nothing; FleetError with advice otherwise."""
        what = f"{method} /api/{path.partition('?')[0]}"
        payload = json.dumps(body).encode() if body is not None else None
        deadline = time.monotonic() + self.request_timeout
        for attempt in range(1, ATTEMPTS + 1):
            problem: FleetError
            try:
                status, _headers, received = self._wire._exchange(method, self._wire.url(f"/api/{path}"), payload, JSON, deadline)
                if status < 300:
                    return json.loads(received) if received else None
                problem, again = errors.refused(what, self.url, self.username, status, received), status in RETRIED_STATUS
            except (OSError, http.client.HTTPException) as error:
                problem = errors.transport(error, what, self.url)
                again = problem.passing
            except (ApiError, Unreachable) as error:  # on the way through a cluster
                problem, again = error, error.passing if isinstance(error, Unreachable) else error.status in RETRIED_STATUS
            except ValueError:
                raise errors.garbled(what, self.url) from None
            wait = pause(attempt)
            if not again or attempt == ATTEMPTS or time.monotonic() + wait >= deadline:
                raise self._explained(problem)
            time.sleep(wait)
        raise AssertionError("the loop ends by a return or a raise")

    def find(self, kind: str, *names: str) -> t.Any:
        """GET one thing, or None when there is no such thing."""
        try:
            return self.request("GET", path_to(kind, *names))
        except errors.BrokerError as error:
            if error.missing:
                return None
            raise

    def delete(self, kind: str, *names: str) -> None:
        """Remove one thing; one that is not there is no failure."""
        try:
            self.request("DELETE", path_to(kind, *names))
        except errors.BrokerError as error:
            if not error.missing:
                raise

    def _explained(self, problem: FleetError) -> FleetError:
        """A refused connection: is RabbitMQ down, or only its management not on?"""
        host, _colon, port = self.amqp.rpartition(":")
        if not (host and isinstance(problem, errors.BrokerUnreachable) and problem.refused):
            return problem
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection((host.strip("[]"), int(port)), 2).close()
            return errors.without_management(problem)
        return problem


def path_to(kind: str, *names: str) -> str:
    """A path below /api/. Names may hold anything: the usual virtual host is called C(/)."""
    return "/".join([kind, *(quote(name, safe="") for name in names)])


def checked_url(url: str) -> str:
    """A URL of a management API, without credentials."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = f"{parts.scheme}://{address}" if address else url.rpartition("@")[2]
        raise FleetError(f"The broker's url {shown!r} is not that of a management API.", "Give something like http://hub.example:15672.")
    return f"{parts.scheme}://{address}{parts.path.rstrip('/')}"
