"""The built artifact: what Galaxy would check, what must and must not be in it, and that two builds are equal."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
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


def test_a_second_build_has_the_same_content(artifact: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def contents(path: pathlib.Path) -> dict[str, str]:
        with tarfile.open(path) as archive:
            files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
            return {name: hashlib.sha256(file.read()).hexdigest() for name, file in files.items() if file}

    source = sanity.copy_collection(tmp_path)
    subprocess.run([BIN / "ansible-galaxy", "collection", "build", "--output-path", tmp_path, source], check=True, capture_output=True)
    assert contents(next(tmp_path.glob("*.tar.gz"))) == contents(artifact)


def test_galaxy_importer_accepts_it(artifact: pathlib.Path, tmp_path: pathlib.Path) -> None:
    copy = shutil.copy(artifact, tmp_path)
    command = [sys.executable, "-m", "galaxy_importer.main", copy]
    outcome = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": SEARCH}, capture_output=True, text=True, check=False)
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode == 0 and "Importer processing completed successfully" in said, said[-6000:]
    assert "ERROR" not in said, said[-6000:]


def test_dependencies_are_named_alike_everywhere() -> None:
    galaxy = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]
    listed = yaml.safe_load((CLONE / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert {entry["name"]: entry["version"] for entry in listed} == galaxy


def test_action_group_lists_the_modules_that_take_a_kubeconfig() -> None:
    group = yaml.safe_load((CLONE / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["fleet"]
    with_kubeconfig = {path.stem for path in (CLONE / "plugins" / "modules").glob("*.py") if "studioml.fleet.kubernetes" in path.read_text(encoding="utf-8")}
    assert {name.rsplit(".", 1)[1] for name in group} == with_kubeconfig
