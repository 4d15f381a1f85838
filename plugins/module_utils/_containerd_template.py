# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry part of containerd's template as MicroK8s has it (args/containerd-template.toml): text to text. No I/O.

Two styles exist, and only the file tells which a node has: an upgrade from MicroK8s 1.22 or before never migrates it.
* certs.d: `config_path` names a folder with a hosts.toml for each registry, read on every pull;
* mirrors: the registries stand in the template itself, read at start. Ours stand in one marked block.
A file with both does not stop containerd, but its CRI plugin: the node goes NotReady while the unit looks healthy. Such a file is refused.
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._toml import TomlError, loads

BEGIN = "# BEGIN studioml.fleet registry_trust"
END = "# END studioml.fleet registry_trust"

# Where the registry's tables hang, by the file's own `version`. containerd 2 still reads version 2 and converts it in memory, so the old name is right there.
REGISTRY = {
    1: ("plugins", "cri", "registry"),
    2: ("plugins", "io.containerd.grpc.v1.cri", "registry"),
    3: ("plugins", "io.containerd.cri.v1.images", "registry"),
}


class Entry(t.NamedTuple):
    """A registry in a mirrors-style template."""

    host: str
    url: str
    ca_file: str = ""


class Template(t.NamedTuple):
    """What a template says about registries; C(style) is V(certs.d), V(mirrors), V(none) or V(mixed)."""

    text: str
    version: int
    style: str
    config_path: str
    registry: t.Dict[str, t.Any]


def parse(text: str, path: str) -> Template:
    """Read a template.

    :raises FleetError: when it is no TOML, or of a version that nobody knows yet.
    """
    try:
        document = loads(text)
    except TomlError as error:
        raise FleetError(
            f"{path} is malformed: {error}.", "containerd would not start with it. It was left as it is: correct it by hand, then run again."
        ) from None
    version = document.get("version", 1)
    if version not in REGISTRY:
        raise FleetError(f"{path} has version = {version}, which this collection does not know (1, 2 or 3).", "Use a newer release of the collection.")
    registry: t.Any = document
    for name in REGISTRY[version]:
        registry = registry.get(name, {}) if isinstance(registry, dict) else {}
    registry = registry if isinstance(registry, dict) else {}
    config_path = registry.get("config_path") or ""
    tls = [host for host, table in registry.get("configs", {}).items() if isinstance(table, dict) and table.get("tls")]
    listed = bool(registry.get("mirrors") or tls)
    style = {(True, True): "mixed", (True, False): "certs.d", (False, True): "mirrors", (False, False): "none"}[bool(config_path), listed]
    return Template(text, version, style, config_path, registry)


def refuse_mixed(template: Template, path: str) -> None:
    """Stop at a file that keeps the CRI plugin from loading.

    :raises FleetError: with the two ways out.
    """
    if template.style != "mixed":
        return
    inner = ".".join(REGISTRY[template.version][1:])
    raise FleetError(
        f"{path} has both config_path and registry.mirrors or registry.configs.*.tls: containerd starts, but without its CRI plugin, "
        "and the node is NotReady after the next start.",
        f"Keep one style: either remove the mirrors and tls tables of {inner} (each becomes a folder with a hosts.toml under "
        f"{template.config_path}), or remove config_path. The file was left as it is.",
    )


def with_config_path(template: Template, folder: str) -> str:
    """The text of a file without any registry, with C(config_path) in it."""
    line = f'config_path = "{folder}"'
    header = _header(template.version)
    marked = [BEGIN, f"    {line}", END]
    lines = template.text.split("\n")
    for position, existing in enumerate(lines):
        if _names_table(existing, REGISTRY[template.version]):
            return "\n".join(lines[: position + 1] + marked + lines[position + 1 :])
    return _append(template.text, [BEGIN, f"[{header}]", f"  {line}", END])


def with_entries(template: Template, wanted: t.Sequence[Entry], absent: t.Collection[str], path: str) -> str:
    """The text of a mirrors-style file with our block holding the wanted entries, what it had, and none of the absent ones.

    :raises FleetError: when somebody else's table for a registry says something else (a second one would be a syntax error).
    """
    rest, block = split_block(template.text, path)
    outside = parse(rest, path).registry if block else template.registry
    before = {entry.host: entry for entry in _entries(block, template.version)}
    ours = dict(before)
    for host in absent:
        ours.pop(host, None)
        if _theirs(outside, host):
            raise FleetError(
                f"{path} trusts {host} in a table that somebody else wrote; it was left as it is.", f"Remove the mirrors and configs tables of {host} by hand."
            )
    for entry in wanted:
        theirs = _theirs(outside, entry.host)
        if not theirs:
            ours[entry.host] = entry
        elif theirs != entry:
            raise FleetError(
                f"{path} already has a table for {entry.host} that says something else (endpoint {theirs.url or 'missing'}); "
                "a second one would be a syntax error.",
                f"Remove the mirrors and configs tables of {entry.host} from the file, then run again; it was left as it is.",
            )
        else:
            ours.pop(entry.host, None)
    if ours == before:
        return template.text
    if not ours:
        return rest
    return _append(rest, [BEGIN] + [line for host in sorted(ours) for line in _tables(ours[host], template.version)] + [END])


def split_block(text: str, path: str) -> t.Tuple[str, str]:
    """A file's text without our block, and the block's own text (empty when there is none).

    :raises FleetError: when the marks do not pair up.
    """
    lines = text.split("\n")
    begins = [position for position, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [position for position, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return text, ""
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise FleetError(
            f"{path} has marks of the registry_trust block that do not pair up.", f"Put them right by hand: one line {BEGIN!r}, the block, one line {END!r}."
        )
    before, after = lines[: begins[0]], lines[ends[0] + 1 :]
    while before and not before[-1].strip() and (not after or not "".join(after).strip()):
        before.pop()
    rest = "\n".join(before + after)
    return rest if rest.endswith("\n") else rest + "\n", "\n".join(lines[begins[0] + 1 : ends[0]]) + "\n"


def _append(text: str, lines: t.Sequence[str]) -> str:
    return text.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


def _header(version: int) -> str:
    return ".".join(name if name.isalpha() else f'"{name}"' for name in REGISTRY[version])


def _names_table(line: str, names: t.Sequence[str]) -> bool:
    if not line.strip().startswith("["):
        return False
    try:
        document: t.Any = loads(line)
    except TomlError:
        return False
    for name in names:
        if list(document) != [name]:
            return False
        document = document[name]
    return document == {}


def _tables(entry: Entry, version: int) -> t.List[str]:
    header = _header(version)
    lines = [f'[{header}.mirrors."{entry.host}"]', f'  endpoint = ["{entry.url}"]']
    if entry.ca_file:
        lines += [f'[{header}.configs."{entry.host}".tls]', f'  ca_file = "{entry.ca_file}"']
    return lines


def _entries(block: str, version: int) -> t.List[Entry]:
    table: t.Any = loads(block)
    for name in REGISTRY[version]:
        table = table.get(name, {})
    return [entry for entry in (_theirs(table, host) for host in table.get("mirrors", {})) if entry]


def _theirs(registry: t.Mapping[str, t.Any], host: str) -> t.Optional[Entry]:
    mirror = registry.get("mirrors", {}).get(host)
    tls = registry.get("configs", {}).get(host, {}).get("tls")
    if mirror is None and tls is None:
        return None
    endpoints = (mirror or {}).get("endpoint", [])
    return Entry(host, ", ".join(endpoints), (tls or {}).get("ca_file", ""))
