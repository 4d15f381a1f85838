# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry API, version 2: whether an image is there, its manifest's digest, its labels."""

from __future__ import annotations

import base64
import email.message
import hashlib
import json
import platform
import re
import socket
import ssl
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

LISTS = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CHALLENGE = re.compile(r'(realm|service|scope)="([^"]*)"')


class Answer(t.NamedTuple):
    """What a registry answered."""

    status: int
    headers: email.message.Message
    body: bytes


class Registry:
    """A registry behind C(scheme://host).

    :param ca_file: a PEM file on this host with the authority that signed its certificate; empty for those that the host trusts anyway.
    """

    def __init__(self, host: str, scheme: str = "https", *, ca_file: str = "", username: str = "", password: str = "", timeout: float = 20) -> None:
        self.host, self.scheme, self.timeout = host, scheme, timeout
        self._basic = base64.b64encode(f"{username}:{password}".encode()).decode() if username else ""
        self._authorization = f"Basic {self._basic}" if username else ""
        handlers: t.List[urllib.request.BaseHandler] = [_Redirects()]
        if scheme == "https":
            handlers.append(urllib.request.HTTPSHandler(context=_context(ca_file)))
        self._opener = urllib.request.build_opener(*handlers)

    def digest(self, repository: str, reference: str) -> str:
        """The digest of an image's manifest; empty when the registry does not have it."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._ask("HEAD", path, LISTS + MANIFESTS)
        if answer.status == 404:
            return ""
        found = answer.headers.get("Docker-Content-Digest", "")
        if found:
            return found
        return "sha256:" + hashlib.sha256(self._ask("GET", path, LISTS + MANIFESTS).body).hexdigest()

    def labels(self, repository: str, reference: str) -> t.Dict[str, str]:
        """The labels of an image; none when the registry does not have it."""
        answer = self._ask("GET", f"/v2/{repository}/manifests/{reference}", LISTS + MANIFESTS)
        if answer.status == 404:
            return {}
        manifest = self._json(answer)
        if "manifests" in manifest:
            manifest = self._json(self._ask("GET", f"/v2/{repository}/manifests/{_ours(manifest['manifests'])}", MANIFESTS))
        config = (manifest.get("config") or {}).get("digest", "")
        if not config:
            return {}
        return (self._json(self._ask("GET", f"/v2/{repository}/blobs/{config}", ())).get("config") or {}).get("Labels") or {}

    def _json(self, answer: Answer) -> t.Dict[str, t.Any]:
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise FleetError(f"{self.scheme}://{self.host} does not answer as a registry does (HTTP {answer.status}, no JSON).", "Check the host and the port.")
        return value

    def _ask(self, method: str, path: str, accept: t.Sequence[str]) -> Answer:
        answer = self._send(method, path, accept)
        if answer.status == 401 and answer.headers.get("WWW-Authenticate", "").lower().startswith("bearer "):
            self._authorization = self._token(answer.headers["WWW-Authenticate"])
            answer = self._send(method, path, accept)
        if answer.status in (200, 404):
            return answer
        raise FleetError(f"{method} {self.scheme}://{self.host}{path} was answered with HTTP {answer.status}{_words(answer)}.", self._advice(answer))

    def _advice(self, answer: Answer) -> str:
        if answer.status in (401, 403):
            return f"Give a username and a password that may read and write on {self.host}."
        if answer.status == 400 and b"HTTPS server" in answer.body:
            return f"The registry speaks HTTPS: set scheme: https for {self.host}."
        return f"See the log of the registry {self.host}."

    def _token(self, challenge: str) -> str:
        parts = dict(CHALLENGE.findall(challenge))
        realm = parts.pop("realm", "")
        if urllib.parse.urlsplit(realm).scheme not in ("http", "https"):
            raise FleetError(f"{self.host} asks for a token without saying where to get it.", "See the registry's configuration (auth.token.realm).")
        request = urllib.request.Request(f"{realm}?{urllib.parse.urlencode(parts)}")  # noqa: S310 - the scheme was checked
        if self._basic:
            request.add_header("Authorization", f"Basic {self._basic}")
        answer = self._open(request)
        if answer.status != 200:
            raise FleetError(f"The token service of {self.host} answered with HTTP {answer.status}{_words(answer)}.", "Check the username and the password.")
        value = self._json(answer)
        return f"Bearer {value.get('token') or value.get('access_token') or ''}"

    def _send(self, method: str, path: str, accept: t.Sequence[str]) -> Answer:
        request = urllib.request.Request(f"{self.scheme}://{self.host}{path}", method=method)  # noqa: S310 - http or https only
        if accept:
            request.add_header("Accept", ", ".join(accept))
        if self._authorization:
            request.add_unredirected_header("Authorization", self._authorization)
        return self._open(request)

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except OSError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, reason: t.Any) -> FleetError:
        words = getattr(reason, "strerror", None) or str(reason)
        hint = f"Is the registry running, and does this host reach {self.host}?"
        if isinstance(reason, ssl.SSLCertVerificationError):
            words, hint = (
                f"its certificate is not trusted ({reason.verify_message})",
                f"Give ca_file, the certificate of the authority that signed it, for {self.host}.",
            )
        elif isinstance(reason, ssl.SSLError):
            hint = f"If the registry speaks plain HTTP, set scheme: http for {self.host}."
        elif isinstance(reason, socket.timeout):
            words = f"no answer in {self.timeout:g} seconds"
        return FleetError(f"The registry {self.scheme}://{self.host} cannot be asked: {words}.", hint, registry=self.host, unreachable=True)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects keep their method: a HEAD that became a GET would load whole layers."""

    def redirect_request(self, req: t.Any, fp: t.Any, code: int, msg: str, headers: t.Any, newurl: str) -> t.Any:
        fresh = super().redirect_request(req, fp, code, msg, headers, newurl)
        if fresh is not None:
            fresh.method = req.get_method()
        return fresh


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
        return context
    except (OSError, ssl.SSLError) as error:
        raise FleetError(
            f"The certificate authority {ca_file} cannot be used: {getattr(error, 'strerror', None) or error}.", "Give a PEM file on this host."
        ) from None


def _ours(manifests: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    machine = platform.machine()
    for manifest in manifests:
        place = manifest.get("platform") or {}
        if place.get("os") == "linux" and place.get("architecture") == ARCHITECTURES.get(machine, machine):
            return manifest["digest"]
    return manifests[0]["digest"] if manifests else ""


def _words(answer: Answer) -> str:
    """The registry's own words, short."""
    try:
        errors = json.loads(answer.body)["errors"]
        text = "; ".join(f"{error.get('code', '')}: {error.get('message', '')}" for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = answer.body.decode("utf-8", "replace").strip().split("\n")[0][:200]
    return f" ({text})" if text else ""
