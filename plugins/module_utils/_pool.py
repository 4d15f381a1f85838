# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bounded pool: the same work for many things at once, results in the order of the things."""

from __future__ import annotations

import threading
import time
import typing as t

Thing = t.TypeVar("Thing")
Made = t.TypeVar("Made")


# Python runs one thread at a time: where the answers come quickly, few threads are done sooner than many, and where they do not, more are soon there.
FIRST, MORE, PAUSE = 4, 8, 0.01
# More than this share of a processor, and further threads would only wait for it.
BUSY = 0.7


def each(things: t.Sequence[Thing], work: t.Callable[[Thing], Made], parallel: int, gently: bool = False) -> list[Made]:
    """The result for each thing. C(work) keeps its own failures; one that escapes is raised here when all the others are done.

    :param gently: begin with few threads, and take more while there is work that nobody has begun and the processor is not busy with what there is.
    """
    made: list[t.Any] = [None] * len(things)
    escaped: list[BaseException] = []
    places = iter(range(len(things)))
    lock, begun = threading.Lock(), threading.Event()

    def serve() -> None:
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                begun.set()
                return
            try:
                made[place] = work(things[place])
            except BaseException as error:  # noqa: B036  it is raised again below, in the caller's thread
                escaped.append(error)

    count = min(max(1, parallel), len(things))
    if count <= 1:
        serve()
    else:
        threads = start([serve] * (min(FIRST, count) if gently else count))
        while len(threads) < count:
            used, before = time.process_time(), time.monotonic()
            if begun.wait(PAUSE):
                break
            if time.process_time() - used < BUSY * (time.monotonic() - before):
                threads += start([serve] * min(MORE, count - len(threads)))
        for thread in threads:
            thread.join()
    if escaped:
        raise escaped[0]
    return made


def start(works: t.Sequence[t.Callable[[], None]]) -> list[threading.Thread]:
    """A thread for each. They end with the process: a signal that stops the task is not kept waiting by a dead host."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads
