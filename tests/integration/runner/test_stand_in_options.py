"""Eras, switches, refusals at start-up, and the publisher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stand_in_broker import RUNNER, VirtualHost, wait_for
from stand_in_cluster import Cluster
from stand_in_process import Runner

pytestmark = pytest.mark.sandbox
Run = Callable[..., Runner]
GLOBAL, QUEUE = "studioml-go-runner", "rmq_gpu1_demo"


def test_era_that_does_not_listen(run: Run, cluster: Cluster, vhost: VirtualHost) -> None:
    before = len(cluster.requests())
    cluster.state(GLOBAL, "DrainAndSuspend")
    vhost.send(QUEUE, seconds=0.1)
    runner = run(cluster, STAND_IN_ERA="none", STAND_IN_FIRST_WATCH=0)
    runner.says("experiment completed")
    assert len(cluster.requests()) == before
    assert not runner.states()
    assert not runner.metrics()


def test_era_of_queue_match(run: Run, cluster: Cluster, vhost: VirtualHost) -> None:
    """STATE is not read; patterns that match nothing stop the work at the next listing."""
    cluster.state(GLOBAL, "DrainAndSuspend")
    vhost.send(QUEUE, seconds=0.1)
    runner = run(cluster, scale=0.02, STAND_IN_ERA="queue_match")
    runner.says("experiment completed")
    assert not runner.states()
    cluster.write(GLOBAL, {"QUEUE_MATCH": "^never$", "QUEUE_MISMATCH": ".*"})
    runner.says("removed queue")
    vhost.send(QUEUE, seconds=0.1)
    time.sleep(1)  # five times the pause between two fetches
    vhost.expect(QUEUE, ready=1, unacknowledged=0)


def test_outside_of_a_cluster(run: Run) -> None:
    run(STAND_IN_FIRST_WATCH=0).says("k8s monitoring offline")


def test_no_gpu(run: Run) -> None:
    runner = run(CPU_ONLY="false")
    assert runner.wait() == 1
    assert "no GPU found" in runner.output and "nvidia.com/gpu" in runner.output
    assert run(CPU_ONLY="false", NVIDIA_VISIBLE_DEVICES="GPU-1", STAND_IN_FIRST_WATCH=0).says("k8s monitoring offline")


def test_gpus_are_shared_out(run: Run, vhost: VirtualHost) -> None:
    vhost.send(QUEUE, seconds=1, count=2, gpus=1, cpus=0)
    runner = run(CPU_ONLY="false", NVIDIA_VISIBLE_DEVICES="GPU-1")
    runner.says("experiment completed", times=2)
    started, completed = runner.moments("experiment started"), runner.moments("experiment completed")
    assert started[1] > completed[0]


def test_broker_without_user_crashes(run: Run, vhost: VirtualHost) -> None:
    runner = run(AMQP_URL="amqp://" + vhost.url.split("@")[1])
    assert runner.wait() == 2
    assert "AMQP_URL has no user and password" in runner.output


def test_empty_map_name_hangs(run: Run) -> None:
    runner = run(K8S_CONFIGMAP="")
    runner.says("hangs here for ever")
    runner.send(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        runner.process.wait(0.5)


def test_one_runner_for_a_network_namespace(run: Run) -> None:
    name = f"stand-in-test-{os.getpid()}"
    first = run(STAND_IN_SOCKET=name, STAND_IN_FIRST_WATCH=0)
    first.says("k8s monitoring offline")
    second = run(STAND_IN_SOCKET=name)
    assert second.wait() == 1
    assert "another runner has this network namespace" in second.output


def test_clear_text_must_be_allowed(run: Run, vhost: VirtualHost) -> None:
    vhost.send(QUEUE, seconds=0.1)
    runner = run(CLEAR_TEXT_MESSAGES="false", LOGXI="", STAND_IN_FIRST_WATCH=0)
    runner.says("no queue is served")
    assert len(runner.lines) == 2, runner.output  # and the line that says what it is: nothing below ERR without LOGXI


def test_idle_limit(run: Run) -> None:
    runner = run(LIMIT_IDLE_DURATION="1s", LIMIT_INTERVAL="200ms")
    assert runner.wait() == 0
    assert runner.moments("idle for longer than the limit")


def _publish(vhost: VirtualHost, *arguments: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "RABBITMQ_PASSWORD"}
    if password is not None:
        variables["RABBITMQ_PASSWORD"] = password
    command = [sys.executable, str(RUNNER / "publish.py"), "--url", vhost.administrator.url, "--user", vhost.name, "--vhost", vhost.name, "--queue", QUEUE]
    return subprocess.run([*command, *arguments], env=variables, capture_output=True, text=True, timeout=180, check=False)


def test_publisher(vhost: VirtualHost, tmp_path: Path) -> None:
    missing = _publish(vhost, "--status", password=vhost.password)
    assert missing.returncode == 1 and f"There is no queue {QUEUE}" in missing.stderr
    assert _publish(vhost, "--count", "0", password=vhost.password).returncode == 0
    secret = tmp_path / "password"
    secret.write_text(vhost.password + "\n")
    sent = _publish(vhost, "--seconds", "5", "--count", "2", "--password-file", str(secret))
    assert sent.returncode == 0 and sent.stdout.count("published stand-in-") == 2, sent.stderr

    def counts() -> bool:
        status = _publish(vhost, "--status", password=vhost.password)
        return json.loads(status.stdout) == {"queue": QUEUE, "ready": 2, "unacknowledged": 0}

    wait_for("two messages", counts)
    exchange = vhost.administrator.call("GET", vhost.administrator.path("exchanges", "StudioML.topic"))
    assert (exchange["type"], exchange["durable"], exchange["auto_delete"]) == ("topic", True, True)


def test_publisher_refusals(vhost: VirtualHost) -> None:
    for arguments, password, words in (
        (["--status"], None, "No password: give --password-file FILE or set RABBITMQ_PASSWORD"),
        (["--status"], "wrong", "Check the password"),
        (["--url", "http://127.0.0.1:1"], "x", "Is RabbitMQ up"),
        (["--password-file", "/nonexistent"], None, "Reading the password from /nonexistent"),
        (["--count", "-1"], vhost.password, "cannot be below 0"),
        (["--signing-key", "/nonexistent"], vhost.password, "give --public-key too"),
    ):
        refused = _publish(vhost, *arguments, password=password)
        assert refused.returncode == 1 and words in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr and vhost.password not in refused.stderr
