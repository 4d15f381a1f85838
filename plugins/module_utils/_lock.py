# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lock of the host, taken with a limit in time."""

from __future__ import annotations

import contextlib
import fcntl
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

POLL_SECONDS = 0.5


@contextlib.contextmanager
def held(path: str, timeout: float, what: str) -> t.Iterator[None]:
    """Hold a lock; it goes when the process ends, whatever happens.

    :raises FleetError: when another process holds it for longer than C(timeout) seconds.
    """
    deadline = time.monotonic() + timeout
    try:
        stream = open(path, "a", encoding="utf-8")  # noqa: SIM115  closed below
    except OSError as error:
        raise FleetError(f"{what}: the lock {path} cannot be opened: {error.strerror}.", "Run the task with become: true.") from None
    try:
        while not _try(stream.fileno()):
            if time.monotonic() >= deadline:
                raise FleetError(f"{what}: another process holds {path} for {timeout:g} seconds.", f"'fuser {path}' on the host shows which.")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        stream.close()


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
