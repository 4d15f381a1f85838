# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that are kept for the next request, shared by threads."""

from __future__ import annotations

import threading
import time

from ansible_collections.studioml.fleet.plugins.module_utils._connection import Connection

# A connection costs both ends more than a request. So only few are made at the same time, and whoever waits for his turn takes one that is free again.
OPENING = 4
LOOK = 1.0


class Kept:
    """Connections of one user to one server."""

    def __init__(self) -> None:
        self._free: list[Connection] = []
        self._opening = 0
        self._changed = threading.Condition()

    def take(self, deadline: float) -> Connection | None:
        """One that was used before. None is the turn to open another one; C(opened) ends the turn."""
        with self._changed:
            while not self._free:
                if self._opening < OPENING:
                    self._opening += 1
                    return None
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError("the deadline has passed before there was a connection")
                self._changed.wait(min(left, LOOK))
            return self._free.pop()

    def opened(self) -> None:
        """The connection is made, or could not be."""
        with self._changed:
            self._opening -= 1
            self._changed.notify()

    def give(self, connection: Connection) -> None:
        """It is free again."""
        with self._changed:
            self._free.append(connection)
            self._changed.notify()

    def close(self) -> None:
        """Close those that are free."""
        with self._changed:
            free, self._free = self._free, []
        for connection in free:
            connection.close()
