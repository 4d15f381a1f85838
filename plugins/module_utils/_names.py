# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and labels as Kubernetes takes them, refused with the field, the rule and the nearest form that would do. Pure functions, no I/O."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

LABEL, NAME = 63, 253
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_ENV_KEY = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


def dns_label(value: t.Any, field: str, most: int = LABEL) -> str:
    """A name of one part: a Job, a container, a namespace."""
    text = _text(value, field)
    if _DNS_LABEL.fullmatch(text) and len(text) <= most:
        return text
    rule = f"Use lower-case letters, digits and '-', beginning and ending with a letter or digit, {most} characters at most"
    raise _refused(field, text, "name", rule, shortened(text, most))


def dns_name(value: t.Any, field: str) -> str:
    """A name that may have dots: a Secret, a ConfigMap, a claim, a node."""
    text = _text(value, field)
    if _DNS_NAME.fullmatch(text) and len(text) <= NAME:
        return text
    rule = f"Use lower-case letters, digits, '-' and '.', each part beginning and ending with a letter or digit, {NAME} characters at most"
    parts = [_plain(part) for part in text.split(".")]
    nearest = ".".join(part for part in parts if part)
    raise _refused(field, text, "name", rule, nearest if nearest and len(nearest) <= NAME else shortened(text))


def label_key(value: t.Any, field: str) -> str:
    """The key of a label: a name of 63 characters at most, before it perhaps a DNS name and a slash."""
    text = _text(value, field)
    prefix, slash, name = text.rpartition("/")
    if _LABEL_VALUE.fullmatch(name) and 0 < len(name) <= LABEL and (not slash or (_DNS_NAME.fullmatch(prefix) and len(prefix) <= NAME)):
        return text
    rule = f"Use letters, digits, '-', '_' and '.', {LABEL} characters at most, perhaps after a DNS name and a '/'"
    raise _refused(field, text, "label key", rule, (f"{prefix}/" if slash and _DNS_NAME.fullmatch(prefix) else "") + (_nearest_value(name) or "label"))


def label_value(value: t.Any, field: str) -> str:
    """The value of a label; a number or a truth value is written as text."""
    text = str(value).lower() if isinstance(value, bool) else _text(value, field)
    if _LABEL_VALUE.fullmatch(text) and len(text) <= LABEL:
        return text
    rule = f"Use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, {LABEL} characters at most"
    raise _refused(field, text, "label value", rule, _nearest_value(text))


def env_key(value: t.Any, field: str) -> str:
    """The name of an environment variable."""
    text = _text(value, field)
    if _ENV_KEY.fullmatch(text):
        return text
    nearest = re.sub(r"[^-._a-zA-Z0-9]+", "_", text)
    nearest = f"_{nearest}" if nearest[:1].isdigit() else nearest
    raise _refused(field, text, "name for an environment variable", "Use letters, digits and '_', not beginning with a digit", nearest)


def shortened(text: t.Any, most: int = LABEL) -> str:
    """A valid name of one part from any text: cut, with a hash of the whole at its end, where it is too long or where nothing is left of it."""
    plain = _plain(str(text))
    if plain and len(plain) <= most:
        return plain
    mark = hashlib.sha256(str(text).encode()).hexdigest()[:8]
    kept = plain[: most - len(mark) - 1].rstrip("-")
    return f"{kept}-{mark}" if kept else mark


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _nearest_value(text: str) -> str:
    plain = re.sub(r"[^-A-Za-z0-9_.]+", "-", text).strip("-_.")
    if len(plain) <= LABEL:
        return plain
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{plain[: LABEL - len(mark) - 1].rstrip('-_.')}-{mark}"


def _text(value: t.Any, field: str) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise FleetError(f"{field}: {value!r} is no text.", "Give a string; quote it in YAML.")


def _refused(field: str, text: str, what: str, rule: str, nearest: str) -> FleetError:
    shown = text if len(text) <= 100 else f"{text[:60]}... ({len(text)} characters)"
    advice = f"{rule}; the nearest that would do is {nearest}." if nearest else f"{rule}."
    return FleetError(f"{field}: {shown!r} is not a valid {what}.", advice)
