"""The texts of a survey as the arguments that they stand for."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.studioml.fleet.plugins.plugin_utils._experiment import words
from ansible_collections.studioml.fleet.plugins.plugin_utils._survey import meant

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {},
    "path": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"]},
    "style": {"type": "str", "choices": ["", "long"]},
    "timeout": {"type": "int", "default": 30},
    "wait": {"type": "bool"},
    "args": {"type": "list", "elements": "str"},
    "claims": {"type": "list", "elements": "dict"},
    "env": {"type": "dict"},
}


@pytest.mark.parametrize("name", ["state", "timeout", "wait", "args", "claims", "env"])
@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_unanswered_question_is_not_given(name: str, text: str) -> None:
    assert meant({name: text, "name": "a"}, OPTIONS) == {"name": "a"}


@pytest.mark.parametrize("name", [*OPTIONS, "unknown"])
def test_null_is_not_given(name: str) -> None:
    assert meant({name: None}, OPTIONS) == {}


def test_a_time_is_the_text_that_was_written() -> None:
    for text in ("2026-01-20", "2026-01-20T10:00:00Z"):
        assert meant({"name": yaml.safe_load(text)}, OPTIONS) == {"name": text}


@pytest.mark.parametrize("name", ["name", "path", "style", "unknown"])
def test_an_empty_text_may_be_meant(name: str) -> None:
    assert meant({name: ""}, OPTIONS) == {name: ""}


@pytest.mark.parametrize(
    ("name", "given"),
    [("timeout", "30"), ("timeout", 0), ("wait", "false"), ("wait", False), ("state", "absent"), ("args", ["a"]), ("env", {}), ("name", 7)],
)
def test_the_rest_is_left_to_the_types(name: str, given: t.Any) -> None:
    assert meant({name: given}, OPTIONS) == {name: given}


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("--epochs 3\n--lr=0.1,0.2\n\n", ["--epochs 3", "--lr=0.1,0.2"]),
        ("one\r\ntwo", ["one", "two"]),
        ('["a b", "c"]', ["a b", "c"]),
        ("- a\n- 'b: c'", ["a", "b: c"]),
        ("[yes, 1]", ["yes", "1"]),
        ("hub,other", "hub,other"),
        ("[half", "[half"),
    ],
)
def test_a_list(text: str, entries: t.Any) -> None:
    assert meant({"args": text}, OPTIONS) == {"args": entries}


def test_a_list_of_mappings() -> None:
    wanted = [{"claim": "data", "path": "/data", "read_only": "true"}]
    one = "{claim: data, path: /data, read_only: true}"
    for text in (f"- {one}", '[{"claim": "data", "path": "/data", "read_only": true}]', one):
        assert meant({"claims": text}, OPTIONS) == {"claims": wanted}


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("A=1\nB=x=y, z\n", {"A": "1", "B": "x=y, z"}),
        ("A: yes\nB: 007", {"A": "yes", "B": "007"}),
        ('{"limits": {"memory": "8Gi", "cpu": 2}}', {"limits": {"memory": "8Gi", "cpu": "2"}}),
        ("A=1, B=2", "A=1, B=2"),
        ("{half: ", "{half: "),
    ],
)
def test_a_mapping_whose_values_stay_text(text: str, mapping: t.Any) -> None:
    assert meant({"env": text}, OPTIONS) == {"env": mapping}


@pytest.mark.parametrize(("answer", "found"), [(None, []), ("", []), (0.5, ["0.5"]), (7, ["7"]), ("--lr 0.1", ["--lr", "0.1"])])
def test_words_of_an_experiment(answer: t.Any, found: list[str]) -> None:
    assert words(answer) == found
