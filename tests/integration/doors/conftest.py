# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository as a project of AWX, which does not lie under ansible_collections, and a sandbox with one runner host."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
from instance import brought_up

HERE = pathlib.Path(__file__).parent
for folder in (HERE, HERE.parent / "site", HERE.parents[1] / "tools"):
    sys.path.insert(0, str(folder))

import door_programs  # noqa: E402
import sanity  # noqa: E402
from awx_jobs import Controller, Result  # noqa: E402
from site_runs import Site  # noqa: E402


@pytest.fixture(scope="session")
def programs() -> pathlib.Path:
    """Where ansible-runner and the others are."""
    return door_programs.place()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A git repository with this clone's files, as they are now."""
    made = sanity.copy_collection(tmp_path_factory.mktemp("repository"))
    door_programs.git(made, "commit", "--quiet", "-m", "as it is")
    return made


@pytest.fixture(scope="session")
def project(repository: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The project as AWX clones it: at a path that says nothing of collections."""
    place = tmp_path_factory.mktemp("projects") / "_8__fleet"
    door_programs.git(place.parent, "clone", "--quiet", str(repository), place.name)
    assert "ansible_collections" not in str(place)
    return place


@pytest.fixture(scope="session")
def collections(project: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What AWX installs when it synchronises the project, by the two files that it looks for, each from the project's folder."""
    stage = tmp_path_factory.mktemp("stage") / "requirements_collections"
    door_programs.install(project, stage)
    return stage


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    """Bare hosts. FLEET_DOORS_SANDBOX names an instance that is there already and stays."""
    with brought_up("doors", "hub", "gpu1", make=lambda instance: Site(instance, tmp_path_factory.mktemp("site"))) as site:
        yield site


@pytest.fixture(scope="session")
def known(site: Site) -> Result:
    """The sandbox's inventory as an inventory source would have brought it into AWX: groups, variables, nothing of this machine's ssh settings."""
    command = [door_programs.BIN / "ansible-inventory", "-i", door_programs.CLONE / "inventory/sandbox", "--list", "--export"]
    found: Result = json.loads(subprocess.run(command, env=site.environment, cwd=door_programs.CLONE, stdout=subprocess.PIPE, check=True).stdout)
    shared = found["all"].setdefault("vars", {})
    shared.pop("ansible_ssh_private_key_file")
    shared["ansible_ssh_common_args"] = "-F none -o UserKnownHostsFile=/dev/null"
    for number, variables in enumerate(found["_meta"]["hostvars"].values(), 1):
        variables.update(remote_tower_id=number, remote_tower_enabled="true")
    return found


@pytest.fixture(scope="session")
def key(site: Site) -> str:
    """The machine credential."""
    return pathlib.Path(site.variables("gpu1")["ansible_ssh_private_key_file"]).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def bare(programs: pathlib.Path, project: pathlib.Path, collections: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """AWX with the project, and nothing that it could reach."""
    return Controller(programs, tmp_path_factory.mktemp("j"), project, collections, {"_meta": {"hostvars": {}}})
