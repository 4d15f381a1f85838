"""snapd: what it says, what its refusals mean, how refreshes are held; on doubles."""

from __future__ import annotations

import datetime
import pathlib
import typing as t

import pytest
from microk8s_doubles import NOT_FOUND, SNAP, FakeSnapd, program

from ansible_collections.studioml.fleet.plugins.module_utils import _snap_file, _snap_hold
from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._snap import SnapCommand, refusal
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import Service, Snapd

NOW = datetime.datetime(2026, 11, 21, 6, 0, tzinfo=datetime.UTC)


@pytest.fixture
def snapd(tmp_path: pathlib.Path) -> t.Iterator[FakeSnapd]:
    with FakeSnapd(str(tmp_path / "socket")).running() as double:
        yield double


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ('error: This revision of snap "microk8s" was published using classic confinement and thus may', "classic: true"),
        ('error: cannot find signatures with metadata for snap "x.snap"', "assertion_file"),
        ('(cannot install snap base "bare": Post "https://api.snapcraft.io/v2": dial tcp: lookup api.snapcraft.io: no such host)', "base_snap_files"),
        ('error: cannot install "microk8s": Post "https://api.snapcraft.io/v2": dial tcp: lookup api.snapcraft.io: no such host', "store cannot be"),
        ("error: unable to contact snap store", "store cannot be reached"),
        ('error: snap "microk8s" is not available on 1.99/stable but is available to install on', "snap info microk8s"),
        ('error: snap "microk8s" has "auto-refresh" change in progress', "snap changes"),
        ('- Run install hook of "microk8s" snap if present (run hook "install": /dev/kmsg is missing)', "own hook"),
        ("error: too early for operation, device not yet seeded or device model not acknowledged", "in a minute"),
        ("error: access denied (try with sudo)", "become: true"),
        ("error: something new", "snap change ID"),
    ],
)
def test_each_refusal_has_its_advice(words, advice):
    text = refusal("Installing the snap microk8s", Completed(1, "", words)).text()
    assert advice in text and "Installing the snap microk8s failed" in text and "error:" not in text


def test_an_installed_snap_and_its_services(snapd: FakeSnapd):
    snapd.answers["/v2/snaps/microk8s"] = (200, SNAP)
    services = [{"snap": "microk8s", "name": "daemon-kubelite", "daemon": "simple", "enabled": True}]
    snapd.answers["/v2/apps?select=service&names=microk8s"] = (200, services)
    found = Snapd(snapd.path).snap("microk8s")
    assert found and (found.revision, found.channel, found.base, found.active, found.held_until) == ("8612", "1.35/stable", "core22", True, "")
    assert Snapd(snapd.path).services("microk8s") == [Service("daemon-kubelite", "snap.microk8s.daemon-kubelite.service", True, False)]
    snapd.answers["/v2/snaps/microk8s"] = NOT_FOUND
    assert Snapd(snapd.path).snap("microk8s") is None


@pytest.mark.parametrize(("text", "version"), [("2.57.6-1+deb12u1+b2", (2, 57)), ("2.63+22.04", (2, 63)), ("2.70~pre1", (2, 70)), ("unknown", (0, 0))])
def test_versions(snapd: FakeSnapd, text, version):
    snapd.answers["/v2/system-info"] = (200, {"version": text})
    assert Snapd(snapd.path).version() == version


def test_no_snapd(tmp_path: pathlib.Path):
    with pytest.raises(FleetError, match="snapd.socket"):
        Snapd(str(tmp_path / "none")).snap("microk8s")


@pytest.mark.parametrize(
    ("until", "by", "lasting"),
    [
        ("", "none", False),
        ("2026-11-20T00:00:00Z", "none", False),
        ("2026-11-21T07:51:29.926116825Z", "system", False),
        ("2027-01-20T00:00:00Z", "system", True),
    ],
)
def test_an_old_snapd_holds_all_snaps_until_a_day(snapd: FakeSnapd, tmp_path: pathlib.Path, until, by, lasting):
    snapd.answers["/v2/snaps/microk8s"] = (200, SNAP)
    key = "/v2/snaps/system/conf?keys=refresh.hold"
    snapd.answers[key] = (200, {"refresh.hold": until}) if until else (400, {"kind": "option-not-found", "message": "no such option"})
    installed = Snapd(snapd.path).snap("microk8s")
    assert installed
    hold = _snap_hold.look(Snapd(snapd.path), installed, NOW)
    assert (hold.by, hold.lasting, hold.missing) == (by, lasting, [])
    calls = tmp_path / "calls"
    _snap_hold.make(SnapCommand(program(tmp_path / "snap", f'echo "$@" > {calls}')), hold, NOW)
    assert calls.read_text() == "set system refresh.hold=2027-01-20T06:00:00Z\n"


def test_a_new_snapd_holds_the_snap_and_its_base(snapd: FakeSnapd, tmp_path: pathlib.Path):
    snapd.answers["/v2/system-info"] = (200, {"version": "2.63"})
    snapd.answers["/v2/snaps/microk8s"] = (200, {**SNAP, "hold": "2318-01-01T00:00:00Z"})
    snapd.answers["/v2/snaps/core22"] = (200, {**SNAP, "name": "core22", "base": ""})
    installed = Snapd(snapd.path).snap("microk8s")
    assert installed
    hold = _snap_hold.look(Snapd(snapd.path), installed, NOW)
    assert (hold.by, hold.lasting, hold.missing) == ("snap", False, ["core22"])
    calls = tmp_path / "calls"
    _snap_hold.make(SnapCommand(program(tmp_path / "snap", f'echo "$@" > {calls}')), hold, NOW)
    assert calls.read_text() == "refresh --hold core22\n"


def test_words_of_each_change(tmp_path: pathlib.Path):
    calls = tmp_path / "calls"
    command = SnapCommand(program(tmp_path / "snap", f'echo "$@" >> {calls}; echo "name:    bare"'))
    command.install("microk8s", "1.36/stable", classic=True)
    command.install("microk8s", "1.36-strict/stable", classic=False)
    command.install_file("/x/a.snap", "/x/a.assert", classic=True)
    command.install_file("/x/a.snap", "", classic=True)
    command.refresh("microk8s", "1.36/stable", classic=True, from_file=True)
    assert command.name_of("/x/bare.snap") == "bare"
    assert calls.read_text().splitlines() == [
        "install microk8s --channel=1.36/stable --classic",
        "install microk8s --channel=1.36-strict/stable",
        "ack /x/a.assert",
        "install /x/a.snap --classic",
        "install /x/a.snap --dangerous --classic",
        "refresh microk8s --channel=1.36/stable --classic --amend",
        "info /x/bare.snap",
    ]


def test_a_file_is_compared_with_what_snapd_keeps(tmp_path: pathlib.Path):
    mine, kept, record = tmp_path / "mine.snap", tmp_path / "kept.snap", str(tmp_path / "state/record.json")
    mine.write_bytes(b"content")
    kept.write_bytes(b"content")
    assert _snap_file.same(str(mine), str(kept), record)
    _snap_file.remember(str(mine), str(kept), record)
    kept.chmod(0o000)
    assert _snap_file.same(str(mine), str(kept), record)
    kept.chmod(0o600)
    mine.write_bytes(b"conten2")
    assert not _snap_file.same(str(mine), str(kept), record)
    assert not _snap_file.same(str(mine), str(tmp_path / "none"), record)
    pathlib.Path(record).write_text("[not json")
    assert not _snap_file.same(str(mine), str(kept), record)
