# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between us and an API server, in its own words, and what to do about it. No I/O."""

from __future__ import annotations

import datetime
import http.client
import socket
import ssl
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import NEW_FILE, Target
from ansible_collections.studioml.fleet.plugins.module_utils._tls import expiry

RETRIED_STATUS = (429, 500, 502, 503, 504)

# X509 verification codes, as OpenSSL numbers them.
CERT_EXPIRED, CERT_NOT_YET_VALID = 10, 9
UNKNOWN_AUTHORITY = (18, 19, 20, 21)
WRONG_NAME = (62, 64)


class ApiError(FleetError):
    """The API server answered, and the answer is no."""

    def __init__(self, message: str, hint: str, status: int, answer: dict[str, t.Any]) -> None:
        super().__init__(message, hint, status=status)
        self.status = status
        self.answer = answer

    @property
    def causes(self) -> list[dict[str, t.Any]]:
        """The single reasons, where the server lists them."""
        return (self.answer.get("details") or {}).get("causes") or []


class Unreachable(FleetError):
    """No usable answer came back at all. C(passing) says whether another try may succeed."""

    def __init__(self, message: str, hint: str = "", passing: bool = False) -> None:
        super().__init__(message, hint, unreachable_api=True)
        self.passing = passing


def transport(error: Exception, target: Target, what: str) -> Unreachable:
    """A failure below HTTP."""
    tried = f"{what} on {target.name} failed"
    look = "Check that the API server runs, the address in the kubeconfig, firewalls and HTTPS_PROXY/NO_PROXY."
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(f"{tried}: its certificate is not accepted ({error.verify_message}).", _certificate_advice(error, target))
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return Unreachable(f"{tried}: the connection was closed during TLS.", look, passing=True)
    if isinstance(error, ssl.SSLError):
        advice = "It does not speak TLS on this port, or refuses the client certificate: check server and client-certificate-data in the kubeconfig."
        return Unreachable(f"{tried}: TLS failed ({error.reason or error}).", advice)
    if isinstance(error, socket.gaierror):
        return Unreachable(f"{tried}: the name cannot be resolved ({error.strerror}).", look)
    if isinstance(error, (socket.timeout, TimeoutError)):
        return Unreachable(f"{tried}: no answer in time.", look)
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{tried}: connection refused.", look, passing=True)
    if isinstance(error, (ConnectionError, http.client.IncompleteRead, http.client.BadStatusLine)):
        words = "the answer was cut off" if isinstance(error, http.client.IncompleteRead) else "the connection was closed before an answer came"
        return Unreachable(f"{tried}: {words}.", look, passing=True)
    return Unreachable(f"{tried}: {getattr(error, 'strerror', None) or error}.", look)


def _certificate_advice(error: ssl.SSLCertVerificationError, target: Target) -> str:
    if error.verify_code == CERT_EXPIRED:
        return "The API server's certificate has expired: renew it there (MicroK8s: microk8s refresh-certs)."
    if error.verify_code == CERT_NOT_YET_VALID:
        return "The clocks differ: set the time on both machines."
    if error.verify_code in UNKNOWN_AUTHORITY:
        return f"It is signed by another authority than the kubeconfig's: is {target.server} the cluster that is meant? {NEW_FILE}"
    if error.verify_code in WRONG_NAME:
        return "It is not valid for this address: use an address that it names, or set tls-server-name in the kubeconfig."
    return NEW_FILE


def denied(status: int, answer: dict[str, t.Any], target: Target, what: str, namespace: str) -> ApiError:
    """An answer with a status that is not a success."""
    words = " ".join(str(answer.get("message") or http.client.responses.get(status, "no reason given")).split())
    message = f"{what} on {target.name} was answered with {status}: {words}"
    message = message if message.endswith((".", "!")) else f"{message}."
    return ApiError(message, _advice(status, answer, target, words, namespace), status, answer)


def _advice(status: int, answer: dict[str, t.Any], target: Target, words: str, namespace: str) -> str:
    details = answer.get("details") or {}
    causes = [cause.get("reason") for cause in details.get("causes") or []]
    if status == 401:
        return _who_am_i(target)
    if "NamespaceTerminating" in causes or "because it is being terminated" in words:
        return f"Namespace {namespace} is being deleted: wait until it is gone, and see kubectl get namespace {namespace} -o yaml if it does not go."
    if status == 403:
        return _permission(details, words, namespace)
    if status == 404 and details.get("kind") == "namespaces":
        return f"Create namespace {details.get('name') or namespace} first (runner_deploy does with create_namespace: true), or give the right one."
    if status == 404 and not answer.get("kind"):
        return "This is not the answer of a Kubernetes API server: check server in the kubeconfig."
    if status == 409 and "FieldManagerConflict" in causes:
        return conflict_advice(details.get("causes") or [])
    if status in (400, 422):
        return "The API server does not accept the object: correct the value that it names."
    if status in RETRIED_STATUS:
        return "The API server is overloaded or not well: look at its log, and run again (running again is safe)."
    if status in (301, 302, 307, 308):
        return "Something in between sends us elsewhere, probably a sign-in page: check server in the kubeconfig and HTTPS_PROXY/NO_PROXY."
    return ""


def _who_am_i(target: Target) -> str:
    ends = expiry(target.certificate) if target.certificate else None
    if ends and ends < datetime.datetime.now(datetime.timezone.utc):
        return f"The client certificate in the kubeconfig expired on {ends:%Y-%m-%d %H:%M} UTC. {NEW_FILE}"
    kind = f"{target.plugin} credential" if target.plugin else "token" if target.token else "client certificate" if target.certificate else "user"
    if not (target.certificate or target.token or target.username):
        return f"The kubeconfig's context {target.context} has no credentials that this collection can use. {NEW_FILE}"
    return f"The API server does not know the {kind} in the kubeconfig (expired, revoked, or of another cluster). {NEW_FILE}"


def _permission(details: dict[str, t.Any], words: str, namespace: str) -> str:
    # The server's text: User "x" cannot list resource "configmaps" in API group "" in the namespace "y"
    verb = words.split(" cannot ", 1)[1].split(" ", 1)[0] if " cannot " in words else ""
    resource = details.get("kind") or "the resource"
    if not verb:
        return "An admission rule of the cluster says no: talk to who runs it, or change the value that it names."
    group = f" in API group {details['group']!r}" if details.get("group") else ""
    return f"The kubeconfig's user lacks the verb {verb!r} on {resource}{group} (namespace {namespace}): grant it by a Role and RoleBinding."


def conflict_advice(causes: list[dict[str, t.Any]]) -> str:
    """Who owns the fields that we wanted to set."""
    owners = "; ".join(f"{cause.get('field', '?').lstrip('.')} is set by {owner_in(str(cause.get('message') or ''))}" for cause in causes)
    return f"{owners}. Let that owner give the field up or set it there, or take it over with force_conflicts: true."


def owner_in(message: str) -> str:
    """The field manager that the server's words about a conflict name."""
    # conflict with "kubectl" using apps/v1
    parts = message.split('"')
    return parts[1] if len(parts) > 2 else message
