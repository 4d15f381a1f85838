"""The texts of a survey as the arguments that they stand for."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
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
        ('["a",\t"b\\/c"]', ["a", "b/c"]),
        ('[1.50, null, false, "x"]', ["1.50", "null", "false", "x"]),
        ('{"a": 1}', '{"a": 1}'),
        ("{{ x }}", "{{ x }}"),
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
        ("{half: ", "{half: "),
        ("hello", "hello"),
        ("A: x=1\nB: |\n  y=2\n", {"A": "x=1", "B": "y=2\n"}),
        ("A=1 B=2", {"A": "1", "B": "2"}),
        ("app.kubernetes.io/name=x tier=y", {"app.kubernetes.io/name": "x", "tier": "y"}),
        ("# what for\nA=1\n\n  # and\nB=2", {"A": "1", "B": "2"}),
    ],
)
def test_a_mapping_whose_values_stay_text(text: str, mapping: t.Any) -> None:
    assert meant({"env": text}, OPTIONS) == {"env": mapping}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("JAVA_OPTS", "-Xmx2g -Da=b"), ("URL", "http://h/?a=1,b=2"), ("CUDA_VISIBLE_DEVICES", "0,1"), ("GREETING", "hello world"), ("P", "C:\\x"), ("A", ""),
        ("QUOTED", "'x'"), ("A", "1,B=2"),
    ],
)
def test_a_pair_is_the_same_alone_and_among_others(key: str, value: str) -> None:
    assert meant({"env": f"{key}={value}"}, OPTIONS) == {"env": {key: value}}
    assert meant({"env": f"{key}={value}\nOTHER=1"}, OPTIONS) == {"env": {key: value, "OTHER": "1"}}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("args", "[half", "args: the text begins like a list in YAML or JSON, and is none."),
        ("args", "- a\nb: [", "args: the text begins like a list in YAML or JSON, and is none."),
        ("claims", "{claim: a}\n{claim: b}", "claims: the text begins like a mapping in YAML or JSON, and is none."),
        ("env", "A=1\n\nthe-secret\nB=2\nalso", "env: line 3, 5 is no KEY=VALUE."),
        ("env", "the-secret\nB=2", "env: line 1 is no KEY=VALUE."),
        ("env", "A=1, B=2", "env: the line may be one KEY=VALUE or several."),
        ("env", "A=1 B=x=y", "env: the line may be one KEY=VALUE or several."),
        ("env", "A='1' B=2", "env: the line may be one KEY=VALUE or several."),
    ],
)
def test_what_begins_like_a_form_and_is_none_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(FleetError) as refused:
        meant({name: text}, OPTIONS)
    assert refused.value.message == message and refused.value.hint
    assert "the-secret" not in refused.value.text()


@pytest.mark.parametrize(("answer", "found"), [(None, []), ("", []), (0.5, ["0.5"]), (7, ["7"]), ("--lr 0.1", ["--lr", "0.1"])])
def test_words_of_an_experiment(answer: t.Any, found: list[str]) -> None:
    assert words(answer) == found
