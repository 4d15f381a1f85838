# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real ansible-rulebook and a real Alertmanager on a real API server. Java and Alertmanager come from Debian's packages where they are missing; where that
is impossible these tests are deselected, visibly."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile
import typing as t

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "unit" / "api"), str(HERE.parents[1] / "tools")]

import monitoring as monitoring_programs  # noqa: E402
from control_plane import ControlPlane, find_programs, free_ports  # noqa: E402
from fleet import IDLE, Host, inventory  # noqa: E402
from metrics_server import MetricsServer  # noqa: E402
from rulebook import JAVA, Rulebook, java_version, rulebook_environment  # noqa: E402

from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api  # noqa: E402


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if HERE in item.path.parents]
    may_install = os.geteuid() == 0 and shutil.which("apt-get")
    left_out = []
    if mine and not may_install:
        there = {"start": java_version() >= JAVA, "monitoring": not monitoring_programs.missing()}
        left_out = [item for item in mine if not all(there.get(name, True) for name in getattr(item, "fixturenames", ()))]
    if not find_programs():
        left_out = mine
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def events_environment() -> pathlib.Path:
    """A Python environment with ansible-rulebook, and Java for its rules."""
    return rulebook_environment()


@pytest.fixture(scope="session")
def monitoring() -> dict[str, pathlib.Path]:
    """Alertmanager and the tools of Prometheus, by the name of the program."""
    return monitoring_programs.programs()


@pytest.fixture(scope="session")
def events_plane() -> t.Iterator[ControlPlane]:
    with tempfile.TemporaryDirectory(prefix="fleet-events-") as directory:
        plane = ControlPlane(find_programs(), pathlib.Path(directory))
        try:
            plane.start()
            yield plane
        finally:
            plane.stop()


@pytest.fixture(scope="session")
def make_host(events_plane: ControlPlane) -> t.Iterator[t.Callable[[str], Host]]:
    """Makes hosts; all are removed with the session."""
    kubeconfig, made = events_plane.kubeconfig("admin"), []
    api = Api(load(str(kubeconfig)))
    with MetricsServer(IDLE) as metrics:

        def make(name: str) -> Host:
            made.append(Host(api, kubeconfig, name, metrics))
            return made[-1]

        yield make
        for host in made:
            host.remove()
    api.close()


@pytest.fixture(scope="module")
def start(events_environment: pathlib.Path) -> t.Iterator[t.Callable[..., Rulebook]]:
    """Starts the rulebook for some hosts; all are stopped with the module, and leave nothing in the folder for temporary files."""
    started: list[Rulebook] = []
    folders: list[tempfile.TemporaryDirectory[str]] = []

    def begin(hosts: t.Iterable[Host], token: bool = True, **variables: t.Any) -> Rulebook:
        folders.append(tempfile.TemporaryDirectory(prefix="fleet-events-"))
        folder = pathlib.Path(folders[-1].name)
        inventory(folder, hosts, **variables)
        started.append(Rulebook(events_environment, folder, free_ports(1)[0], token))
        return started[-1].__enter__()

    yield begin
    for rulebook in started:
        rulebook.__exit__()
    for place in folders:
        place.cleanup()
