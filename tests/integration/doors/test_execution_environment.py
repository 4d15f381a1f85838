# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the image would be made of, as ansible-builder reads it, and ansible-navigator's settings. The image itself: tests/tools/execution_environment.py."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess

import door_programs
import pytest
import yaml

pytestmark = pytest.mark.slow
CLONE = door_programs.CLONE
NEEDED = {"jmespath>=1.0.0", "kubernetes>=29.0.0"}


@pytest.fixture(scope="module")
def context(programs: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What the engine that builds the image would be given."""
    place = tmp_path_factory.mktemp("context")
    create = [programs / "ansible-builder", "create", "--file", CLONE / "execution-environment.yml", "--context", place]
    door_programs.run([*create, "--output-filename", "Containerfile"])
    return place


def test_what_the_collection_needs_and_no_test_of_it(programs: pathlib.Path, collections: pathlib.Path) -> None:
    found = yaml.safe_load(door_programs.run([programs / "ansible-builder", "introspect", "--sanitize", collections]))
    assert {line.partition("#")[0].strip() for line in found["python"]} == NEEDED
    assert {line.partition("#")[0].strip() for line in found["system"]} == {"openssh-client [platform:dpkg]", "openssh-clients [platform:rpm]"}
    assert all("from collection studioml.fleet" in line for line in [*found["python"], *found["system"]])


def test_the_optional_packages_of_a_controller_are_those_of_the_image() -> None:
    words = (CLONE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in words if line and not line.startswith(("#", "ansible-core"))} == NEEDED


def test_the_image_gets_the_collection_of_this_clone(context: pathlib.Path) -> None:
    given = context / "_build" / "collection"
    assert {path.name for path in given.iterdir()} == {"galaxy.yml", "README.md", "LICENSE", "requirements.yml", "meta", "playbooks", "plugins", "roles"}
    for name in ("meta/runtime.yml", "playbooks/drain.yml", "plugins/modules/runner_state.py"):
        assert (given / name).read_bytes() == (CLONE / name).read_bytes()
    assert yaml.safe_load((context / "_build/requirements.yml").read_text(encoding="utf-8")) == {"collections": [{"name": "collection", "type": "dir"}]}
    steps = (context / "Containerfile").read_text(encoding="utf-8")
    assert 'ARG EE_BASE_IMAGE="debian:13-slim"' in steps and 'ARG PKGMGR="/usr/bin/apt-get"' in steps
    assert re.search(r'ARG ANSIBLE_INSTALL_REFS="ansible-core>=2\.19\.0 ansible-runner>=2\.4\.0"', steps)


def test_what_the_image_is_given_installs_as_a_collection(context: pathlib.Path, tmp_path: pathlib.Path) -> None:
    command = [door_programs.BIN / "ansible-galaxy", "collection", "install", "-r", "requirements.yml", "--collections-path", tmp_path]
    door_programs.run(command, context / "_build")
    assert (tmp_path / "ansible_collections/studioml/fleet/plugins/modules/runner_state.py").exists()


def test_versions_are_named_alike() -> None:
    """The image is called after the collection's version."""
    version = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    settings = yaml.safe_load((CLONE / "ansible-navigator.yml").read_text(encoding="utf-8"))["ansible-navigator"]
    assert settings["execution-environment"]["image"] == f"studioml-fleet-ee:{version}"
    assert f"--tag studioml-fleet-ee:{version}" in (CLONE / "execution-environment.yml").read_text(encoding="utf-8")


def test_navigator_reads_its_settings(programs: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shown = navigator(programs, tmp_path, "settings", "--effective", "--execution-environment", "false")
    effective = yaml.safe_load(shown)["ansible-navigator"]
    assert effective["mode"] == "stdout" and effective["playbook-artifact"]["enable"] is False
    image = effective["execution-environment"]
    assert image["image"].startswith("studioml-fleet-ee:") and image["pull"]["policy"] == "missing"
    assert "K8S_AUTH_KUBECONFIG" in image["environment-variables"]["pass"]


def test_navigator_runs_a_playbook_with_them(programs: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Without an image: an engine that could pull one is not here."""
    inventory = tmp_path / "hosts.json"
    hosts = {"research": {"ansible_connection": "local", "fleet_kubeconfig": "/nowhere/kubeconfig.yaml"}}
    inventory.write_text(json.dumps({"clusters": {"hosts": hosts}, "runner_hosts": {}}), encoding="utf-8")
    shown = navigator(programs, tmp_path, "run", "playbooks/status.yml", "-i", str(inventory), "--execution-environment", "false")
    assert re.search(r"research +- +- +- +unreachable", shown), shown
    assert not list(CLONE.glob("status-artifact-*.json")) and not (CLONE / "ansible-navigator.log").exists()


def navigator(programs: pathlib.Path, home: pathlib.Path, *words: str) -> str:
    """From the clone's root, as somebody there would call it."""
    search = os.pathsep.join(map(str, (door_programs.BIN, programs, os.defpath)))
    settings = {"PATH": search, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run([programs / "ansible-navigator", *words], cwd=CLONE, env=settings, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
