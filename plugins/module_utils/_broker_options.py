# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option C(broker) of the modules that work at RabbitMQ."""

from __future__ import annotations

import typing as t

# RabbitMQ's own default of collect_statistics_interval, in seconds. Its management API does not tell it.
STATISTICS_SECONDS = 5.0

# Belongs to the documentation fragment studioml.fleet.broker.
OPTIONS: t.Dict[str, t.Dict[str, t.Any]] = {
    "url": {"type": "str"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "vhost": {"type": "str"},
    "runner_username": {"type": "str"},
    "via": {"type": "str", "choices": ["auto", "direct", "service"], "default": "auto"},
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "statistics_interval": {"type": "float", "default": STATISTICS_SECONDS},
}
