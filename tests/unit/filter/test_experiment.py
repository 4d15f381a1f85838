"""mrunner's contexts, resources and names in our form, and grids."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.filter.experiment_context import (
    experiment_context,
    experiment_name,
    experiment_namespace,
    experiment_resources,
    experiment_words,
)
from ansible_collections.studioml.fleet.plugins.filter.grid import grid, grid_jobs

DOCUMENTED = {"name": "gpu", "type": "kubernetes", "storage": "/storage", "registry_url": "https://hub:5000", "resources": {"mem": "8G"}, "neptune": False}
REAL = {
    "context_name": "gpu",
    "backend_type": "kubernetes",
    "storage_dir": "/storage",
    "registry_url": "https://hub:5000",
    "resources": "mem=8G",
    "neptune": False,
}


def test_both_spellings_are_the_same_context() -> None:
    made = experiment_context(DOCUMENTED)
    assert made == experiment_context(REAL)
    assert made["storage_dir"] == "/storage" and made["resources"] == {"memory": "8Gi"} and made["default_pvc_size"] == "40Gi"


def test_a_mix_of_both_that_agrees_passes() -> None:
    assert experiment_context({**DOCUMENTED, **REAL}) == experiment_context(REAL)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"contexts": {"cpu": {**REAL, "context_name": "cpu"}, "gpu": REAL}, "current_context": "gpu"}, ""),
        ({"contexts": {"cpu": {**REAL, "context_name": "cpu"}, "gpu": REAL}, "current_context": "cpu"}, "gpu"),
        ({"contexts": {"gpu": REAL}}, ""),
        ({"gpu": {key: value for key, value in DOCUMENTED.items() if key != "name"}}, "gpu"),
        ({key: value for key, value in REAL.items() if key != "context_name"}, "gpu"),
    ],
)
def test_a_context_is_chosen(given: dict[str, t.Any], name: str) -> None:
    assert experiment_context(given, name)["name"] == "gpu"


@pytest.mark.parametrize(
    ("given", "name", "words"),
    [
        ({}, "", "nothing is given"),
        ("gpu", "", "nothing is given"),
        ({**REAL, "storage_dri": "/x"}, "", "'storage_dri' is not known. Did you mean storage_dir"),
        ({**REAL, "storage": "/other"}, "", r"storage and storage_dir mean the same and differ \('/other', '/storage'\)"),
        ({**REAL, "backend_type": "slurm"}, "", "'slurm' is none that runs here"),
        ({**REAL, "storage_dir": ""}, "", "storage_dir is ''"),
        ({**REAL, "storage_dir": "storage"}, "", "no absolute path"),
        ({"contexts": {"a": REAL, "b": REAL}}, "", "none is named. There are: a, b"),
        ({"contexts": {"a": REAL}}, "b", "'b' is not there. There are: a"),
        (REAL, "cpu", "'cpu' is asked for, and the only one is 'gpu'"),
        ({**REAL, "default_pvc_size": "much"}, "", "default_pvc_size: 'much' is no size"),
    ],
)
def test_a_wrong_context_is_refused(given: t.Any, name: str, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        experiment_context(given, name)


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({}, {}),
        ("", {}),
        (None, {}),
        ("mem=2G cpu=4", {"memory": "2Gi", "cpu": "4"}),
        ("mem=2G,gpu=1", {"memory": "2Gi", "nvidia.com/gpu": "1"}),
        ({"cpu": 0.5, "mem": "512M", "tpu": 8}, {"cpu": "0.5", "memory": "512Mi", "cloud-tpus.google.com/v2": "8"}),
        ({"mem": "2Gi"}, {"memory": "2Gi"}),
    ],
)
def test_resources_are_limits(given: t.Any, limits: dict[str, str]) -> None:
    assert experiment_resources(given) == limits


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"memory": "2G"}, "'memory' is not known. Known are cpu, mem, gpu, tpu"),
        ({"mem": 2000}, "mem: 2000 is no size. Write a number and its unit"),
        ({"gpu": "one"}, "gpu: 'one' is no amount"),
        ({"gpu": "1.5"}, "gpu: '1.5' is no amount"),
        ("cpu", "cpu: '' is no amount"),
        ([], "neither a map nor text"),
    ],
)
def test_wrong_resources_are_refused(given: t.Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        experiment_resources(given)


@pytest.mark.parametrize(
    ("project", "namespace"), [("", "sandbox"), (None, "sandbox"), ("My_Project, v2.1", "my-project-v2-1"), ("a--b", "a-b"), ("a._ -b", "a-b")]
)
def test_namespaces(project: t.Any, namespace: str) -> None:
    assert experiment_namespace(project) == namespace


@pytest.mark.parametrize("project", ["_x", "a" * 64, "a/b", "ä"])
def test_a_project_that_makes_no_namespace(project: str) -> None:
    with pytest.raises(AnsibleFilterError, match="experiment project: .* is not a valid name"):
        experiment_namespace(project)


def test_a_name_tells_what_is_run() -> None:
    assert experiment_name("My Experiment_No.1: fast") == "my-experiment-no"
    one, same, other = (experiment_name("train.py", {"image": image, "b": 1}) for image in ("a:1", "a:1", "a:2"))
    assert one == same != other and one.startswith("train-py-") and len(one) == 15
    with pytest.raises(AnsibleFilterError, match="nothing is left"):
        experiment_name("???")


def test_a_grid_is_every_combination() -> None:
    assert grid({"lr": [0.1, 0.01], "seed": [1, 2], "net": "wide"}) == [
        {"lr": 0.1, "seed": 1, "net": "wide"},
        {"lr": 0.1, "seed": 2, "net": "wide"},
        {"lr": 0.01, "seed": 1, "net": "wide"},
        {"lr": 0.01, "seed": 2, "net": "wide"},
    ]
    assert grid([{"lr": 1}, {"lr": 2, "x": 3}]) == [{"lr": 1}, {"lr": 2, "x": 3}]
    assert grid({}) == grid([]) == []
    assert len(grid({"a": list(range(100)), "b": list(range(100))})) == 10000


@pytest.mark.parametrize(
    ("given", "words"),
    [("x", "needs a map of lists"), ([1], "holds maps"), ({"a": []}, "a has no value"), ({"a": list(range(101)), "b": list(range(100))}, "10100 combinations")],
)
def test_a_wrong_grid_is_refused(given: t.Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        grid(given)


def test_a_grid_as_jobs() -> None:
    first, second = grid_jobs(grid({"lr": [0.1, 0.01], "fast": True}), before=["run", 3])
    assert first["args"] == ["run", "3", "--lr", "0.1", "--fast", "true"]
    assert first["name"].startswith("lr-0-1-fast-true-") and first["name"] != second["name"]
    (by_env,) = grid_jobs([{"LR": 0.1}], "env")
    assert by_env["env"] == {"LR": "0.1"} and "args" not in by_env


def test_a_job_keeps_its_name_when_the_grid_grows() -> None:
    small, large = ({one["name"] for one in grid_jobs(grid({"lr": rates, "seed": [1]}))} for rates in ([0.1], [0.5, 0.1, 0.01]))
    assert small < large


def test_entries_of_gpu_job_pass() -> None:
    given = [{"name": "a", "args": ["--x", "1"]}, {"env": {"A": "1"}}, {"args": ["--y"]}]
    made = grid_jobs(given, before=["b"])
    assert made[0] == {"name": "a", "args": ["b", "--x", "1"]}
    assert made[1]["env"] == {"A": "1"} and made[1]["args"] == ["b"] and len({one["name"] for one in made}) == 3


@pytest.mark.parametrize(
    ("given", "how", "words"),
    [
        ([{"a": 1}, {"a": 1}], "args", "is in the grid twice"),
        ([{"a": [1]}], "args", "the value of a is not a single value"),
        ([{"a": None}], "env", "the value of a is empty"),
        ([{"a": 1}], "files", "'files' is no way"),
        ([1], "args", "entry 0 is no map"),
    ],
)
def test_wrong_jobs_are_refused(given: t.Any, how: str, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        grid_jobs(given, how)


def test_words() -> None:
    assert experiment_words("--lr 0.1 --name 'a b'") == ["--lr", "0.1", "--name", "a b"]
    assert experiment_words(["--lr", 0.1, True]) == ["--lr", "0.1", "true"] and experiment_words("") == []
    for wrong in ("a 'b", True, {"a": 1}, [["a"]], [None]):
        with pytest.raises(AnsibleFilterError, match="experiment words"):
            experiment_words(wrong)
