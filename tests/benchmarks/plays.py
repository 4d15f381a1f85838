# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(a) Whole plays of 50 targets: the two doors beside a bare C(assert), and beside kubernetes.core.k8s on each host.

The targets are clusters of their own (50 kubeconfigs, 50 client certificates, 50 connections), and the nodes of one cluster. What the bare client of (b) takes
for the same requests, added to the bare assert, says where the floor is on this machine.
"""

from __future__ import annotations

import statistics
import typing as t

from table import Row
from world import World

TARGETS = 50
ASSERT = {"ansible.builtin.assert": {"that": "true", "quiet": True}}
GLOBAL = "studioml-go-runner"
# For 50 targets 64 threads are no quicker than 8 by more than a twentieth.
THREADS = 8


def state(word: str, **more: t.Any) -> dict[str, t.Any]:
    return {"studioml.fleet.runner_state": {"state": word, **more}}


def k8s(word: str) -> dict[str, t.Any]:
    definition = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GLOBAL, "namespace": "{{ fleet_namespace }}"}, "data": {"STATE": word}}
    return {"kubernetes.core.k8s": {"kubeconfig": "{{ fleet_kubeconfig }}", "definition": definition}}


def measure(world: World, rounds: int) -> list[Row]:
    clusters, nodes = world.inventory(TARGETS), world.nodes_inventory(TARGETS)
    drain, run = "DrainAndSuspend", "Running"
    fleet = {"targets": "{{ groups.fleet }}"}
    fan_out, back = world.play("fan-out", "localhost", state(drain, **fleet)), world.play("fan-out-back", "localhost", state(run, **fleet))
    each, each_back = world.play("per-host", "fleet", state(run)), world.play("per-host-back", "fleet", state(drain))
    bases = {"fan-out": "one", "per host": "each", "k8s": ""}
    runs = {
        "one": (clusters, world.play("assert-localhost", "localhost", ASSERT)),
        "each": (clusters, world.play("assert-hosts", "fleet", ASSERT)),
        # in this order: after a play that changes all, the same one again changes nothing
        "fan-out, clusters, all change": (clusters, fan_out),
        "fan-out, clusters, unchanged": (clusters, fan_out),
        "fan-out, nodes, all change": (nodes, fan_out),
        "fan-out, nodes, unchanged": (nodes, fan_out),
        "per host, clusters, all change": (clusters, each),
        "per host, clusters, unchanged": (clusters, each),
        "per host, nodes, all change": (nodes, each),
        "per host, nodes, unchanged": (nodes, each),
        "k8s": (clusters, world.play("k8s", "fleet", k8s("DrainAndTerminate"))),
    }
    slow_rounds = max(1, rounds // 5)
    took: dict[str, list[float]] = {name: [] for name in [*runs, "bare"]}
    lines = [f"{world.path(name)} {name} {name}" for name in world.names[:TARGETS]]
    world.ansible(clusters, back)
    world.ansible(nodes, each_back)
    for number in range(-1, rounds):  # the first round warms the caches of the machine and does not count
        for name, (inventory, play) in list(runs.items())[2:]:
            if name == "k8s" and not 0 <= number < slow_rounds:
                continue
            base = bases[name.split(",")[0]]
            # what it is compared with runs just before it, each time
            seconds = {one: world.ansible(*runs[one]) for one in (base,) if one}
            seconds[name] = world.ansible(inventory, play)
            for one, value in seconds.items() if number >= 0 else ():
                took[one].append(value)
        # a state that the maps do not have from the last play
        floor = world.bare("clusters", run if 0 <= number < slow_rounds else "DrainAndTerminate", lines, THREADS)
        took["bare"] += [floor] if number >= 0 else []
    medians = {name: statistics.median(times) for name, times in took.items()}

    def row(name: str, other: str, limit: float) -> Row:
        door, shape, case = name.split(", ")
        of = {"clusters": f"{TARGETS} clusters", "nodes": f"{TARGETS} nodes of one cluster"}[shape]
        return Row(f"(a) {door}, {of}, {case}", f"assert on {'localhost' if other == 'one' else 'the same hosts'}", medians[name], medians[other], limit)

    rows = [row(name, base, most) for kind, base, most in (("fan-out", "one", 1.25), ("per host", "each", 1.2)) for name in runs if name.startswith(kind)]
    floor = medians["bare"]
    rows += [
        Row(f"(a) bare client after an assert, {TARGETS} clusters, all change", f"assert on {where}", medians[base] + floor, medians[base], None)
        for base, where in (("one", "localhost"), ("each", "the same hosts"))
    ]
    ours = "per host, clusters, all change"
    return [*rows, Row(f"(a) kubernetes.core.k8s, {TARGETS} hosts, all change", "per host, all change", medians["k8s"], medians[ours], 15, least=True)]
