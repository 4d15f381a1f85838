# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""containerd's hosts.toml: what one registry's file says, and what containerd 1.6 to 2.x make of it. No I/O.

containerd never reports a file that it cannot use: it falls back to HTTPS without a word. So what it would not take is an error here.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._toml import TomlError, loads

CAPABILITIES = ("pull", "resolve", "push")
MARK = "# Managed by studioml.fleet.registry_trust_entry; changes are overwritten."
CA_NAME = "ca.crt"

HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?")


def check_host(host: str) -> str:
    """A registry's name as image names have it.

    :raises FleetError: when it has a scheme, a path, or is no host at all.
    """
    if HOST.fullmatch(host):
        return host
    if "://" in host:
        scheme, rest = host.split("://", 1)
        raise FleetError(f"The registry {host!r} has a scheme in its host.", f"Write host: {rest.rstrip('/')} and scheme: {scheme}.")
    raise FleetError(f"{host!r} is no registry's host.", "Write HOST or HOST:PORT, as in the names of its images.")


def folder_names(host: str) -> t.List[str]:
    """The folders in which containerd looks for a registry, in its order: the first that exists wins, even an empty one."""
    name, port = _split(host)
    return [f"{name}_{port}_", host] if port else [host]


def _split(host: str) -> t.Tuple[str, str]:
    name, separator, port = host.rpartition(":")
    if separator and port.isdigit() and not host.endswith("]"):
        return name, port
    return host, ""


def render(host: str, scheme: str, capabilities: t.Sequence[str], with_ca: bool) -> str:
    """The text of a registry's file.

    `server` keeps the last error that a user sees about the right URL; the `[host]` table is what containerd before 2.0 insists on. A plain HTTP
    entry gets no TLS keys: containerd would try HTTPS first because of them.
    """
    url = f"{scheme}://{host}"
    lines = [MARK, f'server = "{url}"', "", f'[host."{url}"]', f"  capabilities = [{', '.join(_quoted(word) for word in capabilities)}]"]
    if with_ca:
        lines.append(f'  ca = "{CA_NAME}"')
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    return f'"{word}"'


def parse(text: str, path: str) -> t.Dict[str, t.Any]:
    """Read a file and refuse what containerd would not take.

    :raises FleetError: with the line or the key at fault.
    """
    try:
        document = loads(text)
    except TomlError as error:
        raise FleetError(f"{path} is malformed: {error}.", _advice(path)) from None
    found = problem(document)
    if found:
        raise FleetError(f"{path} is not what containerd takes: {found}.", _advice(path))
    return document


def _advice(path: str) -> str:
    return (
        f"containerd ignores such a file and falls back to HTTPS without saying so. It was left as it is: correct it or move it away ({path}), then run again."
    )


def problem(document: t.Mapping[str, t.Any]) -> str:
    """Why containerd (any release from 1.6 on) would reject a document; empty when it would not."""
    server = document.get("server", "")
    if not isinstance(server, str):
        return "server is not a string"
    hosts = document.get("host", {})
    if not isinstance(hosts, dict) or any(not isinstance(table, dict) for table in hosts.values()):
        return 'host is not a set of tables, as in [host."https://HOST:PORT"]'
    if not hosts:
        return "it has no [host] table, which containerd before 2.0 rejects"
    for url, table in hosts.items():
        if not url.startswith(("http://", "https://")):
            return f'the table [host."{url}"] has no scheme (http:// or https://)'
        wrong = _table_problem(table)
        if wrong:
            return f'in [host."{url}"] {wrong}'
    return _table_problem(document)


def _table_problem(table: t.Mapping[str, t.Any]) -> str:
    words = table.get("capabilities", [])
    if not isinstance(words, list) or any(word not in CAPABILITIES for word in words):
        return f"capabilities is not a list of {', '.join(CAPABILITIES)}"
    for key in ("skip_verify", "override_path"):
        if not isinstance(table.get(key, False), bool):
            return f"{key} is neither true nor false"
    ca = table.get("ca", [])
    if not (isinstance(ca, str) or (isinstance(ca, list) and all(isinstance(entry, str) for entry in ca))):
        return "ca is neither a string nor a list of strings"
    return ""


def same(text: str, other: str) -> bool:
    """Whether two valid texts mean the same to containerd; the order of the host tables counts, comments and spaces do not."""
    first, second = loads(text), loads(other)
    return first == second and list(first.get("host", {})) == list(second.get("host", {}))
