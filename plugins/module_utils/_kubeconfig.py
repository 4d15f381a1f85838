# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a kubeconfig file to one target: endpoint, trust and credentials.

Certificates, tokens and passwords are read here without third-party code. Credential plug-ins are left to
M(kubernetes), see C(_kubeconfig_plugins).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

try:
    import yaml

    HAS_YAML = True
except ImportError:  # a managed host need not have it
    HAS_YAML = False

VARIABLE = "K8S_AUTH_KUBECONFIG"
NEW_FILE = "Fetch a new kubeconfig (studioml.fleet.microk8s_kubeconfig for MicroK8s, the cloud's own command else)."


class KubeconfigMissing(FleetError):
    """The file is not there (yet); a first run in check mode can still predict."""


@dataclass(frozen=True)
class Target:
    """One API server as one user: what a connection needs, and names for messages. Secrets are kept out of its repr."""

    path: str
    context: str
    server: str
    namespace: str = "default"
    ca: bytes = field(default=b"", repr=False)
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    plugin: str = ""

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.server} (context {self.context} of {self.path})"


_parsed: dict[tuple[str, int, int], dict[str, t.Any]] = {}


def load(path: str, context: str | None = None) -> Target:
    """The target that C(context) (or the current context) of the file stands for; FleetError with advice if it cannot be had."""
    path = os.path.abspath(os.path.expanduser(path))
    config = _read(path)
    name = context or config.get("current-context") or ""
    if not name:
        raise FleetError(
            f"The kubeconfig {path} has no current-context and the option context is not given.",
            f"Set context to one of: {_names(config, 'contexts')}.",
        )
    chosen = _entry(path, config, "contexts", name)
    cluster = _entry(path, config, "clusters", str(chosen.get("cluster") or ""), f"context {name}")
    user = _entry(path, config, "users", str(chosen["user"]), f"context {name}") if chosen.get("user") else {}
    server = str(cluster.get("server") or "")
    if not server.startswith(("https://", "http://")):
        raise FleetError(f"The kubeconfig {path} gives no usable server for context {name} (server: {server!r}).", "It must be an https:// URL. " + NEW_FILE)
    target = Target(
        path=path,
        context=name,
        server=server.rstrip("/"),
        namespace=str(chosen.get("namespace") or "default"),
        ca=_material(path, cluster, "certificate-authority"),
        insecure=cluster.get("insecure-skip-tls-verify") is True,
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        proxy_url=str(cluster.get("proxy-url") or ""),
        certificate=_material(path, user, "client-certificate"),
        key=_material(path, user, "client-key"),
        token=_token(path, user),
        username=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        plugin="exec" if user.get("exec") else "auth-provider" if user.get("auth-provider") else "",
    )
    if bool(target.certificate) != bool(target.key):
        lacking = "client-key-data" if target.certificate else "client-certificate-data"
        raise FleetError(f"The kubeconfig {path} has half a client certificate for context {name}: {lacking} is missing.", NEW_FILE)
    return target


def contexts(path: str) -> list[str]:
    """The names of the contexts of a file, in its order."""
    path = os.path.abspath(os.path.expanduser(path))
    names = [item.get("name") if isinstance(item, dict) else None for item in _read(path)["contexts"]]
    if not all(isinstance(name, str) and name for name in names):
        raise FleetError(f"The kubeconfig {path} has a context whose name is no text.", "Give each context a name, in quotes where it is a number.")
    return t.cast("list[str]", names)


def _read(path: str) -> dict[str, t.Any]:
    """The file as a mapping, parsed once per content (path, time of change, size) however many targets it holds."""
    try:
        status = os.stat(path)
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in _parsed:
            with open(path, "rb") as stream:
                _parsed[key] = _parse(path, stream.read())
    except FileNotFoundError:
        if os.pathsep in path:
            raise _several(path) from None
        raise KubeconfigMissing(
            f"The kubeconfig {path} does not exist.",
            "Give the right path (kubeconfig or fleet_kubeconfig), or kubeconfig_on: target when the file lies on the managed host. "
            "The role studioml.fleet.microk8s writes one for each runner host.",
        ) from None
    except OSError as error:
        raise FleetError(f"The kubeconfig {path} cannot be read: {error.strerror}.", "Run as a user who may read it.") from None
    return _parsed[key]


def _several(path: str) -> FleetError:
    """No file that is still to come, also in check mode: a path list, as the inventory plugin takes it."""
    from_environment = os.path.abspath(os.path.expanduser(os.environ.get(VARIABLE, ""))) == path
    return FleetError(
        f"{VARIABLE if from_environment else 'The kubeconfig'} names several files ({path}), and a task works with one.",
        "Set fleet_kubeconfig for each host, in AWX such as \"{{ lookup('ansible.builtin.env', 'FLEET_KUBECONFIG_2') }}\". "
        "The hosts of the inventory plugin studioml.fleet.fleet have theirs.",
    )


def _parse(path: str, text: bytes) -> dict[str, t.Any]:
    try:
        config = json.loads(text)
    except ValueError:
        config = _parse_yaml(path, text)
    if not isinstance(config, dict) or not isinstance(config.get("clusters"), list) or not isinstance(config.get("contexts"), list):
        raise FleetError(f"{path} is not a kubeconfig: it has no lists of clusters and contexts.", NEW_FILE)
    return config


def _parse_yaml(path: str, text: bytes) -> t.Any:
    if not HAS_YAML:
        raise FleetError(
            f"The kubeconfig {path} is YAML, and the Python that runs this module has no PyYAML.",
            "Use kubeconfig_on: controller, or install PyYAML (python3-yaml) on the host, or write the kubeconfig as JSON.",
        )
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both loaders are the safe ones
    except yaml.YAMLError as error:
        # The parser's full text quotes the line, which may hold a credential: name the place only.
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise FleetError(f"The kubeconfig {path} is malformed ({place}{problem}).", NEW_FILE) from None


def _names(config: dict[str, t.Any], kind: str) -> str:
    names = [str(item.get("name")) for item in config.get(kind) or [] if isinstance(item, dict)]
    return ", ".join(names) or "(none)"


def _entry(path: str, config: dict[str, t.Any], kind: str, name: str, wanted_by: str = "the option context") -> dict[str, t.Any]:
    """The body of a named cluster, user or context."""
    singular = kind[:-1]
    for item in config.get(kind) or []:
        if isinstance(item, dict) and item.get("name") == name:
            body = item.get(singular)
            return body if isinstance(body, dict) else {}
    raise FleetError(f"The kubeconfig {path} has no {singular} {name!r}, which {wanted_by} names.", f"It has: {_names(config, kind)}.")


def _material(path: str, body: dict[str, t.Any], key: str) -> bytes:
    """PEM text given inline (C(<key>-data), base64) or as a file beside the kubeconfig."""
    inline = body.get(f"{key}-data")
    if inline:
        try:
            return base64.b64decode(str(inline), validate=True)
        except (binascii.Error, ValueError):
            raise FleetError(f"The kubeconfig {path} holds {key}-data that is not valid base64.", NEW_FILE) from None
    return _beside(path, str(body[key])) if body.get(key) else b""


def _token(path: str, user: dict[str, t.Any]) -> str:
    if user.get("token"):
        return str(user["token"])
    return _beside(path, str(user["tokenFile"])).decode("utf-8", "replace").strip() if user.get("tokenFile") else ""


def _beside(path: str, other: str) -> bytes:
    other = os.path.join(os.path.dirname(path), os.path.expanduser(other))
    try:
        with open(other, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise FleetError(f"The kubeconfig {path} refers to {other}, which cannot be read: {error.strerror}.", NEW_FILE) from None
