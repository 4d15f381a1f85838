"""How a real AWX 24.6.1 judged what was posted to it: the recorded metadata of every field, and what its surveys and credential types take.

Written apart from the collection's own judgement (plugin_utils/_awx_objects.py), so that one can be held against the other.
"""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

Fields = dict[str, dict[str, t.Any]]

RECORDED: dict[str, Fields] = json.loads((pathlib.Path(__file__).parent / "fields-24.6.1.json").read_text(encoding="utf-8"))["resources"]
QUESTION_TYPES = {"text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float"}


def field_errors(resource: str, posted: t.Mapping[str, t.Any], *, creating: bool = True) -> dict[str, str]:
    """What AWX says of each field; a field that it does not know is ignored, as it does."""
    errors = {}
    for name, rule in RECORDED[resource].items():
        if name not in posted:
            if rule["required"] and creating:
                errors[name] = "This field is required."
            continue
        problem = _problem(rule, posted[name])
        if problem:
            errors[name] = problem
    return errors


def ignored(resource: str, posted: t.Iterable[str]) -> set[str]:
    """The fields that AWX does not take here."""
    return set(posted) - set(RECORDED[resource])


def _problem(rule: dict[str, t.Any], value: t.Any) -> str:
    kind = rule["type"]
    if value is None and kind == "choice" and rule.get("default") == "":
        return ""  # taken for the empty choice
    if value is None:
        return "" if not rule["required"] and rule.get("default", 0) in (None, 0) else "This field may not be null."
    if kind == "string":
        if not isinstance(value, str):
            return "Not a valid string."
        if rule["required"] and not value.strip():
            return "This field may not be blank."
        if len(value) > rule.get("max_length", len(value)):
            return f"Ensure this field has no more than {rule['max_length']} characters."
    elif kind == "boolean" and not isinstance(value, bool):
        return "Must be a valid boolean."
    elif kind in ("integer", "id"):
        if not isinstance(value, int) or isinstance(value, bool):
            return "A valid integer is required."
        if not rule.get("min_value", value) <= value <= rule.get("max_value", value):
            return "Ensure this value is within its limits."
    elif kind == "choice" and value not in [choice[0] for choice in rule["choices"]]:
        return f'"{value}" is not a valid choice.'
    elif kind == "json" and not isinstance(value, (dict, list)):
        try:
            json.loads(value)
        except (TypeError, ValueError):
            return "Value must be valid JSON."
    return ""


def survey_error(survey: t.Any) -> str:
    """Why a survey is refused; nothing when it is taken."""
    if not isinstance(survey, dict) or not {"name", "description", "spec"} <= set(survey):
        return "name, description and spec are all needed."
    if not isinstance(survey["spec"], list) or not survey["spec"]:
        return "'spec' must be a list of items, and may not be empty."
    seen = set()
    for number, question in enumerate(survey["spec"]):
        missing = {"type", "question_name", "variable", "required"} - set(question)
        if missing:
            return f"{', '.join(sorted(missing))} missing from survey question {number}."
        if question["type"] not in QUESTION_TYPES:
            return f"'{question['type']}' in survey question {number} is not a known type."
        if not isinstance(question["required"], bool):
            return f"required in survey question {number} is no boolean."
        if question["variable"] in seen:
            return f"variable '{question['variable']}' duplicated in survey question {number}."
        seen.add(question["variable"])
        problem = _choices_error(question) or _default_error(question)
        if problem:
            return f"survey question {number}: {problem}"
    return ""


def _choices_error(question: t.Mapping[str, t.Any]) -> str:
    if not question["type"].startswith("multi"):
        return ""
    choices = question.get("choices")
    return "" if isinstance(choices, list) and choices and all(isinstance(one, str) for one in choices) else "choices must be a list of texts."


def _default_error(question: t.Mapping[str, t.Any]) -> str:
    if question.get("default", "") == "":
        return ""
    default, kind = question["default"], question["type"]
    if kind == "integer":
        return "" if isinstance(default, int) and not isinstance(default, bool) else "default must be an integer."
    if kind == "float":
        return "" if isinstance(default, (int, float)) and not isinstance(default, bool) else "default must be a number."
    if not isinstance(default, str):
        return "default must be a text."
    if kind == "multiplechoice" and default not in question["choices"]:
        return "default must be one of the choices."
    if kind == "multiselect" and not set(default.split("\n")) <= set(question["choices"]):
        return "each default must be one of the choices."
    return ""


def credential_type_error(posted: t.Mapping[str, t.Any]) -> str:
    """Why a custom credential type is refused; nothing when it is taken."""
    for field in (posted.get("inputs") or {}).get("fields", []):
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", field["id"]) or field["id"] == "tower":
            return f"{field['id']} is not a valid id."
        if "label" not in field or "required" in field or field.get("type", "string") not in ("string", "boolean"):
            return f"{field['id']} is not a valid field."
        if field.get("type") == "boolean" and {"secret", "multiline", "choices", "format"} & set(field):
            return f"{field['id']}: for strings only."
    injectors = posted.get("injectors") or {}
    files = list(injectors.get("file", {}))
    if "template" in files and len(files) > 1:
        return "Must use multi-file syntax when injecting multiple files."
    if any(name.startswith("ANSIBLE_") for name in injectors.get("env", {})):
        return "Environment variable is not allowed."
    return "" if _texts_only(injectors) else "injectors hold texts only."


def _texts_only(value: t.Any) -> bool:
    if isinstance(value, dict):
        return all(map(_texts_only, value.values()))
    return all(map(_texts_only, value)) if isinstance(value, list) else isinstance(value, str)
