# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(c) What an unchanged run asks of the API server, counted in its audit log; (e) how much memory the run of 1,000 targets takes."""

from __future__ import annotations

import contextlib
import pathlib
import threading

from plays import state
from table import Row
from world import World

MEMORY = 200


def measure(world: World, rounds: int) -> list[Row]:
    word, fleet = "DrainAndSuspend", {"targets": "{{ groups.fleet }}"}
    few_count = min(50, world.count)
    many, few = world.inventory(world.count), world.inventory(few_count)
    fan_out, each = world.play("fan-out", "localhost", state(word, **fleet)), world.play("per-host", "fleet", state(word))
    with Memory() as changing:
        world.ansible(many, world.play("fan-out-other", "localhost", state("DrainAndTerminate", **fleet)))
    world.ansible(many, fan_out)
    rows = []
    for what, inventory, play, count in (("fan-out", many, fan_out, world.count), ("per host", few, each, few_count)):
        world.asked(world.plane.mark())  # what came before is written
        mark = world.plane.mark()
        world.ansible(inventory, play)
        rows.append(Row(f"(c) requests, {what}, unchanged", "targets", world.asked(mark), count, 1, unit=""))
    rows.append(Row(f"(e) memory, {world.count} targets, all change", "bar", changing.peak / 1e6, MEMORY, 1, unit="MB"))
    return rows


class Memory(threading.Thread):
    """The most that all processes below this one have had at a time, what they share counted once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self._stopped = 0, threading.Event()
        self._before = set(_below("self"))

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        while not self._stopped.wait(0.05):
            found = set(_below("self")) - self._before
            self.peak = max(self.peak, sum(_share(process) for process in found))


def _below(process: str) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [child, *_below(child)]
    return found


def _share(process: str) -> int:
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
