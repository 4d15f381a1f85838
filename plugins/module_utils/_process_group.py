# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program and all that it starts, with an outer limit in time: when that is over, the whole process group ends.

MicroK8s' command is a script that starts others (kubectl, helm) and may wait for ever, so that killing it alone would leave them behind, with its lock held.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed, environment
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

GRACE_SECONDS = 3.0


class TookTooLong(FleetError):
    """The program was ended because its time was over; C(printed) is what it had said until then."""

    def __init__(self, shown: str, timeout: float, printed: str, hint: str) -> None:
        self.printed = printed
        super().__init__(f"{shown} had not ended after {timeout:g} seconds and was stopped.", hint)


def run_group(arguments: t.Sequence[str], *, timeout: float, stdin: str = "", hint: str = "") -> Completed:
    """Run a program to its end; a status other than 0 is an answer.

    :raises TookTooLong: after C(timeout) seconds; nothing that the program started is left then.
    :raises FleetError: when the program cannot be started.
    """
    try:
        # the module's run_command has no limit in time
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise FleetError(f"{arguments[0]} cannot be started: {error.strerror}.", "See that it is installed, and run the task with become: true.") from None
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        out, err = _end(process)
        raise TookTooLong(" ".join(arguments[:3]), timeout, f"{out}\n{err}", hint or "See on the host why it hangs, or give it more time.") from None
    return Completed(process.returncode, out, err)


def _end(process: subprocess.Popen[str]) -> t.Tuple[str, str]:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.communicate(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return "", ""
