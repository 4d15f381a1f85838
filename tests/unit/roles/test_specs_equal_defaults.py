"""A role's argument specs say the same as its defaults, and its tasks use no public variable that neither knows."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml

ROLES = sorted(path for path in (pathlib.Path(__file__).resolve().parents[3] / "roles").iterdir() if path.is_dir())
SHAPE = ["README.md", "defaults/main.yml", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml", "tasks/preflight.yml"]

# What a role registers for the plays after it, and keys of results; everything else public is an argument.
RESULTS = {"docker_found", "experiment_found", "submission_found", "gpu_found", "runner_found", "gpu_allocatable"}


def read(path: pathlib.Path) -> t.Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(params=ROLES, ids=lambda path: path.name)
def role(request: pytest.FixtureRequest) -> pathlib.Path:
    return t.cast(pathlib.Path, request.param)


def test_main_specs_equal_defaults(role: pathlib.Path) -> None:
    specs = read(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    optional = {name: option["default"] for name, option in specs.items() if not option.get("required")}
    assert optional == read(role / "defaults/main.yml")


def test_other_entry_points_agree_with_main(role: pathlib.Path) -> None:
    entries = read(role / "meta/argument_specs.yml")["argument_specs"]
    for name, entry in entries.items():
        assert (role / f"tasks/{name}.yml").is_file(), f"no tasks for the entry point {name}"
        for option, spec in entry["options"].items():
            assert spec["default"] == entries["main"]["options"][option]["default"], f"{name}: {option}"


def test_every_role_has_the_same_shape(role: pathlib.Path) -> None:
    assert not [name for name in SHAPE if not (role / name).is_file()]


def test_public_variables_begin_with_the_role(role: pathlib.Path) -> None:
    assert not [name for name in read(role / "defaults/main.yml") if not name.startswith(f"{role.name}_")]


def test_tasks_use_only_known_variables(role: pathlib.Path) -> None:
    known = set(read(role / "defaults/main.yml")) | RESULTS
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((role / "tasks").glob("*.yml")))
    used = set(re.findall(rf"(?<![\w.-]){role.name}_\w+", text))
    assert not {name for name in used if name not in known and not name.startswith("__")}


def test_every_default_is_used(role: pathlib.Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for folder in ("tasks", "vars") for path in sorted((role / folder).glob("*.yml")))
    assert not [name for name in read(role / "defaults/main.yml") if not re.search(rf"\b{name}\b", text)]
