# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snap command: what changes snaps, and what its refusals mean."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed, find
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._process_group import run_group

INSTALL_SECONDS = 1800.0
SEED_SECONDS = 180.0
SHORT_SECONDS = 180.0

# What snapd's words mean for whoever runs the play, most telling first.
ADVICE = (
    (r"classic confinement", "Set classic: true (or choose a -strict channel)."),
    (r"cannot find signatures|no matching.*assertion|cannot verify snap", "The assertion_file is not that of this snap file: give the right one, or none."),
    (r"run hook|hook of snap", "The snap's own hook refused this host: correct what it names, then run again. snapd has undone the change."),
    (r"snap base|required base|prerequisite", "Without the store the snap's base has to be there first: name its file in base_snap_files."),
    (
        r"snap store|persistent network error|dial tcp|no such host|unable to contact|i/o timeout|cannot query the store",
        "The store cannot be reached from this host: check its network, set snapd's proxy (snap set system proxy.https=...), or install with snap_file.",
    ),
    (r"not available|no snap revision|not found", "Check channel: 'snap info microk8s' lists those that exist."),
    (r"change in progress|changes in progress", "Another change of snapd is on its way: 'snap changes' shows it. Run again when it is done."),
    (r"not yet seeded|too early", "snapd is still setting itself up. Run again in a minute."),
    (r"communicate with server|snapd.socket|connection refused", "snapd does not run: systemctl enable --now snapd.socket."),
    (r"access denied|permission denied|requires root", "Run the task with become: true."),
    (r"no space left", "Free space on the file system of /var/lib/snapd."),
)


def refusal(what: str, done: Completed) -> FleetError:
    """The error for a change that snapd did not make."""
    words = re.sub(r"^error: ", "", done.words())
    for pattern, advice in ADVICE:
        if re.search(pattern, words, re.IGNORECASE):
            return FleetError(f"{what} failed: {words}.", advice)
    return FleetError(f"{what} failed with status {done.rc}: {words}.", "'snap changes' and 'snap change ID' on the host show the steps.")


class SnapCommand:
    """The snap program of this host."""

    def __init__(self, program: t.Optional[str] = None) -> None:
        self._program = program or find("snap")

    def present(self) -> bool:
        """Whether snapd is installed at all."""
        return self._program is not None

    def install(self, name: str, channel: str, classic: bool) -> str:
        """Install from the store."""
        words = ["install", name, f"--channel={channel}"] + (["--classic"] if classic else [])
        return self._change(f"Installing the snap {name} from {channel}", words, INSTALL_SECONDS)

    def install_file(self, path: str, assertion: t.Optional[str], classic: bool) -> str:
        """Install from a file: as signed when there is an assertion, else as it is."""
        if assertion:
            self._change(f"Reading the assertion {assertion}", ["ack", assertion], SHORT_SECONDS)
        words = ["install", os.path.abspath(path)] + ([] if assertion else ["--dangerous"]) + (["--classic"] if classic else [])
        return self._change(f"Installing the snap file {path}", words, INSTALL_SECONDS)

    def refresh(self, name: str, channel: str, classic: bool, from_file: bool) -> str:
        """Follow another channel; a snap that came from a file has to be told that it may become the store's."""
        words = ["refresh", name, f"--channel={channel}"] + (["--classic"] if classic else []) + (["--amend"] if from_file else [])
        return self._change(f"Refreshing the snap {name} to {channel}", words, INSTALL_SECONDS)

    def enable(self, name: str) -> str:
        """Undo C(snap disable)."""
        return self._change(f"Enabling the snap {name}", ["enable", name], SHORT_SECONDS)

    def hold(self, names: t.Sequence[str]) -> str:
        """Hold the automatic refreshes of some snaps for good (snapd 2.58 and newer)."""
        return self._change(f"Holding the refreshes of {', '.join(names)}", ["refresh", "--hold", *names], SHORT_SECONDS)

    def set_system(self, key: str, value: str) -> str:
        """One of the system's settings."""
        return self._change(f"Setting {key} of snapd", ["set", "system", f"{key}={value}"], SHORT_SECONDS)

    def name_of(self, path: str) -> str:
        """The name of the snap that a file holds; needs no store."""
        done = self._run(["info", os.path.abspath(path)], SHORT_SECONDS)
        found = re.search(r"^name:\s*(\S+)", done.out, re.MULTILINE)
        if done.rc or not found:
            raise FleetError(f"{path} cannot be read as a snap: {done.words()}.", "Bring the file anew: it may be cut, or no snap at all.")
        return found.group(1)

    def wait_seeded(self) -> None:
        """Wait until a snapd that was just installed has set itself up."""
        done = self._run(["wait", "system", "seed.loaded"], SEED_SECONDS)
        if done.rc:
            raise refusal("Waiting for snapd", done)

    def _run(self, words: t.Sequence[str], timeout: float) -> Completed:
        if self._program is None:
            raise FleetError("The program snap is not installed on this host.", "Install snapd (apt install snapd), then run again.")
        return run_group([self._program, *words], timeout=timeout, hint="snapd goes on with what it began: 'snap changes' on the host shows how far it is.")

    def _change(self, what: str, words: t.Sequence[str], timeout: float) -> str:
        done = self._run(words, timeout)
        if done.rc:
            raise refusal(what, done)
        return " ".join(done.out.split())
