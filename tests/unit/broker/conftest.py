# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures of the broker's tests. What is marked C(rabbitmq) needs the real one and is deselected, visibly, where it is not to be had."""

from __future__ import annotations

import pathlib
import sys
import typing as t
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from rabbitmq import ADMINISTRATOR, RabbitMQ, find_source, unpacked  # noqa: E402
from tenant import COLLECTED, QUICK, STATISTICS, Tenant  # noqa: E402

from ansible_collections.studioml.fleet.plugins.module_utils import _held  # noqa: E402
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker  # noqa: E402


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needed = [item for item in items if item.get_closest_marker("rabbitmq")]
    if needed and find_source() is None:
        config.hook.pytest_deselected(items=needed)
        items[:] = [item for item in items if item not in needed]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    source = find_source()
    assert source, "no RabbitMQ: run `python3 tests/sandbox/sandbox.py build`, or install rabbitmq-server"
    return unpacked(source, tmp_path_factory.mktemp("rabbitmq") / "programs")


@pytest.fixture(scope="session")
def rabbitmq(programs: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[RabbitMQ]:
    server = RabbitMQ(programs, tmp_path_factory.mktemp("broker"), **QUICK)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", autouse=True)
def quick_statistics() -> t.Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_held, "COLLECTED_SECONDS", COLLECTED)
        yield


@pytest.fixture
def broker(rabbitmq: RabbitMQ) -> t.Iterator[Broker]:
    """As the administrator."""
    made = Broker(rabbitmq.url, ADMINISTRATOR, rabbitmq.password, amqp=f"127.0.0.1:{rabbitmq.amqp_port}")
    made.statistics_seconds = STATISTICS
    yield made
    made.close()


@pytest.fixture
def tenant(rabbitmq: RabbitMQ) -> t.Iterator[Tenant]:
    """A virtual host, a queue and users of a test's own. Its name has every character that must be encoded in a path."""
    made = Tenant(rabbitmq, f"a b/c?d#ä%{uuid.uuid4().hex[:8]}")
    yield made
    made.remove()
