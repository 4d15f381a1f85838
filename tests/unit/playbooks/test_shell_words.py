"""What job.yml and build.yml hand to sh -c: the text as it was written, also where YAML takes it for something else."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

CLONE = pathlib.Path(__file__).resolve().parents[3]
OMITTED = "nothing is given"


def command(playbook: str, variables: dict[str, t.Any]) -> t.Any:
    """The option command of the playbook's task, made from its expressions."""
    (play,) = yaml.safe_load((CLONE / f"playbooks/{playbook}.yml").read_text(encoding="utf-8"))
    (task,) = [task for task in play["tasks"] if f"__{playbook}_shell" in task.get("vars", {})]
    made = {name: trust_as_template(value) for name, value in task["vars"].items() if isinstance(value, str)}
    module = "studioml.fleet.gpu_job" if playbook == "job" else "studioml.fleet.build_workload"
    templar = Templar(DataLoader(), variables={**made, **variables, "omit": OMITTED})
    return templar.template(trust_as_template(task[module]["command"]))


@pytest.mark.parametrize("playbook", ["job", "build"])
@pytest.mark.parametrize(
    ("given", "text"),
    [(True, "true"), (False, "false"), (7, "7"), ("nvidia-smi -L", "nvidia-smi -L"), ("[ -e /x ] && y", "[ -e /x ] && y"), ("{ a; }", "{ a; }")],
)
def test_a_word_stays_that_word(playbook: str, given: t.Any, text: str) -> None:
    assert command(playbook, {f"{playbook}_shell": given}) == ["sh", "-c", text]


@pytest.mark.parametrize("playbook", ["job", "build"])
@pytest.mark.parametrize("variables", [{}, {"shell": None}, {"shell": ""}, {"command": ""}])
def test_nothing_leaves_the_entry_point(playbook: str, variables: dict[str, t.Any]) -> None:
    assert command(playbook, {f"{playbook}_{name}": value for name, value in variables.items()}) == OMITTED


@pytest.mark.parametrize("playbook", ["job", "build"])
def test_words_win(playbook: str) -> None:
    assert command(playbook, {f"{playbook}_command": ["a", "b"], f"{playbook}_shell": True}) == ["a", "b"]
