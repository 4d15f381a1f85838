# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner's metrics: sums, absent series, escapes, and what is no metrics at all."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _metrics
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

BUSY = """\
# HELP runner_project_running Number of experiments being actively worked on per queue.
# TYPE runner_project_running gauge
runner_project_running{experiment="e1",host="h",project="p",queue_name="amqp://hub:5672/%2f%2F?rmq_cpu_test",queue_type="rmq"} 1
runner_project_running{experiment="e2",host="h",project="p",queue_name="amqp://hub:5672/%2f%2F?rmq_cpu_test",queue_type="rmq"} 2 1700000000000
runner_project_running{experiment="e0",host="h",project="p",queue_name="amqp://hub:5672/%2f%2F?rmq_cpu_test",queue_type="rmq"} 0
runner_project_completed{experiment="e0",host="h",project="p",queue_name="q",queue_type="rmq"} 1e+01
runner_queue_checked{host="h",queue_name="amqp://hub:5672",queue_type="rabbitMQ"} 7
runner_queue_ignored{host="h",queue_name="*",queue_type="rabbitMQ"} 2
runner_queue_ignored{host="h",queue_name="x",queue_type="rabbitMQ"} 3
go_gc_duration_seconds{quantile="0"} NaN
process_open_fds 12
"""


def test_sums_over_all_series() -> None:
    found = _metrics.parse(BUSY)
    assert (found.running, found.completed, found.checked, found.ignored) == (3, 10, 7, 5)
    assert found.experiments == [{"project": "p", "experiment": name, "queue": "rmq_cpu_test"} for name in ("e1", "e2")]


@pytest.mark.parametrize("text", ["", "\n", "# HELP nothing\n", "other 1\n"])
def test_an_absent_series_is_zero(text: str) -> None:
    assert _metrics.parse(text) == _metrics.Metrics(0, [], 0, 0, 0)


def test_labels_may_hold_anything() -> None:
    text = 'runner_project_running{project="a, b=\\"}{\\\\",experiment="two\\nlines",queue_name="amqp://user:geheim@hub/%2f",} 1\n'
    (experiment,) = _metrics.parse(text).experiments
    assert experiment == {"project": 'a, b="}{\\', "experiment": "two\nlines", "queue": "hub/%2f"}


def test_a_series_below_zero_hides_no_experiment() -> None:
    assert _metrics.parse('runner_project_running{project="a"} -1\nrunner_project_running{project="b"} 1\n').running == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html>sign in</html>\n", "no metric: '<html>sign in</html>'"),
        ("runner_project_running many\n", "no number"),
        ("runner_project_running NaN\n", "runner_project_running is nan"),
        ("runner_project_running +Inf\n", "runner_project_running is inf"),
        ('runner_project_running{project="a} 1\n', "no label"),
        ("runner_project_running 1\nrunner_queue_che", "the last line is cut off"),
    ],
)
def test_what_is_no_metrics_is_no_zero(text: str, why: str) -> None:
    with pytest.raises(FleetError, match=why) as caught:
        _metrics.parse(text)
    assert "Which program listens at that port?" in caught.value.hint


@pytest.mark.parametrize(
    ("address", "port"), [(None, 9090), (":9191", 9191), ("0.0.0.0:80", 80), ("[::]:8080", 8080), ("", 9090), ("odd", 9090), (":99999", 9090)]
)
def test_the_port_is_the_runners_own_setting(address: str | None, port: int) -> None:
    env = [{"name": "PROM_ADDRESS", "value": address}] if address is not None else []
    assert _metrics.port_of({"spec": {"containers": [{"env": env}]}}, {}) == port
