# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a runner says about its own work: its Prometheus metrics, read through the API server's pod proxy."""

from __future__ import annotations

import math
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import RETRIED_STATUS, ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, runner_container

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

PORT = 9090
RUNNING, COMPLETED = "runner_project_running", "runner_project_completed"
CHECKED, IGNORED = "runner_queue_checked", "runner_queue_ignored"

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*(\S+)(?:\s+-?\d+)?")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")


class Mute(ApiError):
    """Nobody listens at the port: the runner starts, has ended, or is of a version without metrics."""


class Metrics(t.NamedTuple):
    """Sums over all series of a runner. An idle runner has no series at all, so one that is absent counts as 0."""

    running: int
    experiments: list[dict[str, str]]
    checked: float
    ignored: float
    completed: float


def of_pod(api: Api, namespace: str, pod: str, port: int = PORT) -> Metrics:
    """The metrics of one pod; FleetError when they cannot be had, for then nobody knows whether it is busy."""
    where = f"Pod {pod} in namespace {namespace}"
    try:
        text = api.text(f"{path('Pod', namespace, pod)}:{port}/proxy/metrics", namespace=namespace)
    except ApiError as error:
        if error.status in RETRIED_STATUS:
            kind = Mute if "connection refused" in error.message else ApiError
            raise kind(
                f"{where} does not answer at port {port} (its metrics): {error.message}",
                "Does the runner run, and is it of the versions 0.9 to 0.14? Later ones have no metrics.",
                error.status,
                error.answer,
            ) from None
        raise
    try:
        return parse(text)
    except FleetError as error:
        raise FleetError(f"{where}: {error.message}", error.hint) from None


def port_of(pod: dict[str, t.Any], maps: dict[str, dict[str, t.Any]]) -> int:
    """The port of a pod's metrics, by the runner's own setting C(PROM_ADDRESS) (such as C(:9090))."""
    address = environment(runner_container(pod["spec"]), maps, {}).get("PROM_ADDRESS", "")
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() and 0 < int(port) < 65536 else PORT


def parse(text: str) -> Metrics:
    """Prometheus' text format, version 0.0.4."""
    if text and not text.endswith("\n"):
        raise _malformed("the last line is cut off")
    sums = {RUNNING: 0.0, COMPLETED: 0.0, CHECKED: 0.0, IGNORED: 0.0}
    experiments = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, labels, value = _sample(line.strip())
        if name not in sums:
            continue
        if math.isnan(value) or math.isinf(value):
            raise _malformed(f"{name} is {value}")
        if value <= 0:  # one queue's series below zero must not hide another's experiment
            continue
        sums[name] += value
        if name == RUNNING:
            known = {label: labels.get(label, "") for label in ("project", "experiment")}
            experiments.append({**known, "queue": _queue(labels.get("queue_name", ""))})
    experiments.sort(key=lambda entry: (entry["queue"], entry["project"], entry["experiment"]))
    return Metrics(math.ceil(sums[RUNNING]), experiments, sums[CHECKED], sums[IGNORED], sums[COMPLETED])


def _sample(line: str) -> tuple[str, dict[str, str], float]:
    found = _SAMPLE.fullmatch(line)
    if not found:
        raise _malformed(f"no metric: {line[:80]!r}")
    name, labels, value = found.groups()
    try:
        return name, _labels(labels or ""), float(value)
    except ValueError:
        raise _malformed(f"no number: {line[:80]!r}") from None


def _labels(text: str) -> dict[str, str]:
    labels, position = {}, 0
    while position < len(text.rstrip()):
        found = _LABEL.match(text, position)
        if not found:
            raise _malformed(f"no label: {text[position : position + 80]!r}")
        labels[found.group(1)] = _ESCAPE.sub(lambda escape: "\n" if escape.group(1) == "n" else escape.group(1), found.group(2))
        position = found.end()
    return labels


def _queue(name: str) -> str:
    """The queue of C(amqp://HOST:5672/%2f?QUEUE); without what a broker's address may hold."""
    queue = name.rsplit("?", 1)[-1]
    return queue.rsplit("@", 1)[-1]


def _malformed(why: str) -> FleetError:
    return FleetError(f"What stands at the address of the runner's metrics is not Prometheus' text format ({why}).", "Which program listens at that port?")
