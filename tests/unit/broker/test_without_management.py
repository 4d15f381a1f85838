# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A RabbitMQ that runs without its management plug-in, and then not at all."""

from __future__ import annotations

import pathlib

import pytest
from rabbitmq import RabbitMQ

from ansible_collections.studioml.fleet.plugins.module_utils import _rest
from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


@pytest.mark.rabbitmq
def test_without_management_and_without_rabbitmq(programs: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rest, "PAUSE", 0.01)
    server = RabbitMQ(programs, tmp_path)
    broker = Broker(server.url, "administrator", server.password, request_timeout=30, amqp=f"127.0.0.1:{server.amqp_port}")
    try:
        server.start(management=False)
        with pytest.raises(FleetError, match="connection refused, while RabbitMQ itself answers. Its management plug-in must be on .rabbitmq-plugins enable"):
            broker.whoami()
    finally:
        server.stop()
    with pytest.raises(FleetError, match="connection refused. Check that RabbitMQ runs"):
        broker.whoami()
