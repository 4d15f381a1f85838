"""A built stand-in runner, a real RabbitMQ and a real API server for its tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in_broker import RUNNER, Broker, VirtualHost, given_broker
from stand_in_cluster import Cluster, programs
from stand_in_process import Runner, environment

from fleetbox import toolchain
from fleetbox.paths import Instance

INSTANCE = "test-runner"


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as the sandbox builds it."""
    made = tmp_path_factory.mktemp("stand-in") / "studio-go-runner-stand-in"
    command = [str(toolchain.go()), "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(made), "."]
    subprocess.run(command, cwd=RUNNER, check=True, env={**os.environ, "CGO_ENABLED": "0"})
    return made


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The broker that STAND_IN_TEST_BROKER names as its administrator, else the one of a sandbox with nothing but a hub."""
    given = os.environ.get("STAND_IN_TEST_BROKER")
    if given:
        yield given_broker(given)
        return
    sandbox = [sys.executable, str(RUNNER.parent / "sandbox.py")]
    subprocess.run([*sandbox, "up", "--name", INSTANCE, "--hosts", "hub"], check=True)
    try:
        inventory = json.loads(Instance(INSTANCE).inventory.read_text(encoding="utf-8"))
        yield given_broker(inventory["all"]["vars"]["sandbox_amqp_administrator_url"])
    finally:
        subprocess.run([*sandbox, "down", "--name", INSTANCE], check=True)


@pytest.fixture
def vhost(broker: Broker) -> Iterator[VirtualHost]:
    made = broker.virtual_host()
    yield made
    made.delete()


@pytest.fixture(scope="session")
def make_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Cluster]]:
    """Starts API servers; all are ended with the session."""
    binaries = programs(tmp_path_factory.mktemp("kubernetes"))
    assert binaries, "no etcd and kube-apiserver: run `python3 tests/sandbox/sandbox.py build`, or set KUBEBUILDER_ASSETS"
    made: list[Cluster] = []

    def make(**options: Any) -> Cluster:
        made.append(Cluster(binaries, tmp_path_factory.mktemp("cluster"), **options))
        return made[-1]

    yield make
    for cluster in made:
        cluster.stop()


@pytest.fixture(scope="session")
def shared_cluster(make_cluster: Callable[..., Cluster]) -> Cluster:
    return make_cluster()


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    """The API server without any map of a former test."""
    yield shared_cluster
    shared_cluster.clear()


@pytest.fixture
def run(binary: Path, vhost: VirtualHost) -> Iterator[Callable[..., Runner]]:
    """Starts runners at the test's virtual host; all are ended with the test."""
    started: list[Runner] = []

    def start(cluster: Cluster | None = None, **variables: Any) -> Runner:
        started.append(Runner(binary, environment(vhost, cluster, **variables)))
        return started[-1]

    yield start
    for runner in started:
        runner.stop()
