# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the inventory plugin's tests: two real API servers, one of which a test may stop."""

from __future__ import annotations

import pathlib
import sys
import tempfile
import typing as t

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]

from certificates import Authority  # noqa: E402
from control_plane import ControlPlane, find_programs  # noqa: E402
from faults import FaultServer, answer  # noqa: E402
from inventory_runs import Inventory  # noqa: E402
from metrics_server import MetricsServer  # noqa: E402
from two_clusters import BUSY, IDLE, NAMESPACE, Cluster, TwoClusters  # noqa: E402


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needed = [item for item in items if item.get_closest_marker("apiserver") and HERE in item.path.parents]
    if needed and not find_programs():
        config.hook.pytest_deselected(items=needed)
        items[:] = [item for item in items if item not in needed]


@pytest.fixture(scope="session")
def clusters() -> t.Iterator[TwoClusters]:
    programs = find_programs()
    assert programs, "kube-apiserver and etcd are not built; set KUBEBUILDER_ASSETS to a directory that has them"
    with tempfile.TemporaryDirectory(prefix="fleet-inventory-") as name:
        directory = pathlib.Path(name)
        planes = [ControlPlane(programs, directory / one) for one in ("research", "edge")]
        kubelet = FaultServer(directory, Authority("kubelet").server(["127.0.0.1"]))
        kubelet.behaviours = [answer(b"2026-01-20T10:00:00.000000001Z ERR runner nothing\n")]
        try:
            for plane in planes:
                plane.directory.mkdir()
                plane.start()
            with MetricsServer(BUSY) as busy, MetricsServer(IDLE) as idle:
                made = TwoClusters(Cluster(planes[0]), Cluster(planes[1]), directory)
                made.set_up(kubelet, busy, idle)
                yield made
        finally:
            kubelet.stop()
            for plane in planes:
                plane.stop()


@pytest.fixture
def inventory(clusters: TwoClusters, tmp_path: pathlib.Path) -> Inventory:
    """Both clusters, in the namespace of their runners."""
    return Inventory(tmp_path, kubeconfig=str(clusters.kubeconfig), namespace=NAMESPACE)
