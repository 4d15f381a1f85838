# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MicroK8s as a snap that converges: installed from a channel or a file, refreshes held, users in its group, the node ready."""

from __future__ import annotations

import grp
import pwd
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _microk8s_ready, _snap_file, _snap_hold
from ansible_collections.studioml.fleet.plugins.module_utils._command import find, run
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import NAME, MicroK8s, refusal
from ansible_collections.studioml.fleet.plugins.module_utils._snap import SnapCommand
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import InstalledSnap, Snapd

CHANNEL = re.compile(r"^(\d+)\.(\d+)(-strict)?/(stable|candidate|beta|edge)(/[\w.-]+)?$")
START_SECONDS = 180.0


class Wanted(t.NamedTuple):
    """What the user asks for; either C(channel) or C(snap_file) is empty."""

    channel: str
    snap_file: str
    assertion_file: str
    base_snap_files: t.Sequence[str]
    classic: bool
    hold_refreshes: bool
    allow_refresh: bool
    users: t.Sequence[str]
    group: str
    ready_timeout: float


class Plan(t.NamedTuple):
    """What a run is about to do; C(action) is V(none), V(install), V(refresh), V(enable) or V(start)."""

    action: str
    installed: t.Optional[InstalledSnap]
    hold: t.Optional[_snap_hold.Hold]
    make_hold: bool
    group: str
    members: t.List[str]
    add_users: t.List[str]

    def changed(self) -> bool:
        """Whether anything has to be done."""
        return self.action != "none" or self.make_hold or bool(self.add_users)


class Host(t.NamedTuple):
    """The parts of the host that take part."""

    microk8s: MicroK8s
    snapd: Snapd
    command: SnapCommand


def this_host() -> Host:
    """The machine that the module runs on."""
    return Host(MicroK8s(), Snapd(), SnapCommand())


def plan(wanted: Wanted, host: Host) -> Plan:
    """Compare. Nothing is changed.

    :raises FleetError: for whatever would fail half-way: no snapd, a file or a user that does not exist, a refresh that nobody allowed.
    """
    _check(wanted)
    if not host.command.present():
        raise FleetError("snapd is not installed on this host: there is no program snap.", "Install it (apt install snapd), then run again.")
    installed = host.snapd.snap(NAME)
    action = _action(wanted, installed, host.microk8s)
    if action == "install":
        for path in wanted.base_snap_files:
            _snap_file.require(path, "base_snap_files")
    hold = _snap_hold.look(host.snapd, installed) if installed else None
    group = wanted.group or _group(wanted, installed)
    members = _members(group)
    return Plan(
        action=action,
        installed=installed,
        hold=hold,
        make_hold=wanted.hold_refreshes and not (hold and hold.lasting),
        group=group,
        members=members,
        add_users=[user for user in wanted.users if user not in members],
    )


def apply(what: Plan, wanted: Wanted, host: Host) -> _microk8s_ready.Condition:
    """Do it, and wait until the node is ready."""
    if what.action == "install":
        _install(wanted, host)
    elif what.action == "refresh":
        _refresh(wanted, host)
    elif what.action == "enable":
        host.command.enable(NAME)
    elif what.action == "start":
        done = host.microk8s.call("start", timeout=START_SECONDS)
        if done.rc:
            raise refusal("microk8s start", done)
    if wanted.snap_file:
        _snap_file.remember(wanted.snap_file, _required(host).file)
    if what.make_hold:
        _snap_hold.make(host.command, _snap_hold.look(host.snapd, _required(host)))
    for user in what.add_users:
        _add(user, what.group)
    if wanted.ready_timeout <= 0:
        return _microk8s_ready.look(host.microk8s)
    return _microk8s_ready.wait_ready(host.microk8s, wanted.ready_timeout, host.snapd)


def describe(what: Plan, wanted: Wanted) -> t.Tuple[t.Dict[str, t.Any], t.Dict[str, t.Any]]:
    """Before and after, for the diff: the same in check mode and for real."""
    source = f"file {wanted.snap_file}" if wanted.snap_file else f"channel {wanted.channel}"
    installed = what.installed
    now = "absent"
    if installed:
        now = source if what.action not in ("install", "refresh") else f"channel {installed.channel}" if installed.channel else f"revision {installed.revision}"
    running = {"install": "absent", "start": "stopped", "enable": "disabled"}.get(what.action, "started")
    before = {"snap": now, "node": running, "refreshes_held": bool(what.hold and what.hold.lasting), "members": sorted(what.members)}
    after = {
        "snap": source,
        "node": "started",
        "refreshes_held": before["refreshes_held"] or what.make_hold,
        "members": sorted(what.members + what.add_users),
    }
    return before, after


def _check(wanted: Wanted) -> None:
    if wanted.snap_file:
        _snap_file.require(wanted.snap_file, "snap_file")
        if wanted.assertion_file:
            _snap_file.require(wanted.assertion_file, "assertion_file")
    elif not CHANNEL.match(wanted.channel):
        raise FleetError(
            f'channel: "{wanted.channel}" is not track/risk, such as 1.36/stable.',
            "A track alone counts as another channel on every run, and latest moves between minors. 'snap info microk8s' lists the channels.",
        )
    for user in wanted.users:
        try:
            pwd.getpwnam(user)
        except KeyError:
            raise FleetError(f"users: there is no user {user} on this host.", "Make the user first, or take the name out. Nothing was changed.") from None


def _action(wanted: Wanted, installed: t.Optional[InstalledSnap], microk8s: MicroK8s) -> str:
    if installed is None:
        return "install"
    if _differs(wanted, installed):
        _allow(wanted, installed)
        return "refresh"
    if not installed.active:
        return "enable"
    return "start" if microk8s.stopped() and not microk8s.worker() else "none"


def _differs(wanted: Wanted, installed: InstalledSnap) -> bool:
    if wanted.snap_file:
        return not _snap_file.same(wanted.snap_file, installed.file)
    return wanted.channel != installed.channel


def _allow(wanted: Wanted, installed: InstalledSnap) -> None:
    has = f"MicroK8s {installed.version} ({installed.channel or 'from a file'}) is installed"
    asked = wanted.snap_file or wanted.channel
    if not wanted.allow_refresh:
        raise FleetError(
            f"{has}, but {asked} is asked for; that is a refresh, which restarts the node and everything on it.",
            "Drain the node first, then run again with allow_refresh: true; or ask for what is installed. Nothing was changed.",
        )
    old, new = CHANNEL.match(installed.channel), CHANNEL.match(wanted.channel)
    if old and new and int(new.group(2)) - int(old.group(2)) not in (0, 1):
        raise FleetError(
            f"{has}, but {wanted.channel} is asked for: Kubernetes is upgraded by one minor version at a time, and never downgraded.",
            f"Ask for {old.group(1)}.{int(old.group(2)) + 1}{old.group(3) or ''}/{old.group(4)} first. Nothing was changed.",
        )


def _install(wanted: Wanted, host: Host) -> None:
    host.command.wait_seeded()
    if not wanted.snap_file:
        host.command.install(NAME, wanted.channel, wanted.classic)
        return
    for path in wanted.base_snap_files:
        if host.snapd.snap(host.command.name_of(path)) is None:
            host.command.install_file(path, _assertion_beside(path), classic=False)
    host.command.install_file(wanted.snap_file, wanted.assertion_file, wanted.classic)


def _refresh(wanted: Wanted, host: Host) -> None:
    if not _required(host).active:
        host.command.enable(NAME)
    if wanted.snap_file:
        host.command.install_file(wanted.snap_file, wanted.assertion_file, wanted.classic)
    else:
        host.command.refresh(NAME, wanted.channel, wanted.classic, from_file=not _required(host).channel)


def _assertion_beside(path: str) -> str:
    """C(snap download) puts the assertion of core22_1.snap into core22_1.assert."""
    beside = re.sub(r"\.snap$", "", path) + ".assert"
    try:
        _snap_file.require(beside, "base_snap_files")
    except FleetError:
        return ""
    return beside


def _required(host: Host) -> InstalledSnap:
    installed = host.snapd.snap(NAME)
    if installed is None:
        raise FleetError("snapd ended the installation of microk8s without an error, but does not list it.", "'snap changes' on the host shows what happened.")
    return installed


def _group(wanted: Wanted, installed: t.Optional[InstalledSnap]) -> str:
    classic = installed.confinement == "classic" if installed and installed.confinement else wanted.classic
    return "microk8s" if classic else "snap_microk8s"


def _members(group: str) -> t.List[str]:
    try:
        return list(grp.getgrnam(group).gr_mem)
    except KeyError:  # the snap makes it when it is installed
        return []


def _add(user: str, group: str) -> None:
    done = run([find("usermod") or "usermod", "--append", "--groups", group, user], timeout=60)
    if done.rc:
        raise FleetError(f"{user} could not be added to the group {group}: {done.words()}", "Correct group; the snap itself is installed.")
