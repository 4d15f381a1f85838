"""The generated objects with a site's variables filled in, and the calls that the role makes of them, without Ansible."""

from __future__ import annotations

import pathlib
import re
import typing as t

import jinja2
import yaml
from awx_code.credential_types import Unsafe
from awx_code.objects import mapping, objects

CLONE = pathlib.Path(__file__).resolve().parents[3]
TASKS = CLONE / "roles/awx/tasks/awx.awx.yml"
OMIT = object()
LANGUAGE = jinja2.Environment()
LANGUAGE.filters["subelements"] = lambda items, key, skip_missing: [(item, one) for item in items for one in item.get(key, [])]
LANGUAGE.globals.update(range=range, omit=OMIT)

Objects = dict[str, list[dict[str, t.Any]]]


def value(text: t.Any, variables: dict[str, t.Any]) -> t.Any:
    """What a text of ours yields; an expression alone keeps its type. Texts for AWX's own templates stay."""
    if isinstance(text, dict):
        return {key: value(inner, variables) for key, inner in text.items()}
    if isinstance(text, list):
        return [value(inner, variables) for inner in text]
    if not isinstance(text, str) or isinstance(text, Unsafe) or "{{" not in text:
        return text
    alone = re.fullmatch(r"\{\{((?:(?!\}\}|\{\{).)*)\}\}", text, re.S)
    return LANGUAGE.compile_expression(alone.group(1))(**variables) if alone else LANGUAGE.from_string(text).render(**variables)


def objects_here(**variables: t.Any) -> Objects:
    """What the role makes with these variables."""
    made: Objects = value(objects(mapping()), variables)
    if not variables.get("awx_image"):
        made["controller_execution_environments"] = []
    organization = variables.get("awx_organization", "StudioML fleet")
    made["controller_credentials"] = [{**one, "organization": organization} for one in variables.get("awx_credentials", []) if "inputs" in one]
    return made


def tasks() -> list[dict[str, t.Any]]:
    """The role's tasks that speak to AWX."""
    block: list[dict[str, t.Any]] = yaml.safe_load(TASKS.read_text(encoding="utf-8"))[0]["block"]
    return block


def calls(made: Objects, *, awx_rotate_secrets: bool = False) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """The short name of each module that the role calls, with its arguments, in the role's order."""
    for task in tasks():
        (action,) = (key for key in task if key.startswith("awx.awx."))
        for item in value(task["loop"], {"__awx": made}):
            known = {"__awx": made, "__awx_item": item, "awx_rotate_secrets": awx_rotate_secrets}
            known.update({name: value(text, known) for name, text in task.get("vars", {}).items()})
            if "when" in task and not LANGUAGE.compile_expression(task["when"])(**known):
                continue
            arguments = {name: value(text, known) for name, text in task[action].items()}
            yield action.removeprefix("awx.awx."), {name: given for name, given in arguments.items() if given is not OMIT}
