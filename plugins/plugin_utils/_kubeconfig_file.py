# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kubeconfig on the controller with one cluster in it: taken from a host, shaped, compared, and written for its owner alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
import typing as t
from urllib.parse import urlsplit

import yaml

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

MODE = 0o600
Document = t.Dict[str, t.Any]


def shape(text: str, address: str, context: str) -> Document:
    """The document to write: one cluster, one user, one context.

    :raises FleetError: when the host's text is none; without a word of it, for it may hold a credential.
    """
    try:
        found = yaml.safe_load(text)
        cluster, user = found["clusters"][0], found["users"][0]
        server = urlsplit(cluster["cluster"]["server"])
        names = (cluster["name"], user["name"], found["current-context"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        raise FleetError("What microk8s config printed is no kubeconfig.", "Run 'microk8s config' on the host by hand.") from None
    if context:
        names = (context, f"{context}-admin", context)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": names[0], "cluster": {**cluster["cluster"], "server": _server(server.hostname or "", server.port or 16443, address)}}],
        "users": [{"name": names[1], "user": user["user"]}],
        "contexts": [{"name": names[2], "context": {"cluster": names[0], "user": names[1]}}],
        "current-context": names[2],
    }
    return t.cast(Document, json.loads(json.dumps(document)))  # Ansible's own kinds of text become plain ones, which YAML can write


def _server(host: str, port: int, address: str) -> str:
    if address:
        bare = address if address.count(":") < 2 or address.startswith("[") else f"[{address}]"
        try:
            given = urlsplit(f"//{bare}")
            host, port = given.hostname or "", given.port or port
        except ValueError:
            host = ""
        if not host or given.path or given.query or "@" in bare:
            raise FleetError(f'address: "{address}" is no name or address with an optional port.', "Write it as 10.0.0.11, or gpu1.example.com:16443.")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def read(path: str) -> t.Optional[Document]:
    """What the file holds now, None when there is none.

    :raises FleetError: when it is somebody else's: other clusters are in it, or it is no kubeconfig at all.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        found = yaml.safe_load(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"dest: {path} cannot be read: {error.strerror}.", "Correct its permissions on the controller, or choose another path.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        found = text = "not YAML"
    if not text.strip():
        return None
    if not isinstance(found, dict) or not isinstance(found.get("clusters"), list):
        raise FleetError(f"dest: {path} is there on the controller and is no kubeconfig. It was left as it is.", "Choose another path, or remove it.")
    if any(len(found.get(key) or []) > 1 for key in ("clusters", "users", "contexts")):
        hint = "Choose a path for this host alone; KUBECONFIG may list several files."
        raise FleetError(f"dest: {path} on the controller holds several clusters. It was left as it is.", hint)
    return found


def same(document: Document, current: t.Optional[Document]) -> bool:
    """Whether the file says what it should; what else is in it (preferences, extensions) does not count."""
    return bool(current) and all(document[key] == (current or {}).get(key) for key in ("clusters", "users", "contexts", "current-context"))


def private(path: str) -> bool:
    """Whether only its owner can use the file."""
    return os.stat(path).st_mode & 0o7777 == MODE


def write(path: str, document: Document) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".studioml-", dir=os.path.dirname(path))  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yaml.safe_dump(document, stream, sort_keys=False)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def show(path: str, document: t.Optional[Document], wanted: Document) -> t.Dict[str, t.Any]:
    """The file for a diff, without its credential."""
    if document is None:
        return {"state": "absent"}
    cluster = _first(document, "clusters", "cluster")
    return {
        "state": "present",
        "mode": f"0{os.stat(path).st_mode & 0o7777:o}" if document is not wanted else f"0{MODE:o}",
        "server": cluster.get("server", ""),
        "certificate_authority": _fingerprint(cluster.get("certificate-authority-data", "")),
        "context": document.get("current-context", ""),
        "credential": "current" if _first(document, "users", "user") == _first(wanted, "users", "user") else "another",
    }


def _first(document: Document, key: str, inner: str) -> Document:
    entries = document.get(key) or [{}]
    return (entries[0] or {}).get(inner) or {}


def _fingerprint(data: str) -> str:
    try:
        return "sha256:" + hashlib.sha256(base64.b64decode(data)).hexdigest()[:16]
    except (binascii.Error, ValueError):
        return "unreadable"
