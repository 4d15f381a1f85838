"""docker_info and docker_daemon on a real Docker of the distribution: four beats, and everything that goes wrong."""

from __future__ import annotations

import json
import typing as t

import pytest
from module_runs import Hosts

pytestmark = pytest.mark.sandbox

HOST = "gpu1"
FILE = "/etc/docker/daemon.json"
# everything that check mode and second runs must not touch
STATE = f"ls -lA --time-style=full-iso /etc/docker | grep -v '^total'; cat {FILE}; systemctl show -p MainPID,NRestarts,ActiveState,ExecReload docker | sort"
NVIDIA = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}


def pid(hosts: Hosts) -> str:
    return hosts.on(HOST, "systemctl show -p MainPID --value docker").strip()


def info(hosts: Hosts) -> dict[str, t.Any]:
    return json.loads(hosts.on(HOST, "docker info --format '{{json .}}' 2>/dev/null"))


def write(hosts: Hosts, text: str) -> None:
    """Lay a file as somebody else wrote it, and let the daemon have it where it can."""
    hosts.on(HOST, f"mkdir -p /etc/docker; cat > {FILE}; systemctl reset-failed docker docker.socket; systemctl restart docker", stdin=text.encode())


def test_a_bare_host_is_seen_and_predicted(bare: Hosts) -> None:
    seen = bare.passes(HOST, "docker_info")
    assert (seen["installed"], seen["flavour"], seen["running"], seen["config_valid"]) == (False, "absent", False, True)
    predicted = bare.passes(HOST, "docker_daemon", check=True, settings={"debug": True})
    assert predicted["changed"] and not predicted["installed"] and '"debug": true' in predicted["diff"]["after"]
    assert "No such file" in bare.on(HOST, f"ls {FILE}", check=False)
    assert "not installed" in bare.fails(HOST, "docker_daemon", settings={"debug": True})["msg"]


def test_a_reload_where_that_is_enough(hosts: Hosts) -> None:
    write(hosts, json.dumps({"runtimes": NVIDIA, "insecure-registries": ["their:5000"]}))
    before = pid(hosts)
    result = hosts.four_beats(HOST, "docker_daemon", STATE, settings={"insecure-registries": ["hub:5000"], "debug": True})
    assert result["action"] == "reload" and pid(hosts) == before
    assert result["settings"] == {"runtimes": NVIDIA, "insecure-registries": ["their:5000", "hub:5000"], "debug": True}
    assert {"their:5000", "hub:5000"} <= set(info(hosts)["RegistryConfig"]["IndexConfigs"]) and info(hosts)["Debug"]
    seen = hosts.passes(HOST, "docker_info")
    assert seen["flavour"] == "package" and seen["running"] and seen["settings"] == result["settings"] and seen["version"].startswith("20.10")


def test_one_restart_otherwise(hosts: Hosts) -> None:
    before = pid(hosts)
    result = hosts.four_beats(HOST, "docker_daemon", STATE, settings={"log-driver": "local", "log-opts": {"max-size": "20m"}})
    assert result["action"] == "restart" and pid(hosts) != before and info(hosts)["LoggingDriver"] == "local"
    assert result["settings"]["runtimes"] == NVIDIA
    assert "log-driver" not in hosts.on(HOST, f"cat {result['backup']}")


def test_removed_registries_are_gone_at_once(hosts: Hosts) -> None:
    result = hosts.four_beats(HOST, "docker_daemon", STATE, remove_keys=["insecure-registries"])
    assert result["action"] == "reload" and result["settings"]["insecure-registries"] == []
    assert set(info(hosts)["RegistryConfig"]["IndexConfigs"]) == {"docker.io"}


@pytest.mark.parametrize("text", ['{"log-level": ', "[]"])
def test_a_malformed_file_is_refused_and_the_daemon_runs_on(hosts: Hosts, text: str) -> None:
    hosts.on(HOST, f"cat > {FILE}", stdin=text.encode())
    before, beating = hosts.on(HOST, STATE), pid(hosts)
    for check in (True, False):
        message = hosts.fails(HOST, "docker_daemon", check=check, settings={"debug": False})["msg"]
        assert FILE in message and "malformed" in message and "correct the file by hand" in message.lower()
    assert hosts.on(HOST, STATE) == before and pid(hosts) == beating
    seen = hosts.passes(HOST, "docker_info")
    assert not seen["config_valid"] and "malformed" in seen["config_error"] and seen["running"]
    write(hosts, "{}")


def test_a_daemon_that_does_not_come_back_gets_its_file_back(hosts: Hosts) -> None:
    write(hosts, '{"debug": true}')
    result = hosts.fails(HOST, "docker_daemon", settings={"bogus-key": True})
    assert "the following directives don't match any configuration option: bogus-key" in result["msg"]
    assert "The former file is in place again and the daemon runs" in result["msg"] and result["rolled_back"]
    assert hosts.on(HOST, f"cat {FILE}") == '{"debug": true}' and info(hosts)["Debug"]


def test_a_reload_that_fails_in_silence_is_noticed(hosts: Hosts) -> None:
    write(hosts, "{}")
    beating = pid(hosts)
    result = hosts.fails(HOST, "docker_daemon", settings={"registry-mirrors": ["http://mirror:5000/?query"]})
    assert "does not show the new registry-mirrors" in result["msg"] and "invalid mirror" in result["msg"] and result["rolled_back"]
    assert hosts.on(HOST, f"cat {FILE}") == "{}" and pid(hosts) == beating


def test_what_the_command_line_sets_is_refused_before(hosts: Hosts) -> None:
    before = hosts.on(HOST, STATE)
    message = hosts.fails(HOST, "docker_daemon", settings={"hosts": ["unix:///run/docker.sock"]})["msg"]
    assert "both as a flag and in the configuration file" in message and "ExecStart" in message
    assert hosts.on(HOST, STATE) == before


def test_a_stopped_daemon_is_started_or_left(hosts: Hosts) -> None:
    hosts.on(HOST, "systemctl stop docker.service docker.socket")
    left = hosts.passes(HOST, "docker_daemon", settings={"debug": False}, apply=False)
    assert left["changed"] and left["action"] == "none" and not hosts.passes(HOST, "docker_info")["running"]
    predicted = hosts.passes(HOST, "docker_daemon", check=True, settings={"debug": False})
    started = hosts.passes(HOST, "docker_daemon", settings={"debug": False})
    assert predicted["action"] == started["action"] == "start" and started["changed"] and hosts.passes(HOST, "docker_info")["running"]
    assert not hosts.passes(HOST, "docker_daemon", settings={"debug": False})["changed"]
