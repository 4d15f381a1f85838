"""From options to the questions of a survey, by AWX's rules: no booleans, no lists, no mappings, and a default only where it counts."""

from __future__ import annotations

import re
import typing as t

from awx_code.sources import MAPPING, Playbook, SourceError, Spec

#: The type of an option: that of its question
TYPES = {"str": "text", "path": "text", "raw": "text", "int": "integer", "float": "float", "bool": "multiplechoice", "list": "textarea", "dict": "textarea"}
HOW = {
    "list": "One on each line, or as YAML or JSON.",
    "dict": "KEY=VALUE on each line, or as YAML or JSON.",
}
#: Help grows by whole sentences up to so many characters.
LONGEST_HELP = 400
#: Where a sentence begins by naming an option that the button has settled.
SETTLED = re.compile(r"^With O\((?:targets|state=absent|place=free)\), (\w)")
MARKUP = re.compile(r"\b[CVOEIBPM]{1,2}\(((?:[^()]|\([^()]*\))*)\)|\bRV\(([^()]*)\)")


def survey(playbook: Playbook, asks: dict[str, Spec]) -> dict[str, t.Any]:
    """The survey of one button."""
    return {"name": "", "description": "", "spec": [question(playbook, variable, say or {}) for variable, say in asks.items()]}


def question(playbook: Playbook, variable: str, say: Spec) -> dict[str, t.Any]:
    """One question: what the mapping says of it, over what the option says."""
    if not re.search(rf"\b{variable}\b", playbook.text) and not any(variable.startswith(f"{role}_") for role in playbook.roles):
        reached = any(re.search(rf"\b{variable}\b", expression) for _module, _option, expression in playbook.handed)
        if not reached:
            raise SourceError(f"playbooks/{playbook.name}.yml knows no variable {variable}. Correct {MAPPING}.")
    spec = say.get("spec") or playbook.spec(variable)
    kind = spec.get("type", "str")
    if kind == "list" and any(variable.startswith(f"{role}_") for role in playbook.roles):
        raise SourceError(f"{variable} is a list of a role, which reads no text. Leave it out of {MAPPING}.")
    made: dict[str, t.Any] = {
        "question_name": say.get("question") or variable.replace("_", " ").capitalize(),
        "question_description": help_text(spec, kind),
        "variable": variable,
        "required": bool(say.get("required")),
        "type": TYPES[kind],
    }
    choices = _choices(variable, spec, say)
    if choices:
        made["type"] = "multiplechoice"
        made["choices"] = choices
    elif spec.get("no_log"):
        made["type"] = "password"
    elif say.get("long") and made["type"] == "text":
        made["type"] = "textarea"
    default = None if made["required"] or made["type"] == "password" or say.get("prefill") is False else _default(made["type"], kind, spec.get("default"))
    if default not in (None, ""):
        made["default"] = default
    return made


def help_text(spec: Spec, kind: str) -> str:
    """The option's first sentences, without markup."""
    paragraphs = spec.get("description") or []
    paragraphs = [paragraphs] if isinstance(paragraphs, str) else paragraphs
    text = ""
    for paragraph in paragraphs:
        whole = SETTLED.sub(lambda found: found.group(1).upper(), " ".join(paragraph.split()))
        plain = MARKUP.sub(lambda found: found.group(1) or found.group(2) or "", whole)
        if text and len(text) + len(plain) > LONGEST_HELP:
            break
        text = f"{text} {plain}".strip()
    return f"{text} {HOW[kind]}".strip() if kind in HOW else text


def _choices(variable: str, spec: Spec, say: Spec) -> list[str]:
    known = ["true", "false"] if spec.get("type") == "bool" else [str(one) for one in spec.get("choices") or [] if one != ""]
    unknown = [one for one in say.get("choices") or [] if one not in known]
    if unknown:
        raise SourceError(f"{variable} cannot be {', '.join(unknown)}: its option has {', '.join(known)}. Correct {MAPPING}.")
    return say.get("choices") or known


def _default(asked: str, kind: str, value: t.Any) -> t.Any:
    if value is None or value == "":
        return None
    if kind == "bool":
        return "true" if value in (True, "true", "yes") else "false"
    if asked == "integer":
        return int(value)
    if asked == "float":
        return float(value) if float(value) % 1 else int(value)
    return None if isinstance(value, (list, dict)) else str(value)
