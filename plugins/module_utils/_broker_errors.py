# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between us and RabbitMQ's management API, in its own words, and what to do about it. No I/O.

RabbitMQ refuses with 401 whether the password is wrong or the user lacks a tag; only the reason tells.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

MANAGEMENT = "Its management plug-in must be on (rabbitmq-plugins enable rabbitmq_management; port 15672)"


class BrokerError(FleetError):
    """RabbitMQ answered, and the answer is no."""

    def __init__(self, message: str, hint: str, status: int, reason: str) -> None:
        super().__init__(message, hint, broker_status=status)
        self.status, self.reason = status, reason

    @property
    def missing(self) -> bool:
        """Whether RabbitMQ itself says that there is no such thing (what is no RabbitMQ gives no reason)."""
        return self.status == 404 and bool(self.reason)


class BrokerUnreachable(FleetError):
    """No usable answer came back at all. C(passing): another try may succeed; C(refused): nothing listens there."""

    def __init__(self, message: str, hint: str, passing: bool = False, refused: bool = False) -> None:
        super().__init__(message, hint, unreachable_broker=True)
        self.passing, self.refused = passing, refused


def refused(what: str, where: str, user: str, status: int, answer: bytes) -> BrokerError:
    """An answer with a status that is not a success."""
    reason = _reason(answer)
    words = f"{what} on the broker {where} was answered with {status} {reason or http.client.responses.get(status, '')}".strip()
    return BrokerError(words + ("" if words.endswith(".") else "."), _advice(status, reason, where, user), status, reason)


def _advice(status: int, reason: str, where: str, user: str) -> str:
    if "only log in via localhost" in reason:
        return f"RabbitMQ lets {user} in from its own machine alone: give another user."
    if reason == "Login failed":
        return f"Check username and password of the broker ({user})."
    if reason in ("Not management user", "Not monitor user", "Not administrator user", "Not policymaker user"):
        tag = {"monitor": "monitoring"}.get(reason.split()[1], reason.split()[1])
        return f"The broker's user {user} lacks the tag {tag} (rabbitmqctl set_user_tags {user} {tag}): give it, or name a user that has it."
    if "access virtual host" in reason:
        return f"The broker's user {user} has no permission in that virtual host (rabbitmqctl set_permissions)."
    if status == 401 and not reason:
        return "No user arrived: something in between takes the Authorization header away."
    if status in (301, 302, 307, 308):
        return "Something in between sends us elsewhere: check the broker's url."
    if status == 404 and not reason:
        return f"This is not the management API of RabbitMQ: check the broker's url ({where}). {MANAGEMENT}."
    if status >= 500:
        return "RabbitMQ is not well: look at its log, and run again (running again is safe)."
    return ""


def _reason(answer: bytes) -> str:
    try:
        decoded = json.loads(answer)
        reason = decoded["reason"]
    except (ValueError, KeyError, TypeError):
        return ""
    return reason if isinstance(reason, str) else " ".join(_words(reason))


def _words(reason: t.Any) -> t.Iterator[str]:
    """Erlang's texts arrive as lists of character codes somewhere in nested lists."""
    if isinstance(reason, str):
        yield reason
    elif isinstance(reason, list) and reason and all(isinstance(code, int) for code in reason):
        yield "".join(map(chr, reason))
    elif isinstance(reason, list):
        for part in reason:
            yield from _words(part)


def garbled(what: str, where: str) -> BrokerUnreachable:
    """A success that is no JSON."""
    words = f"{what} on the broker {where} was answered with something that is not JSON."
    return BrokerUnreachable(words, f"This is not the management API of RabbitMQ: check the broker's url. {MANAGEMENT}.")


def transport(error: Exception, what: str, where: str) -> BrokerUnreachable:
    """A failure below HTTP."""
    tried = f"{what} on the broker {where} failed"
    look = f"Check that RabbitMQ runs, the broker's url, firewalls and HTTP_PROXY/NO_PROXY. {MANAGEMENT}."
    if isinstance(error, ssl.SSLCertVerificationError):
        return BrokerUnreachable(f"{tried}: its certificate is not accepted ({error.verify_message}).", "Give the authority that signed it (broker: ca_path).")
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return BrokerUnreachable(f"{tried}: TLS failed ({error.reason or error}).", "It may speak plain HTTP on this port: try http:// in the broker's url.")
    if isinstance(error, socket.gaierror):
        return BrokerUnreachable(f"{tried}: the name cannot be resolved ({error.strerror}).", look)
    if isinstance(error, (socket.timeout, TimeoutError)):
        return BrokerUnreachable(f"{tried}: no answer in time.", look)
    if isinstance(error, ConnectionRefusedError):
        return BrokerUnreachable(f"{tried}: connection refused.", look, passing=True, refused=True)
    if isinstance(error, (ConnectionError, http.client.IncompleteRead, http.client.BadStatusLine)):
        words = "the answer was cut off" if isinstance(error, http.client.IncompleteRead) else "the connection was closed before an answer came"
        return BrokerUnreachable(f"{tried}: {words}.", look, passing=True)
    return BrokerUnreachable(f"{tried}: {getattr(error, 'strerror', None) or error}.", look)


def without_management(problem: BrokerUnreachable) -> BrokerUnreachable:
    """A refused connection to a broker whose AMQP port answers."""
    words = f"{problem.message.rstrip('.')}, while RabbitMQ itself answers."
    return BrokerUnreachable(words, f"{MANAGEMENT}, or it is on another port than that of the broker's url.", passing=True, refused=True)
