# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json of Docker: text to text, with its rules. No I/O.

The file belongs to several writers (the administrator, NVIDIA's toolkit, the docker snap's own service): keys are merged, unknown ones kept.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Settings = t.Dict[str, t.Any]

# What a running daemon takes over on SIGHUP, in every release from 20.10 on; anything else needs a restart. `features` is read again too, but its
# switches that matter (containerd-snapshotter, cdi) work at start only.
RELOADABLE = frozenset(
    (
        "authorization-plugins",
        "debug",
        "default-ipc-mode",
        "default-runtime",
        "default-shm-size",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "network-diagnostic-port",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    )
)

# A reload applies these only when the file has them: removing one leaves the old value in force until a restart, an empty list clears it at once.
EMPTIED_NOT_REMOVED = frozenset(("insecure-registries", "registry-mirrors"))

# Flags whose key in the file has another name than the flag.
FLAG_KEYS = {
    "H": "hosts",
    "D": "debug",
    "G": "group",
    "b": "bridge",
    "g": "data-root",
    "l": "log-level",
    "p": "pidfile",
    "s": "storage-driver",
    "add-runtime": "runtimes",
    "authorization-plugin": "authorization-plugins",
    "default-address-pool": "default-address-pools",
    "default-ulimit": "default-ulimits",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "feature": "features",
    "graph": "data-root",
    "host": "hosts",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}

# The wrapper of the docker snap passes these as flags; dockerd refuses to start when the file has one of them too.
SNAP_FLAG_KEYS = ("data-root", "exec-root", "group", "pidfile")


def parse(text: t.Optional[str], path: str) -> Settings:
    """The settings in a file's text; no file, or one with nothing in it, has none.

    :raises FleetError: when the text is no JSON object.
    """
    if text is None or not text.strip():
        return {}
    try:
        settings = json.loads(text[1:] if text.startswith("\ufeff") else text)
    except ValueError as error:
        raise FleetError(
            f"{path} is malformed and was left as it is: {error}.",
            "Docker will not start with it either: correct the file by hand (or move it away), then run again.",
            config_file=path,
        ) from None
    if not isinstance(settings, dict):
        raise FleetError(
            f"{path} is malformed and was left as it is: it holds a {_kind(settings)}, not an object.",
            "Correct the file by hand, then run again.",
            config_file=path,
        )
    return settings


def render(settings: Settings) -> str:
    """The text of a file; the keys keep their order, so that a diff shows only what changed."""
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def merge(settings: Settings, wanted: Settings, merge_lists: bool = True) -> Settings:
    """The settings with the wanted keys in them; objects are merged key by key, lists united when C(merge_lists)."""
    result = dict(settings)
    for key, value in wanted.items():
        old = result.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            result[key] = merge(old, value, merge_lists)
        elif merge_lists and isinstance(value, list) and isinstance(old, list):
            result[key] = old + [entry for position, entry in enumerate(value) if entry not in old and entry not in value[:position]]
        else:
            result[key] = value
    return result


def without_keys(settings: Settings, keys: t.Iterable[str]) -> Settings:
    """The settings less some keys; lists that a reload would not clear become empty instead."""
    result = dict(settings)
    for key in keys:
        if key in EMPTIED_NOT_REMOVED:
            if result.get(key):
                result[key] = []
        else:
            result.pop(key, None)
    return result


def without_entries(settings: Settings, key: str, entries: t.Iterable[str]) -> Settings:
    """The settings less some entries of one list; other entries and their order stay."""
    gone = set(entries)
    old = settings.get(key)
    if not isinstance(old, list) or not gone.intersection(entry for entry in old if isinstance(entry, str)):
        return settings
    return dict(settings, **{key: [entry for entry in old if entry not in gone]})


def action_for(before: Settings, after: Settings) -> str:
    """What a running daemon needs to take over a change: V(none), V(reload) or V(restart)."""
    changed = [key for key in set(before) | set(after) if before.get(key) != after.get(key) or (key in before) != (key in after)]
    if not changed:
        return "none"
    return "reload" if all(key in RELOADABLE and key in after for key in changed) else "restart"


def flag_keys(arguments: t.Sequence[str]) -> t.List[str]:
    """The keys that a daemon's command line sets already; the same key in the file keeps it from starting."""
    keys = set()
    for argument in arguments:
        if not argument.startswith("-") or argument.strip("-") == "":
            continue
        name = argument[2:].split("=", 1)[0] if argument.startswith("--") else argument[1:2]
        keys.add(FLAG_KEYS.get(name, name))
    keys.discard("config-file")
    return sorted(keys)


def check(settings: Settings, flags: t.Iterable[str], path: str) -> None:
    """Refuse what is known to keep the daemon from starting, before the file is touched.

    :param flags: the keys that the daemon's command line sets already.
    :raises FleetError: naming the key and the way out.
    """
    both = sorted(set(flags).intersection(settings))
    if both:
        raise FleetError(
            f"{path} cannot have {', '.join(both)}: the daemon's command line sets the same, and dockerd does not start when a directive is specified "
            "both as a flag and in the configuration file.",
            "Leave it out of the settings, or take the flag away first (a drop-in of the unit that clears ExecStart; 'snap set docker' for the snap).",
        )
    for key in ("insecure-registries", "registry-mirrors", "labels", "exec-opts", "dns", "hosts"):
        if key in settings and not _strings(settings[key]):
            raise FleetError(f"{key} in {path} has to be a list of strings, not {_kind(settings[key])}.", "Correct the settings; the file was left as it is.")
    for entry in settings.get("insecure-registries", []):
        if "://" in entry or entry.strip() != entry or not entry:
            raise FleetError(
                f"insecure-registries has {entry!r}: an entry is HOST, HOST:PORT or a CIDR, without a scheme.",
                "Correct the settings; the file was left as it is.",
            )
    for entry in settings.get("registry-mirrors", []):
        if not entry.startswith(("http://", "https://")):
            raise FleetError(
                f"registry-mirrors has {entry!r}: an entry is a URL that begins with http:// or https://.", "Correct the settings; the file was left as it is."
            )
    options = settings.get("log-opts", {})
    wrong = sorted(key for key, value in options.items() if not isinstance(value, str)) if isinstance(options, dict) else ["log-opts"]
    if wrong:
        raise FleetError(
            f"log-opts in {path} takes strings only, and {', '.join(wrong)} is none: dockerd would not start.",
            'Put the value in quotes, as in {"max-file": "3"}.',
        )


def _strings(value: t.Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _kind(value: t.Any) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list with something else in it", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")
