# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two controllers at one place, each with its own way to both servers, and who of them may go on when."""

from __future__ import annotations

import random
import threading
import time
import typing as t

from fault_proxy import Exchange, Rule
from place import MUTATING, Place, Result, Task

# Whoever has the turn and asks for nothing for so long lets the other one go on.
IDLE = 0.1


class Hand:
    """One of the two controllers: every request of its own passes C(gate) before it reaches a server."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        self.api, self.broker = place.site.api_proxy(), place.site.broker_proxy()
        self.path = place.site.plane.kubeconfig(f"{place.namespace}-{name}", server=self.api.url, namespace=place.namespace)
        self.gate: t.Callable[[str], None] = lambda _request: None
        self.task: Task | None = None
        for proxy in (self.api, self.broker):
            proxy.rules = [Rule(self._pass)]

    def start(self, what: Result) -> None:
        """Time for each request is long: it stands at the gate."""
        entry = {**self.place.entry(url=self.broker.url), "kubeconfig": str(self.path), "name": self.name}
        self.task = Task(self.place.site, [entry], **{"wait": False, "request_timeout": 90, "target_timeout": 180, **what})

    def over(self) -> bool:
        return self.task is not None and bool(self.task.result)

    def entry(self) -> Result:
        assert self.task
        return self.task.done()[self.name]

    def stop(self) -> None:
        for proxy in (self.api, self.broker):
            proxy.stop()

    def _pass(self, exchange: Exchange) -> bool:
        if not exchange.request.watch and "access" not in exchange.request.path:
            self.gate(str(exchange.request))
        return exchange.relay()


class Held:
    """A gate that a hand stands at before its n-th write, until it may go on."""

    def __init__(self, hand: Hand, number: int) -> None:
        self.hand, self.number, self.seen = hand, number, 0
        self.reached, self.go = threading.Event(), threading.Event()
        self.at = ""
        hand.gate = self._stand

    def _stand(self, request: str) -> None:
        if request.split()[0] not in MUTATING or self.go.is_set():
            return
        self.seen += 1
        if self.seen == self.number:
            self.at = request
            self.reached.set()
            self.go.wait(120)

    def until_it_stands(self) -> None:
        """Or is done without ever coming there."""
        while not self.reached.wait(0.02) and not self.hand.over():
            pass


class Turns:
    """A gate for each hand, at every request: chance, always the same one, says after each who goes on."""

    def __init__(self, hands: t.Sequence[Hand], seed: int) -> None:
        self.hands, self.chance = hands, random.Random(seed)
        self.often = self.chance.choice((0.1, 0.3, 0.6))
        self.turn, self.moved = self.chance.randrange(len(hands)), time.monotonic()
        self.changed = threading.Condition()
        for number, hand in enumerate(hands):
            hand.gate = lambda _request, number=number: self._take(number)

    def _take(self, number: int) -> None:
        with self.changed:
            while self.turn != number and not self.hands[self.turn].over() and time.monotonic() - self.moved < IDLE:
                self.changed.wait(IDLE / 4)
            self.moved = time.monotonic()
            self.turn = 1 - number if self.chance.random() < self.often else number
            self.changed.notify_all()


def pair(place: Place) -> tuple[Hand, Hand]:
    return Hand(place, "first"), Hand(place, "second")
