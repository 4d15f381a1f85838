"""Hosts come up bare, with simulated GPUs, in seconds; the hub serves a registry and RabbitMQ."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from fleetbox import hosts
from fleetbox.engine import docker
from fleetbox.paths import Instance

pytestmark = pytest.mark.sandbox
NAME = "hosts"
# on a quiet machine each takes about ten; a machine that is busy with other things shall not fail here
MOST_SECONDS = 240


@pytest.fixture(scope="module")
def command(command_type: Any) -> Iterator[Any]:
    made = command_type()
    made.run("up", "--hosts", "hub,gpu1,cpu1", name=NAME)
    yield made
    made.run("down", name=NAME)


def test_hosts_are_bare(command: Any) -> None:
    for host in ("gpu1", "cpu1"):
        assert command.shell(host, "systemctl is-system-running", name=NAME) == "running"
        assert command.shell(host, "command -v docker containerd microk8s || echo none", name=NAME) == "none"
        assert command.shell(host, "ls /snap 2>/dev/null | wc -l; systemctl is-active snapd rabbitmq-server docker-registry | sort -u", name=NAME).split() == [
            "0",
            "inactive",
        ]
        assert {"bare.snap", "core.snap", "microk8s.snap"} <= set(command.shell(host, "ls /opt/snaps", name=NAME).split())


def test_kernel_settings_of_hosts_are_not_those_of_the_machine(command: Any) -> None:
    assert command.shell("gpu1", "systemctl is-enabled systemd-sysctl systemd-binfmt || true", name=NAME).split() == ["masked", "masked"]


def test_docker_can_be_installed_without_a_network(command: Any) -> None:
    began = time.monotonic()
    command.shell("gpu1", "unshare --net sh -c 'apt-get -qq update && apt-get -qq install --yes docker.io'", name=NAME)
    assert time.monotonic() - began < MOST_SECONDS
    assert command.shell("gpu1", "docker info --format '{{.Driver}}'", name=NAME) == "overlay2"


def test_simulated_gpus(command: Any) -> None:
    assert len(command.shell("gpu1", "nvidia-smi -L", name=NAME).splitlines()) == 2
    assert command.shell("gpu1", "lspci -d 10de: | wc -l; ls /dev/nvidia[0-9] | wc -l; ls /proc/driver/nvidia/gpus | wc -l", name=NAME).split() == ["2"] * 3
    assert command.shell("cpu1", "lspci | wc -l; command -v nvidia-smi || echo none", name=NAME).split() == ["0", "none"]

    command.shell("gpu1", "simulate-gpus --count 4 --nvidia-smi failing", name=NAME)
    assert "9" in command.shell("gpu1", "nvidia-smi >/dev/null; echo $?; ls /dev/nvidia[0-9] | wc -l", name=NAME).split()
    command.shell("gpu1", "simulate-gpus --driver absent", name=NAME)
    assert command.shell("gpu1", "lspci -d 10de: | wc -l; command -v nvidia-smi || ls /proc/driver/nvidia 2>/dev/null || echo none", name=NAME).split() == [
        "4",
        "none",
    ]


def test_a_host_that_is_booted_again_is_the_same(command: Any) -> None:
    hosts.end_connections(Instance(NAME))  # the shared one would be that to the former boot
    docker(Instance(NAME), "restart", "--time=1", "cpu1")
    command.run("up", name=NAME)
    assert command.shell("cpu1", "hostname -I", name=NAME) == Instance(NAME).inventory.read_text().split('"cpu1": {\n    "ansible_host": "')[1].split('"')[0]


def test_registry_of_the_hub(command: Any) -> None:
    assert command.shell("cpu1", "curl -fsS http://hub:5000/v2/_catalog", name=NAME) == '{"repositories":[]}'


def test_users_of_the_broker(command: Any) -> None:
    variables = json.loads(Instance(NAME).inventory.read_text())
    _scheme, _slashes, login = variables["_meta"]["hostvars"]["gpu1"]["sandbox_amqp_url"].partition("//")
    user, _colon, password = login.partition("@")[0].partition(":")
    url = f"{variables['all']['vars']['sandbox_amqp_management_url']}/api/whoami"

    def ask(user: str, password: str) -> Any:
        manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        manager.add_password(None, url, user, password)
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(manager)).open(url, timeout=60) as answer:
            return json.load(answer)

    assert ask(user, password) == {"name": "runner-gpu1", "tags": ["management"]}
    with pytest.raises(urllib.error.HTTPError):
        ask("guest", "guest")


def test_publish(command: Any) -> None:
    command.run("publish", "--queue", "rmq_trial", "--count", "2", name=NAME)
    assert "rmq_trial" in command.run("publish", "--queue", "rmq_trial", "--status", name=NAME)


def test_a_host_more_and_one_less(command: Any) -> None:
    began = time.monotonic()
    command.run("up", "--hosts", "gpu2:gpus=3", name=NAME)
    assert len(command.shell("gpu2", "nvidia-smi -L", name=NAME).splitlines()) == 3
    command.run("down", "--hosts", "gpu2", name=NAME)
    assert time.monotonic() - began < MOST_SECONDS
    variables = json.loads(Instance(NAME).inventory.read_text())
    assert variables["runner_hosts"]["hosts"] == ["gpu1", "cpu1"]
    assert "no host gpu2" in command.run("down", "--hosts", "gpu2", name=NAME, status=1)
