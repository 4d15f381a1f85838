# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the API tests. What is marked C(apiserver) needs the real programs and is deselected, visibly, where they are not built yet."""

from __future__ import annotations

import pathlib
import sys
import tempfile
import typing as t
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from control_plane import CONTROLLER_MANAGER, ControlPlane, find_programs  # noqa: E402

from ansible_collections.studioml.fleet.plugins.module_utils import _quiet  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api  # noqa: E402


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    programs = find_programs()
    needed = [item for item in items if item.get_closest_marker("apiserver") and not (programs and _has_controllers(item, programs))]
    if needed:
        config.hook.pytest_deselected(items=needed)
        items[:] = [item for item in items if item not in needed]


def _has_controllers(item: pytest.Item, programs: dict[str, pathlib.Path]) -> bool:
    return "controllers" not in getattr(item, "fixturenames", ()) or CONTROLLER_MANAGER in programs


@pytest.fixture(scope="session")
def control_plane() -> t.Iterator[ControlPlane]:
    programs = find_programs()
    assert programs, "kube-apiserver and etcd are not built; set KUBEBUILDER_ASSETS to a directory that has them"
    with tempfile.TemporaryDirectory(prefix="fleet-api-") as directory:
        plane = ControlPlane(programs, pathlib.Path(directory))
        try:
            plane.start()
            yield plane
        finally:
            plane.stop()


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> pathlib.Path:
    """A kubeconfig that may do everything."""
    return control_plane.kubeconfig("admin")


@pytest.fixture(scope="session")
def admin(kubeconfig: pathlib.Path) -> t.Iterator[Api]:
    """The tests' own client. It names itself differently, so that it does not count."""
    api = TestApi(load(str(kubeconfig)))
    yield api
    api.close()


class TestApi(Api):
    __test__ = False

    def headers(self, content_type: str = "application/json") -> dict[str, str]:
        return {**super().headers(content_type), "User-Agent": "fleet-tests"}


@pytest.fixture(scope="module")
def unhurried() -> t.Iterator[None]:
    """The last look before a wait is over has as long as it takes here, so that it is known what was seen last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_quiet, "LAST_LOOK", 30.0)
        yield


@pytest.fixture
def patient_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch gives up with the wait that it is for, and then what was awaited counts as out of sight: of an API server that stands still just then, too."""
    limit = Connection.limit
    monkeypatch.setattr(Connection, "limit", lambda connection, seconds: limit(connection, max(30.0, seconds)))


@pytest.fixture
def namespace(admin: Api) -> str:
    """A fresh namespace."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    admin.request("POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name
