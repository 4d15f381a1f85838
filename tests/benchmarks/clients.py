# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(b) 1,000 targets in one task, and 1,000 node maps of one cluster, beside a bare threaded client that does the same requests."""

from __future__ import annotations

import statistics

from plays import ASSERT, state
from table import Row
from world import NODES, World

STATES = ("DrainAndSuspend", "Running")


def measure(world: World, rounds: int) -> list[Row]:
    clusters, nodes = world.inventory(world.count), world.nodes_inventory(world.count)
    fleet = {"targets": "{{ groups.fleet }}"}
    start = world.play("assert-localhost", "localhost", ASSERT)
    plays = {word: world.play(f"fan-out-{word}", "localhost", state(word, **fleet)) for word in STATES}
    lines = {
        "clusters": [f"{world.path(name)} {name} {name}" for name in world.names],
        "nodes": [f"{world.path(world.names[0])} {NODES} {name}" for name in world.names],
    }
    took: dict[str, list[float]] = {}
    for number in range(rounds + 1):  # the first round makes the maps and does not count
        for what, inventory in (("clusters", clusters), ("nodes", nodes)):
            for case, word in (("all change", STATES[0]), ("unchanged", STATES[0])):
                values = {
                    f"start {what}": world.ansible(inventory, start),
                    f"{what}, {case}": world.ansible(inventory, plays[word]),
                }
                if case == "all change":
                    world.bare(what, STATES[1], lines[what])  # back, so that both have all to do
                    values[f"bare {what}, {case}"] = world.bare(what, word, lines[what])
                else:
                    values[f"bare {what}, {case}"] = world.bare(what, word, lines[what])
                    world.bare(what, STATES[1], lines[what])
                for name, seconds in values.items() if number else ():
                    took.setdefault(name, []).append(seconds)
    medians = {name: statistics.median(times) for name, times in took.items()}
    titles = {"clusters": f"{world.count} targets", "nodes": f"{world.count} node maps of one cluster"}
    rows = []
    for what, title in titles.items():
        for case in ("all change", "unchanged"):
            ours, bare = medians[f"{what}, {case}"] - medians[f"start {what}"], medians[f"bare {what}, {case}"]
            # with nothing to write, all nodes of a cluster are one request, and there is nothing to compare
            limit = None if (what, case) == ("nodes", "unchanged") else 3
            rows.append(Row(f"(b) {title}, {case}, less start-up", "bare client", ours, bare, limit))
    return rows
