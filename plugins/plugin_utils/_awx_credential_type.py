# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX would refuse of a custom credential type and of a credential, or would take and then fail with. Pure functions, no I/O."""

from __future__ import annotations

import re
import typing as t

import jinja2
import jinja2.meta

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KINDS = ("cloud", "net")
FIELD_KEYS = ("id", "label", "type", "help_text", "default", "secret", "multiline", "choices", "format")
STRING_ONLY = ("secret", "multiline", "choices", "format")
#: What AWX itself puts into injectors.
OWN = "tower"

_LANGUAGE = jinja2.Environment(autoescape=False)  # noqa: S701 - nothing is rendered, only parsed


def faults(item: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """One sentence for each fault of a credential type."""
    if item.get("kind") not in KINDS:
        yield f"kind is {item.get('kind')}, and custom types can only be cloud or net. Take cloud."
    inputs, injectors = item.get("inputs") or {}, item.get("injectors") or {}
    shapes = list(_shapes(inputs, injectors))
    yield from shapes
    if shapes:
        return
    names: list[str] = []
    for number, field in enumerate(inputs.get("fields") or [], 1):
        names.append(str(field.get("id")))
        for fault in _field(field):
            yield f"field {field.get('id') or number}: {fault}"
    for name in sorted({one for one in names if names.count(one) > 1}):
        yield f"field {name} is there twice."
    unknown = [str(name) for name in inputs.get("required") or [] if name not in names]
    if unknown:
        yield f"required names {', '.join(unknown)}, which is no field; AWX would take it, and no job would ever start."
    yield from _injectors(injectors, set(names))


def missing(item: t.Mapping[str, t.Any], inputs: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """One sentence for each fault of what a credential of this type holds. Values are never told."""
    if list(faults(item)):
        return  # told of the type itself
    if not isinstance(inputs, dict):
        yield "its inputs have to be a mapping of the type's fields."
        return
    fields = {field["id"]: field for field in (item.get("inputs") or {}).get("fields") or []}
    for name, value in inputs.items():
        if name not in fields:
            yield f"the input {name} is unknown to the type {item['name']}. It has {', '.join(fields)}."
        elif not isinstance(value, bool if fields[name].get("type") == "boolean" else str):
            yield f"the input {name} has to be {'true or false' if fields[name].get('type') == 'boolean' else 'a text'}."
        elif fields[name].get("choices") and value not in fields[name]["choices"]:
            yield f"the input {name} is none of {', '.join(fields[name]['choices'])}."
    for name in (item.get("inputs") or {}).get("required") or []:
        if not inputs.get(name):
            yield f"the input {name} is missing; AWX would take the credential, and each job with it would fail before it starts."


def _shapes(inputs: t.Any, injectors: t.Any) -> t.Iterator[str]:
    fields, required = (inputs.get("fields") or [], inputs.get("required") or []) if isinstance(inputs, dict) else (None, None)
    if not isinstance(fields, list) or not isinstance(required, list) or not all(isinstance(field, dict) for field in fields):
        yield "inputs has to be a mapping of fields, a list of mappings such as {id: url, label: Address}, and of required, a list of their ids."
    if not isinstance(injectors, dict) or not all(isinstance(one, dict) for one in injectors.values() if one):
        yield "injectors has to be a mapping of file, env and extra_vars, which are mappings."


def _field(field: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    name = field.get("id")
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name) or name == OWN:
        yield f"its id has to be a name of letters, digits and _, and not {OWN}."
    if not isinstance(field.get("label"), str) or not field.get("label"):
        yield "it has no label."
    if field.get("type", "string") not in ("string", "boolean"):
        yield f"its type is {field.get('type')}; there are string and boolean."
    if "required" in field:
        yield "required belongs into the list inputs.required, not into the field."
    unknown = [str(key) for key in field if key not in (*FIELD_KEYS, "required")]
    if unknown:
        yield f"the key {', '.join(unknown)} is unknown."
    if field.get("type") == "boolean" and any(key in field for key in STRING_ONLY):
        yield f"a boolean cannot have {', '.join(key for key in STRING_ONLY if key in field)}."


def _injectors(injectors: t.Mapping[str, t.Any], fields: set[str]) -> t.Iterator[str]:
    unknown = [str(key) for key in injectors if key not in ("file", "env", "extra_vars")]
    if unknown:
        yield f"injectors know file, env and extra_vars, not {', '.join(unknown)}."
    files = list(injectors.get("file") or {})
    if any(name != "template" and not str(name).startswith("template.") for name in files):
        yield "files are injected as template (one) or template.NAME (several)."
    if "template" in files and len(files) > 1:
        yield "template and template.NAME cannot be mixed."
    for name in injectors.get("env") or {}:
        if str(name).startswith("ANSIBLE_"):
            yield f"the environment variable {name} is refused, as all that begin with ANSIBLE_."
    places = {name.partition(".")[2] for name in files}
    for where, value in _leaves(injectors):
        if not isinstance(value, str):
            yield f"{where} is {value!r}; injectors hold texts, numbers and booleans in quotes."
            continue
        if where.startswith("env") and not value.isascii():
            yield f"{where} has letters outside of ASCII."
        yield from _used(where, value, fields, places)


def _used(where: str, text: str, fields: set[str], places: set[str]) -> t.Iterator[str]:
    try:
        parsed = _LANGUAGE.parse(text)
    except jinja2.TemplateError as error:
        yield f"{where} is no Jinja2: {error}."
        return
    unknown = sorted(jinja2.meta.find_undeclared_variables(parsed) - fields - {OWN})
    if unknown:
        yield f"{where} uses {', '.join(unknown)}, which is no field."
    for named in re.findall(r"tower\.filename(?:\.(\w+))?", text):
        if named not in places:
            yield f"{where} uses tower.filename{'.' if named else ''}{named}, and no such file is injected."


def _leaves(value: t.Any, where: str = "") -> t.Iterator[tuple[str, t.Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{where}[{number}]")
    else:
        yield where, value
