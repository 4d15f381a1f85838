# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the fault matrix: a real API server with its controllers, a real RabbitMQ, a proxy before each, and the matrix as a report."""

from __future__ import annotations

import pathlib
import sys
import typing as t
import uuid

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "broker")]

import hands  # noqa: E402
from certificates import Authority  # noqa: E402
from control_plane import CONTROLLER_MANAGER, ControlPlane  # noqa: E402
from faults import FaultServer, answer  # noqa: E402
from matrix import observed, table  # noqa: E402
from place import Site  # noqa: E402
from rabbitmq import RabbitMQ, find_source, unpacked  # noqa: E402
from stand_ins import Kubelet, Work  # noqa: E402
from tenant import STATISTICS, Tenant  # noqa: E402

from ansible_collections.studioml.fleet.plugins.module_utils import _back, _quiet, _rest, _watch  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api  # noqa: E402

ENDS: list[t.Callable[[], None]] = []
LOG = b"2026-01-20T10:00:00.000000001Z INF runner k8s state is Runningstack[cluster.go:93]\n"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needed = [item for item in items if item.get_closest_marker("rabbitmq") and HERE in item.path.parents]
    if needed and find_source() is None:
        config.hook.pytest_deselected(items=needed)
        items[:] = [item for item in items if item not in needed]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if observed:
        terminalreporter.section("faults and what came of them")
        terminalreporter.write_line(table(observed))


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RabbitMQ]:
    source = find_source()
    assert source
    programs = unpacked(source, tmp_path_factory.mktemp("rabbitmq") / "programs")
    server = RabbitMQ(programs, tmp_path_factory.mktemp("broker"), collect_statistics_interval=str(STATISTICS * 1000))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """The controllers are for these tests alone, and start once for all of them."""
    if nextitem is None or HERE not in nextitem.path.parents:
        while ENDS:
            ENDS.pop()()


@pytest.fixture(scope="session")
def ground(control_plane: ControlPlane, admin: Api, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """What all modules share."""
    control_plane.start_controllers()
    log = FaultServer(tmp_path_factory.mktemp("kubelet"), Authority("kubelet").server(["127.0.0.1"]))
    log.behaviours = [answer(LOG)]
    name = f"n-{uuid.uuid4().hex[:8]}"
    hands.node(admin, name, log)
    work, kubelet = Work(), Kubelet(admin, name)
    tenant = Tenant(rabbitmq, f"faults {uuid.uuid4().hex[:8]}")
    made = Site(control_plane, admin, tenant, work, name)

    def end() -> None:
        for place in made.places:
            admin.request("DELETE", f"/api/v1/namespaces/{place.namespace}")
        control_plane.stop_program(CONTROLLER_MANAGER)
        kubelet.stop()
        work.stop()
        log.stop()
        admin.request("DELETE", f"/api/v1/nodes/{name}")

    ENDS.append(end)
    return made


@pytest.fixture(scope="module")
def site(ground: Site) -> t.Iterator[Site]:
    """A module's own places."""
    yield ground
    ground.stop()


@pytest.fixture(scope="module", autouse=True)
def short_times() -> t.Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rest, "PAUSE", 0.01)
        patch.setattr(_quiet, "BLIND", 15.0)
        patch.setattr(_watch, "SILENT_SECONDS", 4.0)
        patch.setattr(_back, "INTERVAL", 0.3)
        yield
