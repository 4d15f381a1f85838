"""A sandbox that was up, killed or beside another one leaves the machine as it was."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fleetbox import snapshot, status
from fleetbox.paths import Instance

pytestmark = pytest.mark.sandbox

HOSTS = "hub:broker=no,gpu1"


# sandboxes that are there for other reasons stay, and are left out of the comparison
OURS = {"trace", "killed", "slow", "left", "right"}
ALONE = not set(status.instances()) - OURS


def take() -> snapshot.Snapshot:
    """Before a test, when what the last one has taken down is gone."""
    return snapshot.settled(None if ALONE else OURS)


def compare(before: snapshot.Snapshot) -> dict[str, list[str]]:
    """The differences that remain."""
    return snapshot.remaining(before, None if ALONE else OURS)


def test_up_and_down_leave_the_machine_as_it_was(sandbox: Any) -> None:
    before = take()
    sandbox.run("up", "--hosts", "hub,gpu1", name="trace")
    during = before.differences(snapshot.take(None if ALONE else OURS))
    assert {"processes", "links", "routes", "firewall"} <= set(during), "the snapshot sees what a sandbox does"

    # what a user leaves open: a process on a host, containers in it, a shared ssh connection
    sandbox.shell(
        "gpu1", "nohup sleep 3600 >/dev/null 2>&1 & apt-get -qq install docker.io >/dev/null 2>&1 && docker info --format '{{.Driver}}'", name="trace"
    )
    assert sandbox.shell("hub", "systemctl is-active rabbitmq-server docker-registry", name="trace").split() == ["active", "active"]
    sandbox.run("down", name="trace")
    assert compare(before) == {}
    assert not Instance("trace").home.exists()
    assert not Instance("trace").run.exists()


def test_a_second_down_changes_nothing(sandbox: Any) -> None:
    before = take()
    sandbox.run("down", name="trace")
    assert compare(before) == {}


@pytest.mark.parametrize("moment", ["network and engine", "host"])
def test_up_that_was_killed_is_healed_by_the_next(sandbox: Any, moment: str) -> None:
    before = take()
    process = sandbox.start("up", "--hosts", HOSTS, name="killed")
    _wait_for(moment, process)
    process.send_signal(signal.SIGKILL)
    process.wait()

    sandbox.run("up", "--hosts", HOSTS, name="killed")
    assert sandbox.shell("gpu1", "systemctl is-system-running", name="killed") == "running"
    sandbox.run("down", name="killed")
    assert compare(before) == {}


def test_a_link_that_is_half_made_is_finished_by_the_next_up(sandbox: Any) -> None:
    before = take()
    sandbox.run("up", "--hosts", HOSTS, name="killed")
    instance = Instance("killed")
    link = json.loads(instance.state.read_text())["number"]
    within = ["nsenter", f"--net={instance.namespace}", "--", "ip"]
    damages = (
        [["ip", "address", "flush", "dev", f"fleet-veth{link}"]],
        [[*within, "route", "delete", "default"], [*within, "address", "flush", "dev", "uplink"], [*within, "link", "set", "uplink", "down"]],
        [["ip", "link", "delete", f"fleet-veth{link}"]],
    )
    for damage in damages:
        for words in damage:
            subprocess.run(words, check=True)
        sandbox.run("up", "--hosts", HOSTS, name="killed")
        assert sandbox.shell("gpu1", "echo reached", name="killed") == "reached"
    sandbox.run("down", name="killed")
    assert compare(before) == {}


def test_down_after_a_killed_up(sandbox: Any) -> None:
    before = take()
    process = sandbox.start("up", "--hosts", HOSTS, name="killed")
    _wait_for("host", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    sandbox.run("down", name="killed")
    assert compare(before) == {}


def test_engine_that_was_killed_comes_back_with_its_hosts(sandbox: Any) -> None:
    before = take()
    sandbox.run("up", "--hosts", HOSTS, name="killed")
    sandbox.shell("gpu1", "echo kept > /etc/mark", name="killed")
    engine = json.loads(Instance("killed").state.read_text())["engine_pid"]
    os.kill(engine, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while "does not run" not in (shown := sandbox_status(sandbox)):
        assert time.monotonic() < deadline, shown
    sandbox.run("up", name="killed")
    assert sandbox.shell("gpu1", "cat /etc/mark", name="killed") == "kept"
    sandbox.run("down", name="killed")
    assert compare(before) == {}


def test_an_engine_whose_containerd_is_slow_once_is_started_again(sandbox: Any, tmp_path: Path) -> None:
    """dockerd ends after 15 s without its containerd; a machine that stood still is no reason for that. The first containerd is a stand-in that only sleeps."""
    before = take()
    slow = tmp_path / "containerd"
    slow.write_text(f"#!/bin/sh\nif mkdir {tmp_path}/once 2>/dev/null; then exec sleep 600; fi\nexec {shutil.which('containerd')} \"$@\"\n")
    slow.chmod(0o755)
    sandbox.run("up", "--hosts", HOSTS, name="slow", path=tmp_path)
    assert (tmp_path / "once").is_dir() and sandbox.shell("gpu1", "hostname", name="slow") == "gpu1"
    sandbox.run("down", name="slow")
    assert compare(before) == {}


def test_two_sandboxes_side_by_side(sandbox: Any) -> None:
    before = take()
    first = sandbox.start("up", "--hosts", HOSTS, name="left")
    second = sandbox.start("up", "--hosts", HOSTS, name="right")
    for process in (first, second):
        output, errors = process.communicate(timeout=600)
        assert process.returncode == 0, output + errors
    addresses = {name: json.loads(Instance(name).inventory.read_text())["_meta"]["hostvars"]["gpu1"]["ansible_host"] for name in ("left", "right")}
    assert addresses["left"] != addresses["right"]
    for name in ("left", "right"):
        assert sandbox.shell("gpu1", "getent hosts hub", name=name).split()[0] == re.sub(r"\.\d+$", ".10", addresses[name])
        assert sandbox.shell("gpu1", "curl -fsS http://hub:5000/v2/", name=name) == "{}"

    sandbox.run("down", name="left")
    assert sandbox.shell("gpu1", "systemctl is-system-running", name="right") == "running"
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() == "1", "the second one still needs it"
    sandbox.run("down", name="right")
    assert compare(before) == {}


def sandbox_status(sandbox: Any) -> str:
    process = sandbox.start("status", name="killed")
    output, _errors = process.communicate(timeout=300)
    return str(output)


def _wait_for(moment: str, process: Any) -> None:
    """Until the command says that it is there, or its state shows it."""
    instance = Instance("killed")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if moment == "host" and instance.state.exists() and "gpu1" in instance.state.read_text():
            time.sleep(0.4)
            return
        if moment == "network and engine" and instance.namespace.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"up ended before it came to: {moment}")
