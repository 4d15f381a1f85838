# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of a build: one digest over everything that goes into an image, so that nothing is built that a registry already has."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

CHUNK = 1 << 20


def digest(context: str, dockerfile: str, build_args: t.Mapping[str, str], labels: t.Mapping[str, str], target: str = "") -> str:
    """The digest over names, modes and content of the files that docker would send, the Dockerfile, the build arguments, labels and the target stage.

    :raises FleetError: when a file cannot be read.
    """
    total = hashlib.sha256()
    for kind, values in (("argument", build_args), ("label", labels), ("target", {"target": target})):
        for name in sorted(values):
            _add(total, kind, name, str(values[name]))
    try:
        _add(total, "dockerfile", _content(dockerfile))
        for name in files(context, ignore_rules(context, dockerfile)):
            path = os.path.join(context, name)
            state = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(state.st_mode) else "" if stat.S_ISDIR(state.st_mode) else _content(path)
            _add(total, "file", name, oct(stat.S_IFMT(state.st_mode)), oct(stat.S_IMODE(state.st_mode) if not stat.S_ISLNK(state.st_mode) else 0), what)
    except OSError as error:
        raise FleetError(
            f"The build context {context} cannot be read: {error.filename}: {error.strerror}.", "Check the path, or run the task with become: true."
        ) from None
    return "sha256:" + total.hexdigest()


def _add(total: t.Any, *parts: str) -> None:
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        total.update(b"%d:" % len(data) + data)
    total.update(b"\n")


def _content(path: str) -> str:
    result = hashlib.sha256()
    with open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(CHUNK), b""):
            result.update(chunk)
    return result.hexdigest()


Rule = t.Tuple[bool, t.Pattern[str]]


def ignore_rules(context: str, dockerfile: str) -> t.List[Rule]:
    """The rules of the .dockerignore that docker would use: the Dockerfile's own, else the context's."""
    for path in (dockerfile + ".dockerignore", os.path.join(context, ".dockerignore")):
        if os.path.isfile(path):
            with open(path, encoding="utf-8-sig") as handle:
                return [rule for rule in (_rule(line) for line in handle) if rule]
    return []


def _rule(line: str) -> t.Optional[Rule]:
    pattern = line.strip()
    if not pattern or pattern.startswith("#"):
        return None
    ignored = not pattern.startswith("!")
    pattern = os.path.normpath(pattern if ignored else pattern[1:].strip()).strip("/")
    return (ignored, re.compile(_expression(pattern) + r"(?:/.*)?")) if pattern != "." else None


def _expression(pattern: str) -> str:
    result, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        if pattern.startswith("**/", at):
            result, at = result + "(?:.*/)?", at + 3
            continue
        if pattern.startswith("**", at):
            result, at = result + ".*", at + 2
            continue
        if letter == "[" and "]" in pattern[at:]:
            end = pattern.index("]", at)
            result, at = result + pattern[at : end + 1], end + 1
            continue
        if letter == "\\" and at + 1 < len(pattern):
            at += 1
            letter = pattern[at]
            result += re.escape(letter)
        else:
            result += {"*": "[^/]*", "?": "[^/]"}.get(letter) or re.escape(letter)
        at += 1
    return result


def files(context: str, rules: t.Sequence[Rule]) -> t.List[str]:
    """The names, below the context and in order, of what docker would send."""
    result = []
    for folder, folders, names in os.walk(context, onerror=_raise):
        place = os.path.relpath(folder, context)
        for name in names + folders:
            relative = name if place == "." else f"{place}/{name}"
            if not _ignored(relative, rules):
                result.append(relative)
    return sorted(result)


def _ignored(name: str, rules: t.Sequence[Rule]) -> bool:
    result = False
    for ignored, pattern in rules:
        if pattern.fullmatch(name):
            result = ignored
    return result


def _raise(error: OSError) -> None:
    raise error
