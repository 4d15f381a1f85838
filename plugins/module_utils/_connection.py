# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to an API server: TCP, an optional HTTP proxy, TLS under the name that the kubeconfig gives."""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import http.client
import ipaddress
import os
import socket
import ssl
import typing as t
from urllib.parse import unquote, urlsplit

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._tls import context


class Connection(http.client.HTTPConnection):
    """C(http.client) with what it lacks: a TLS name apart from the address, and a limit for connecting apart from the one for reading."""

    def __init__(self, target: Target, timeout: float) -> None:
        endpoint = urlsplit(target.server)
        host, port = endpoint.hostname or "", endpoint.port or (443 if endpoint.scheme == "https" else 80)
        self.tls: ssl.SSLContext | None = context(target) if endpoint.scheme == "https" else None
        self.tls_name = target.tls_server_name or host
        self.proxy = proxy_for(target, host, port)
        if self.proxy:
            address = urlsplit(self.proxy)
            super().__init__(address.hostname or "", address.port or 80, timeout=timeout)
            self.set_tunnel(host, port, _proxy_credentials(self.proxy))
        else:
            super().__init__(host, port, timeout=timeout)

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.tls_name)

    def limit(self, seconds: float) -> None:
        """From now on no single read or write may take longer."""
        self.timeout = seconds
        if self.sock:
            self.sock.settimeout(seconds)

    def abort(self) -> None:
        """End it from another thread, also when that one is in the middle of a read."""
        if self.sock:
            with contextlib.suppress(OSError):  # it may be closed already
                self.sock.shutdown(socket.SHUT_RDWR)


def proxy_for(target: Target, host: str, port: int) -> str:
    """The proxy to go through, or an empty string: the kubeconfig's own first, then the environment's."""
    proxy = target.proxy_url
    if not proxy:
        scheme = "https" if target.server.startswith("https:") else "http"
        proxy = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY") or ""
        if not proxy or is_direct(host, port, os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""):
            return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith("http://"):
        raise FleetError(
            f"The proxy for {target.server} is of a kind that is not supported ({urlsplit(proxy).scheme}://).",
            "Use an http:// proxy (HTTPS_PROXY, or proxy-url in the kubeconfig), or name the API server in NO_PROXY.",
        )
    return proxy


def is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Whether C(NO_PROXY) excepts a host: names with their subdomains, C(host:port), addresses and networks, and C(*)."""
    return any(_excepts(entry.strip().lower(), host.lower(), port) for entry in no_proxy.split(",") if entry.strip())


def _excepts(entry: str, host: str, port: int) -> bool:
    if entry in ("*", host, f"{host}:{port}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        name = entry.lstrip("*").lstrip(".")
        return host.endswith(f".{name}") or ("*" in entry and fnmatch.fnmatch(host, entry))


def _proxy_credentials(proxy: str) -> dict[str, str]:
    address = urlsplit(proxy)
    if not address.username:
        return {}
    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}


def authorization(target: Target) -> dict[str, t.Any]:
    """The header that names the user, where the credential is not a certificate."""
    if target.token:
        return {"Authorization": f"Bearer {target.token}"}
    if target.username:
        pair = f"{target.username}:{target.password}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}
    return {}
