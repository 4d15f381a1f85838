# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the answers of a survey mean. Pure functions, no I/O.

A form knows no lists, no mappings and no unanswered question, only text. AWX marks such a text as C(!unsafe), and Ansible then reads it like any plain
YAML scalar: an empty one is null, C(30) a number, C(true) a boolean, C(2026-01-20) a date.
"""

from __future__ import annotations

import datetime
import re
import typing as t

import yaml

# What stays as it is, an empty text included.
TEXTS = ("str", "path", "raw", "json", "jsonarg")
_SETTING = re.compile(r"[^\s=:]+=")


def meant(given: t.Mapping[str, t.Any], options: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The arguments of a task as its options' types understand them.

    Null counts as not given, and so does an empty text where none can be meant (a number, a boolean, one of several choices, a list, a mapping).
    A list may come as one text with an entry on each line, a mapping as lines of KEY=VALUE; both as YAML or JSON, in which every value stays text.
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
                value = _entries(value) if option["type"] == "list" else _mapping(value)
        found[name] = value
    return found


def _may_be_empty(option: t.Mapping[str, t.Any]) -> bool:
    return option.get("type", "str") in TEXTS and ("" in option["choices"] if option.get("choices") else True)


def _entries(text: str) -> t.Any:
    """What is no list in any of these forms is left for Ansible to read, or to refuse in its own words."""
    if text.lstrip().startswith(("[", "- ", "{")):
        parsed = _parsed(text)
        return parsed if isinstance(parsed, list) else [parsed] if isinstance(parsed, dict) else text
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines if len(lines) > 1 else text.strip()


def _mapping(text: str) -> t.Any:
    """The same for a mapping."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(_SETTING.match(line) for line in lines):
        return {key: value for key, _equals, value in (line.partition("=") for line in lines)}
    parsed = _parsed(text)
    return parsed if isinstance(parsed, dict) else text


def _parsed(text: str) -> t.Any:
    try:
        return yaml.BaseLoader(str.__str__(text)).get_single_data()
    except yaml.YAMLError:
        return None
