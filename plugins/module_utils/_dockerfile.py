# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Dockerfile says of the labels of the image that it will make. No I/O.

Enough to know an image's name before it is built: LABEL, with ARG and ENV filled in, along the stages. What cannot be known stays out; the built
image is asked then.
"""

from __future__ import annotations

import re
import shlex
import typing as t

INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
VARIABLE = re.compile(r"\\?\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::([-+])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")
PAIR = re.compile(r"""(?:[^\s"'=]|"[^"]*"|'[^']*')+=""")


class _Unknown(Exception):
    """A value that depends on something outside of the file."""


class _Stage:
    def __init__(self, parent: t.Optional[_Stage], known: t.Mapping[str, str]) -> None:
        self.labels: t.Dict[str, t.Optional[str]] = dict(parent.labels) if parent else {}
        self.values: t.Dict[str, str] = dict(parent.environment) if parent else {}
        self.environment: t.Dict[str, str] = dict(self.values)
        self.known = known


def labels(text: str, build_args: t.Mapping[str, str], target: str = "") -> t.Dict[str, str]:
    """The labels of the last (or the named) stage, as far as the file tells."""
    stages: t.Dict[str, _Stage] = {}
    before: t.Dict[str, str] = {}
    stage = _Stage(None, before)
    for name, rest in _instructions(text):
        if name == "FROM":
            words = [word for word in rest.split() if not word.startswith("--")]
            stage = _Stage(stages.get(words[0].lower()) if words else None, before)
            stages[str(len(stages))] = stage
            if len(words) == 3 and words[1].upper() == "AS":
                stages[words[2].lower()] = stage
                if target and words[2].lower() == target.lower():
                    stages["\0target"] = stage
        elif name == "ARG" and not stages:
            _argument(before, rest, build_args, {})
        elif name == "ARG":
            _argument(stage.values, rest, build_args, stage.known)
        elif name == "ENV":
            for key, value in _pairs(rest, stage.values):
                stage.values[key] = stage.environment[key] = value or ""
        elif name == "LABEL":
            stage.labels.update(_pairs(rest, stage.values))
    chosen = stages.get("\0target", stage) if target else stage
    return {key: value for key, value in chosen.labels.items() if value is not None}


def _instructions(text: str) -> t.Iterator[t.Tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    for line in joined.split("\n"):
        found = INSTRUCTION.match(line)
        if found:
            yield found.group(1).upper(), found.group(2).strip()


def _argument(values: t.Dict[str, str], rest: str, build_args: t.Mapping[str, str], known: t.Mapping[str, str]) -> None:
    name, sign, default = rest.partition("=")
    if name in build_args:
        values[name] = str(build_args[name])
    elif sign:
        filled = [value for _key, value in _pairs(rest, values)]
        if filled and filled[0] is not None:
            values[name] = filled[0]
    elif name in known:
        values[name] = known[name]


def _pairs(rest: str, values: t.Mapping[str, str]) -> t.List[t.Tuple[str, t.Optional[str]]]:
    if not PAIR.match(rest):  # the old form: one key, a blank, the value
        name, _blank, value = rest.partition(" ")
        return [(name, _filled(value.strip(), values))]
    result = []
    try:
        words = shlex.split(rest.replace("\\$", "\\\\$"), posix=True)
    except ValueError:
        return []
    for word in words:
        name, _sign, value = word.partition("=")
        result.append((name, _filled(value, values)))
    return result


def _filled(text: str, values: t.Mapping[str, str]) -> t.Optional[str]:
    def fill(found: t.Match[str]) -> str:
        if found.group(0).startswith("\\"):
            return found.group(0)[1:]
        value = values.get(found.group(1) or found.group(4))
        if found.group(2) == "-":
            return value or found.group(3)
        if found.group(2) == "+":
            return found.group(3) if value else ""
        if value is None:
            raise _Unknown
        return value

    try:
        return VARIABLE.sub(fill, text)
    except _Unknown:
        return None
