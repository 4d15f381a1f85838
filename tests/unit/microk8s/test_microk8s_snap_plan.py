"""What microk8s_snap is about to do, by what is there; nothing is done."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from microk8s_doubles import SNAP, FakeSnapd, program

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_snap import Host, Plan, Wanted, describe, plan
from ansible_collections.studioml.fleet.plugins.module_utils._snap import SnapCommand
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import Snapd

CHANNEL = Wanted("1.35/stable", "", "", [], True, True, False, [], "", 300)


@pytest.fixture
def snapd(tmp_path: pathlib.Path) -> t.Iterator[FakeSnapd]:
    with FakeSnapd(str(tmp_path / "socket")).running() as double:
        double.answers["/v2/snaps/microk8s"] = (200, SNAP)
        double.answers["/v2/snaps/system/conf?keys=refresh.hold"] = (200, {"refresh.hold": "2199-01-01T00:00:00Z"})
        yield double


@pytest.fixture
def host(tmp_path: pathlib.Path, snapd: FakeSnapd) -> Host:
    return Host(MicroK8s(str(tmp_path)), Snapd(snapd.path), SnapCommand(program(tmp_path / "snap-program", "exit 1")))


def test_unchanged(host: Host):
    found = plan(CHANNEL, host)
    assert found.action == "none" and not found.changed()
    before, after = describe(found, CHANNEL)
    assert before == after


def test_absent_is_installed_and_held(host: Host, snapd: FakeSnapd):
    del snapd.answers["/v2/snaps/microk8s"]
    found = plan(CHANNEL._replace(users=["root"]), host)
    assert (found.action, found.make_hold, found.add_users, found.group) == ("install", True, ["root"], "microk8s")
    assert describe(found, CHANNEL)[0] == {"snap": "absent", "node": "absent", "refreshes_held": False, "members": []}
    assert plan(CHANNEL._replace(classic=False), host).group == "snap_microk8s"
    assert not plan(CHANNEL._replace(hold_refreshes=False), host).make_hold


def test_another_channel_only_when_allowed_and_one_minor_at_a_time(host: Host):
    with pytest.raises(FleetError, match="allow_refresh: true"):
        plan(CHANNEL._replace(channel="1.36/stable"), host)
    assert plan(CHANNEL._replace(channel="1.36/stable", allow_refresh=True), host).action == "refresh"
    assert plan(CHANNEL._replace(channel="1.35/candidate", allow_refresh=True), host).action == "refresh"
    for channel in ("1.37/stable", "1.34/stable"):
        with pytest.raises(FleetError, match="Ask for 1.36/stable first"):
            plan(CHANNEL._replace(channel=channel, allow_refresh=True), host)


def test_a_file_is_compared_by_its_content(host: Host, snapd: FakeSnapd, tmp_path: pathlib.Path):
    mine, kept = tmp_path / "mine.snap", tmp_path / "kept.snap"
    mine.write_bytes(b"same")
    kept.write_bytes(b"same")
    snapd.answers["/v2/snaps/microk8s"] = (200, {**SNAP, "revision": "x1", "tracking-channel": "", "mounted-from": str(kept)})
    wanted = CHANNEL._replace(channel="", snap_file=str(mine), base_snap_files=["/none.snap"])
    assert plan(wanted, host).action == "none"  # bases count only where something is installed
    mine.write_bytes(b"more")
    with pytest.raises(FleetError, match=r"\(from a file\) is installed"):
        plan(wanted, host)
    del snapd.answers["/v2/snaps/microk8s"]
    with pytest.raises(FleetError, match="base_snap_files: /none.snap is not a file"):
        plan(wanted, host)


def test_disabled_and_stopped(host: Host, snapd: FakeSnapd, tmp_path: pathlib.Path):
    lock = tmp_path / "var/snap/microk8s/current/var/lock/stopped.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert plan(CHANNEL, host).action == "start"
    snapd.answers["/v2/snaps/microk8s"] = (200, {**SNAP, "status": "installed"})
    found: Plan = plan(CHANNEL, host)
    assert found.action == "enable" and describe(found, CHANNEL)[0]["node"] == "disabled"


@pytest.mark.parametrize("channel", ["1.36", "stable", "latest/stable", "1.36/Stable", "", "1.36/stable --dangerous"])
def test_channels_that_are_none(host: Host, channel):
    with pytest.raises(FleetError, match="track/risk"):
        plan(CHANNEL._replace(channel=channel), host)


def test_no_snap_program(host: Host):
    missing = SnapCommand("")
    missing._program = None
    with pytest.raises(FleetError, match="apt install snapd"):
        plan(CHANNEL, host._replace(command=missing))
