# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controllers that are processes of their own."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import threading

from place import Result


class Forks:
    """Starts them; the outcome of each is a file, once it is done."""

    def __init__(self) -> None:
        program = [sys.executable, str(pathlib.Path(__file__).with_name("controller.py"))]
        self.server = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def start(self, parameters: Result, outcome: pathlib.Path) -> int:
        """The number of the new process."""
        assert self.server.stdin and self.server.stdout
        with self._lock:
            self.server.stdin.write(json.dumps({"parameters": parameters, "outcome": str(outcome)}) + "\n")
            self.server.stdin.flush()
            return int(self.server.stdout.readline())

    def stop(self) -> None:
        assert self.server.stdin and self.server.stdout
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()
