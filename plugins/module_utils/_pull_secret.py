# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pull secrets (kubernetes.io/dockerconfigjson) from one list of registries."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._contract import checked_name
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Entry = t.Dict[str, t.Any]

TYPE = "kubernetes.io/dockerconfigjson"
KEY = ".dockerconfigjson"
# Docker Hub's images are pulled with what is stored under this name, as docker login writes it.
DOCKER_HUB = "https://index.docker.io/v1/"
HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")

_HOST = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?(:[0-9]{1,5})?(/[-._a-z0-9/]+)?")


def configs(registries: t.Sequence[Entry], default: str) -> dict[str, str]:
    """The text of each pull secret by the name of its Secret. An empty text: no credentials are left for it, and it shall go."""
    auths: dict[str, Entry] = {}
    for number, entry in enumerate(registries):
        name = checked_name(entry.get("secret") or default, f"registries[{number}].secret")
        host = _host(entry, number)
        mine = auths.setdefault(name, {})
        if entry.get("state") == "absent":
            continue
        credentials = _credentials(entry, host, f"registries: {entry['host']}")
        if credentials and host in mine:
            raise FleetError(f"registries: {entry['host']} is given twice for the Secret {name}.", "Give it once, or set secret to another name.")
        if credentials:
            mine[host] = credentials
    return {name: json.dumps({"auths": mine}, sort_keys=True) if mine else "" for name, mine in auths.items()}


def _host(entry: Entry, number: int) -> str:
    host = str(entry.get("host") or "")
    if not _HOST.fullmatch(host):
        shown = host.rpartition("@")[2]  # what comes before may be a password
        raise FleetError(f"registries[{number}].host: {shown!r} is not a registry.", "Give host[:port] as it stands in names of images, without http://.")
    return DOCKER_HUB if host in HUB_NAMES else host


def _credentials(entry: Entry, host: str, where: str) -> Entry:
    user, password, path = (entry.get(key) or "" for key in ("username", "password", "credentials_file"))
    if path and (user or password):
        raise FleetError(f"{where} has a credentials_file and a username or a password.", "Give one of the two.")
    if path:
        user, password = _from_file(path, entry["host"], host, where)
    if not user and not password:
        return {}
    missing = "username" if not user else "password" if not password else ""
    if missing:
        raise FleetError(f"{where} has no {missing}.", "Give both, or neither for a registry that asks for none.")
    if ":" in user or any(ord(letter) < 32 for letter in user + password):
        raise FleetError(f"{where}: the username has a colon in it, or one of both a newline.", "Registries take neither.")
    made = {"username": user, "password": password, "auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {**made, "email": entry["email"]} if entry.get("email") else made


def _from_file(path: str, given: str, host: str, where: str) -> tuple[str, str]:
    """User and password from a file as docker login, podman login and skopeo login write it."""
    place = os.path.expanduser(path)
    try:
        with open(place, encoding="utf-8") as handle:
            content = json.load(handle)
    except OSError as error:
        words = error.strerror
        raise FleetError(f"{where}: the credentials_file {path} cannot be read: {words}.", "It is read where the module runs: the controller.") from None
    except ValueError:
        raise FleetError(f"{where}: the credentials_file {path} is no JSON.", "Give the file that docker login writes (config.json).") from None
    auths = (content.get("auths") if isinstance(content, dict) else None) or {}
    names = (host, given, *(f"{scheme}://{given}{end}" for scheme in ("https", "http") for end in ("", "/", "/v1/", "/v2/")))
    found = next((auths[name] for name in names if name in auths), None)
    if not isinstance(found, dict):
        known = ", ".join(sorted(auths)) or "none"
        raise FleetError(f"{where}: the credentials_file {path} has no entry for it; it has {known}.", f"Sign in first: docker login {given}.")
    if found.get("username") and found.get("password"):
        return str(found["username"]), str(found["password"])
    try:
        user, _colon, password = base64.b64decode(str(found.get("auth") or ""), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    if not user or not password:
        raise FleetError(
            f"{where}: the credentials_file {path} knows it, but keeps the password elsewhere (a credential helper, or a token).",
            "Give username and password by a lookup instead.",
        )
    return user, password.rstrip("\x00")
