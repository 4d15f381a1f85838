# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the answers of a survey mean. Pure functions, no I/O.

A form knows no lists, no mappings and no unanswered question, only text. AWX marks such a text as C(!unsafe), and Ansible then reads it like any plain
YAML scalar: an empty one is null, C(30) a number, C(true) a boolean, C(2026-01-20) a date.
"""

from __future__ import annotations

import datetime
import json
import re
import typing as t

import yaml

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

# What stays as it is, an empty text included.
TEXTS = ("str", "path", "raw", "json", "jsonarg")
_SETTING = re.compile(r"[^\s=:]+=")
_WORD = re.compile(r"[A-Za-z_][\w./-]*=")
_AMBIGUOUS = re.compile(r"[=,'\"\\]")


def meant(given: t.Mapping[str, t.Any], options: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The arguments of a task as its options' types understand them.

    Null counts as not given, and so does an empty text where none can be meant (a number, a boolean, one of several choices, a list, a mapping).
    A list may come as one text with an entry on each line, a mapping as lines of KEY=VALUE; both as YAML or JSON, in which every value stays text.
    FleetError where a text begins like one of these forms and is none; what it holds is not told, since it may be secret.
    """
    found = {}
    for name, value in given.items():
        option = options.get(name, {})
        if value is None:
            continue
        if isinstance(value, (datetime.date, datetime.datetime)):
            value = value.isoformat().replace("+00:00", "Z")
        if isinstance(value, str):
            if not value.strip() and not _may_be_empty(option):
                continue
            if option.get("type") in ("list", "dict"):
                value = _entries(name, value, option.get("elements")) if option["type"] == "list" else _mapping(name, value)
        found[name] = value
    return found


def _may_be_empty(option: t.Mapping[str, t.Any]) -> bool:
    return option.get("type", "str") in TEXTS and ("" in option["choices"] if option.get("choices") else True)


def _entries(name: str, text: str, elements: str | None) -> t.Any:
    """One line that is no list in any of these forms is left for Ansible, which splits it at its commas."""
    text = text.strip()
    if text.startswith(("[", "- ")):
        parsed = _parsed(text)
        if not isinstance(parsed, list):
            advice = 'Correct it, such as ["a", "b"], or give one entry on each line.'
            raise FleetError(f"{name}: the text begins like a list in YAML or JSON, and is none.", advice)
        return parsed
    if text.startswith("{") and elements in ("dict", "raw"):
        parsed = _parsed(text)
        if not isinstance(parsed, dict):
            advice = "Correct it; several go into a list, such as [{...}, {...}]."
            raise FleetError(f"{name}: the text begins like a mapping in YAML or JSON, and is none.", advice)
        return [parsed]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines if len(lines) > 1 else text


def _mapping(name: str, text: str) -> t.Any:
    """The same for a mapping. Lines that begin with C(#) are comments."""
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.lstrip().startswith("#")}
    settings = [bool(_SETTING.match(line)) for line in lines.values()]
    if not settings or not settings[0]:
        parsed = _parsed(text)
        if isinstance(parsed, dict):
            return parsed
        if not any(settings):
            return text  # Ansible refuses it in its own words
    wrong = [str(number) for number, right in zip(lines, settings) if not right]
    if wrong:
        raise FleetError(f"{name}: line {', '.join(wrong)} is no KEY=VALUE.", "Give one KEY=VALUE on each line, or the whole as YAML or JSON.")
    pairs = list(lines.values())
    if len(pairs) == 1:
        pairs = _pairs(name, pairs[0])
    return {key: value for key, _equals, value in (pair.partition("=") for pair in pairs)}


def _pairs(name: str, line: str) -> list[str]:
    """A line is one pair; alone, it is several (Ansible's own form) where each of its words can be nothing else."""
    words = line.split()
    if len(words) == 1 or not all(_WORD.match(word) for word in words):
        return [line]
    if any(_AMBIGUOUS.search(word.partition("=")[2]) for word in words):
        advice = "Give each on a line of its own, or the whole as YAML or JSON, such as {KEY: VALUE}."
        raise FleetError(f"{name}: the line may be one KEY=VALUE or several.", advice)
    return words


def _parsed(text: str) -> t.Any:
    text = str.__str__(text)
    try:
        return _texts(json.loads(text, parse_int=str, parse_float=str, parse_constant=str))
    except ValueError:
        pass
    try:
        return yaml.BaseLoader(text).get_single_data()
    except yaml.YAMLError:
        return None


def _texts(value: t.Any) -> t.Any:
    """JSON with the values as they were written, as YAML's are here."""
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    return value if isinstance(value, str) else json.dumps(value)
