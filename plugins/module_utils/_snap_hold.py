# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Automatic refreshes of a snap, held: they restart a node without asking.

snapd 2.58 and newer hold one snap for good; then the snap's base is held too, because its refresh restarts every container. Older ones only hold all snaps
until a day that lies at most some months ahead: that is set 60 days ahead, and moved on when it comes nearer than 30.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._snap import SnapCommand
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import InstalledSnap, Snapd

HOLDS_SNAPS_FROM = (2, 58)
AHEAD = datetime.timedelta(days=60)
NEAR = datetime.timedelta(days=30)
SETTING = "refresh.hold"
FOREVER = "forever"


class Hold(t.NamedTuple):
    """How refreshes are held: C(by) is V(snap), V(system) or V(none); C(missing) are the snaps that still have to be."""

    by: str
    until: str
    lasting: bool
    missing: t.List[str]


def look(snapd: Snapd, installed: InstalledSnap, now: t.Optional[datetime.datetime] = None) -> Hold:
    """What holds the refreshes of an installed snap, and whether that lasts."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    if snapd.version() >= HOLDS_SNAPS_FROM:
        names = _together(snapd, installed)
        missing = [name for name, until in names.items() if not _far(until, now)]
        return Hold("snap" if _far(installed.held_until, now) else "none", installed.held_until, not missing, missing)
    until = snapd.setting(SETTING)
    return Hold("system" if _moment(until) > now else "none", until, _far(until, now), [])


def make(command: SnapCommand, hold: Hold, now: t.Optional[datetime.datetime] = None) -> None:
    """Hold what C(look) found missing."""
    if hold.missing:
        command.hold(hold.missing)
        return
    now = now or datetime.datetime.now(datetime.timezone.utc)
    command.set_system(SETTING, (now + AHEAD).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _together(snapd: Snapd, installed: InstalledSnap) -> t.Dict[str, str]:
    names = {installed.name: installed.held_until}
    base = snapd.snap(installed.base) if installed.base else None
    if base:
        names[base.name] = base.held_until
    return names


def _far(until: str, now: datetime.datetime) -> bool:
    return _moment(until) - now > NEAR


def _moment(text: str) -> datetime.datetime:
    """A time as snapd writes it; long ago for none. Python before 3.11 reads neither nanoseconds nor a Z, so the seconds are enough."""
    if text == FOREVER:
        return datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
    try:
        moment = datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return moment.replace(tzinfo=datetime.timezone.utc)
