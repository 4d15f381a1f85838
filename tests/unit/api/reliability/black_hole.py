# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An address that swallows packets, without privileges: where nobody accepts and the queue is full, Linux answers no further SYN."""

from __future__ import annotations

import socket

# More than fit into the shortest queue.
FILLERS = 8


class Hole:
    """Lasts until C(close)."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(0)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.fillers: list[socket.socket] = []
        while not self._full():
            assert len(self.fillers) < FILLERS, "this system answers although nobody accepts"

    def close(self) -> None:
        for one in [*self.fillers, self.listener]:
            one.close()

    def _full(self) -> bool:
        self.fillers.append(socket.socket())
        self.fillers[-1].settimeout(0.1)
        try:
            self.fillers[-1].connect(self.listener.getsockname())
        except TimeoutError:
            return True
        return False
