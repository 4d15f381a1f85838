"""The built artifact: what must and must not be in it. What Galaxy would check, and that two builds are equal, is in test_release.py."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tarfile

import pytest
import yaml

CLONE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import sanity  # noqa: E402

BIN = pathlib.Path(sys.executable).parent
SEARCH = f"{BIN}{os.pathsep}{os.environ['PATH']}"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The collection built from a clean copy, as a release would be."""
    place = tmp_path_factory.mktemp("artifact")
    source = sanity.copy_collection(place)
    subprocess.run([BIN / "ansible-galaxy", "collection", "build", "--output-path", place, source], check=True, capture_output=True)
    return next(place.glob("studioml-fleet-*.tar.gz"))


def test_only_what_is_needed_at_run_time_is_in_it(artifact: pathlib.Path) -> None:
    with tarfile.open(artifact) as archive:
        top = {name.split("/")[0] for name in archive.getnames()}
    assert {"meta", "plugins", "roles", "playbooks", "README.md", "LICENSE", "MANIFEST.json", "FILES.json"} <= top
    assert not top & {"tests", "molecule", ".build", ".git", "inventory", "Makefile"}


def test_dependencies_are_named_alike_everywhere() -> None:
    galaxy = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]
    listed = yaml.safe_load((CLONE / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert {entry["name"]: entry["version"] for entry in listed} == galaxy


def test_action_group_lists_the_modules_that_take_a_kubeconfig() -> None:
    group = yaml.safe_load((CLONE / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["fleet"]
    with_kubeconfig = {path.stem for path in (CLONE / "plugins" / "modules").glob("*.py") if "studioml.fleet.kubernetes" in path.read_text(encoding="utf-8")}
    assert {name.rsplit(".", 1)[1] for name in group} == with_kubeconfig
