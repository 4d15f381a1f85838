# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX would refuse of a survey, or would take and then do something else with. Pure functions, no I/O."""

from __future__ import annotations

import re
import typing as t

Question = t.Mapping[str, t.Any]

TYPES = ("text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float")
TEXTS = ("text", "textarea", "password")
CHOOSING = ("multiplechoice", "multiselect")
KEYS = ("type", "question_name", "question_description", "variable", "required", "default", "choices", "min", "max", "new_question")
#: AWX takes any name, and Ansible then cannot read it.
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def faults(survey: t.Any) -> t.Iterator[str]:
    """One sentence for each fault of a whole survey."""
    if not isinstance(survey, dict):
        yield "survey_spec is no mapping. Give name, description and spec."
        return
    for key in ("name", "description"):
        if not isinstance(survey.get(key), str):
            yield f"survey_spec has no {key}. An empty text will do."
    questions = survey.get("spec")
    if not isinstance(questions, list) or not questions:
        yield "survey_spec has no questions in spec. Leave the whole survey out instead."
        return
    seen: set[t.Any] = set()
    for number, question in enumerate(questions, 1):
        if not isinstance(question, dict):
            yield f"question {number} of the survey is no mapping."
            continue
        variable = question.get("variable")
        if variable in seen:
            yield f"the survey asks twice for {variable}."
        seen.add(variable)
        for fault in _question(question):
            yield f"the survey's question {variable or number}: {fault}"


def _question(question: Question) -> t.Iterator[str]:
    unknown = [str(key) for key in question if key not in KEYS]
    if unknown:
        yield f"the key {', '.join(unknown)} is unknown; AWX would keep it without a word."
    if not isinstance(question.get("question_name"), str) or not question.get("question_name"):
        yield "it has no question_name."
    if not isinstance(question.get("question_description", ""), str):
        yield "question_description is no text."
    if not isinstance(question.get("variable"), str) or not VARIABLE.fullmatch(question["variable"]):
        yield "variable is no name that Ansible takes: letters, digits and _, no digit first."
    if not isinstance(question.get("required"), bool):
        yield "required has to be true or false."
    if question.get("type") not in TYPES:
        yield f"the type {question.get('type')} is none of {', '.join(TYPES)}. Booleans are multiplechoice of 'true' and 'false', lists and mappings textarea."
        return
    yield from _choices(question)
    yield from _limits(question)
    yield from _default(question)


def _choices(question: Question) -> t.Iterator[str]:
    choices = question.get("choices")
    if question["type"] not in CHOOSING:
        if choices:
            yield "only multiplechoice and multiselect have choices."
        return
    if not isinstance(choices, list) or not choices or not all(isinstance(one, str) and one and one == one.strip() for one in choices):
        yield "choices has to be a list of texts, without spaces or line ends around them; numbers and booleans in quotes."
    elif len(set(choices)) != len(choices):
        yield "choices has an entry twice."


def _limits(question: Question) -> t.Iterator[str]:
    limits = [question.get(key) for key in ("min", "max")]
    if not all(one is None or (isinstance(one, int) and not isinstance(one, bool)) for one in limits):
        yield "min and max have to be integers, for a float too."
    elif None not in limits and limits[0] > limits[1]:  # type: ignore[operator]
        yield "min is more than max."


def _default(question: Question) -> t.Iterator[str]:
    if "default" not in question or question["default"] == "":
        return
    default = question["default"]
    kind = question["type"]
    if kind == "password":
        yield "a password with a default is reported as changed on every run. Give none."
    elif question.get("required"):
        yield "it is required, and AWX then ignores its default. Leave one of the two out."
    elif default is None:
        yield "a default of null is refused. Leave it out."
    elif kind == "integer" and (not isinstance(default, int) or isinstance(default, bool)):
        yield f"its default {default!r} is no integer; a number in quotes is a text."
    elif kind == "float" and (not isinstance(default, (int, float)) or isinstance(default, bool)):
        yield f"its default {default!r} is no number; a number in quotes is a text."
    elif kind not in ("integer", "float") and not isinstance(default, str):
        yield f"its default {default!r} is no text."
    elif kind in CHOOSING and isinstance(question.get("choices"), list):
        chosen = default.split("\n") if kind == "multiselect" else [default]
        wrong = [one for one in chosen if one not in question["choices"]]
        if wrong:
            yield f"its default {', '.join(wrong)} is none of its choices; the case matters."
    elif kind not in CHOOSING:
        yield from _measure(question, len(default) if isinstance(default, str) else default)


def _measure(question: Question, size: float) -> t.Iterator[str]:
    low, high = question.get("min"), question.get("max")
    if (isinstance(low, int) and size < low) or (isinstance(high, int) and size > high):
        yield f"its default is outside of min and max ({low} to {high})."
