"""Hosts as a user names them, their addresses, and the inventory that comes of them."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from pathlib import Path

import pytest

from fleetbox import hosts, hub, inventory
from fleetbox.errors import SandboxError
from fleetbox.paths import Instance
from fleetbox.state import Host, State


def test_hosts_and_their_options() -> None:
    found = {host.name: host for host in hosts.parse("hub:broker=no,gpu1,gpu3:gpus=4,cpu1")}
    assert list(found) == ["hub", "gpu1", "gpu3", "cpu1"]
    assert found["hub"].role == "hub" and not found["hub"].broker
    assert [found[name].gpus for name in ("hub", "gpu1", "gpu3", "cpu1")] == [0, 2, 4, 0]
    assert found["gpu1"].role == "runner"
    assert hosts.parse("") == []


@pytest.mark.parametrize("text", ["GPU1", "gpu1:gpus=many", "gpu1:broker=yes", "a b", "-x", "gpu1:", "hub:gpus"])
def test_what_is_not_a_host_is_refused(text: str) -> None:
    with pytest.raises(SandboxError) as caught:
        hosts.parse(text)
    assert caught.value.hint


def test_addresses_are_fixed_by_name() -> None:
    state = State(7)
    for host in hosts.parse("gpu2,hub,cpu1,gpu1,gpu95,cpu2"):
        hosts.give_address(state, host)
        state.hosts[host.name] = host
    assert {name: host.address for name, host in state.hosts.items()} == {
        "hub": "10.213.7.10",
        "gpu1": "10.213.7.11",
        "gpu2": "10.213.7.12",
        "cpu1": "10.213.7.100",
        "gpu95": "10.213.7.101",
        "cpu2": "10.213.7.102",
    }


def test_files_that_a_host_gets_before_it_starts(cache: Path) -> None:
    instance = Instance("try")
    files = {path: hosts.HostFile(*values) for path, values in hub.files(instance, Host("hub", "10.213.1.10", "hub", broker=True, s3=True)).items()}
    with tarfile.open(fileobj=io.BytesIO(hosts._tar(files))) as tar:
        entries = {entry.name: entry for entry in tar.getmembers()}
        definitions = tar.extractfile("etc/rabbitmq/definitions.json")
        assert definitions is not None
        text = definitions.read().decode()
    assert entries["etc/minio.env"].mode == 0o600
    assert entries["etc/systemd/system/multi-user.target.wants/rabbitmq-server.service"].issym()
    secrets = json.loads(instance.secrets.read_text())
    assert secrets["administrator"] not in text and json.loads(text)["users"][0]["tags"] == "administrator"


def test_inventory(cache: Path) -> None:
    instance = Instance("try")
    state = State(3)
    for host in hosts.parse("hub,gpu1,gpu2"):
        hosts.give_address(state, host)
        state.hosts[host.name] = host
        host.ready = host.name != "gpu2"
    inventory.write(instance, state)
    assert stat.S_IMODE(instance.inventory.stat().st_mode) == 0o600

    found = json.loads(instance.inventory.read_text())
    assert found["runner_hosts"]["hosts"] == ["gpu1"], "a host that is not ready is not in the inventory"
    assert found["registry_hosts"]["hosts"] == found["build_hosts"]["hosts"] == ["hub"]
    common, gpu1 = found["all"]["vars"], found["_meta"]["hostvars"]["gpu1"]
    assert common["sandbox_hub_address"] == "10.213.3.10" and common["sandbox_simulated"] is True
    assert "StrictHostKeyChecking=yes" in common["ansible_ssh_common_args"]
    assert gpu1["sandbox_amqp_url"].startswith("amqp://runner-gpu1:") and gpu1["sandbox_amqp_url"].endswith("@10.213.3.10:5672/%2f")
    assert gpu1["fleet_kubeconfig"] == str(instance.kubeconfigs / "gpu1.yaml")


def test_inventory_without_a_hub(cache: Path) -> None:
    state = State(3, hosts={"gpu1": Host("gpu1", "10.213.3.11", "runner", gpus=2, ready=True)})
    found = inventory.describe(Instance("try"), state)
    assert "sandbox_hub_address" not in found["all"]["vars"]
    assert "sandbox_amqp_url" not in found["_meta"]["hostvars"]["gpu1"]
