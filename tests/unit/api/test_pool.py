# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads side by side: the pool, and the connections that they share."""

from __future__ import annotations

import resource
import threading
import time
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _descriptors, _pool
from ansible_collections.studioml.fleet.plugins.module_utils._kept import OPENING, Kept


class Crowd:
    """Counts how many are inside at the same time."""

    def __init__(self) -> None:
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_error: object) -> None:
        with self.lock:
            self.inside -= 1


@pytest.mark.parametrize("gently", [False, True])
def test_results_come_in_order_and_no_more_than_allowed_run_at_once(gently: bool) -> None:
    crowd = Crowd()

    def work(number: int) -> int:
        with crowd:
            time.sleep(0.002)
        return number * 2

    assert _pool.each(range(200), work, 20, gently) == [number * 2 for number in range(200)]
    assert crowd.most <= 20


def test_all_begin_at_once_where_all_are_to_wait_together() -> None:
    barrier = threading.Barrier(100)
    assert _pool.each(range(100), lambda _number: barrier.wait(120) >= 0, 100) == [True] * 100


def test_a_gentle_pool_grows_when_all_of_its_threads_wait() -> None:
    barrier = threading.Barrier(_pool.FIRST + 10)
    count = _pool.FIRST + 10
    assert _pool.each(range(count), lambda _number: barrier.wait(120) >= 0, count, gently=True) == [True] * count


def test_an_unexpected_error_is_raised_when_the_others_are_done() -> None:
    done = []

    def work(number: int) -> None:
        if number == 3:
            raise KeyError(number)
        done.append(number)

    with pytest.raises(KeyError):
        _pool.each(range(10), work, 4)
    assert sorted(done) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert _pool.each([], work, 4) == []


def test_few_connections_are_opened_at_once_and_a_free_one_is_taken() -> None:
    kept, crowd = Kept(), Crowd()
    made: list[object] = []

    def use(_number: int) -> None:
        connection: t.Any = kept.take(time.monotonic() + 120)
        if connection is None:
            with crowd:
                time.sleep(0.01)
                connection = object()
                made.append(connection)
            kept.opened()
        kept.give(connection)

    _pool.each(range(500), use, 64)
    assert crowd.most <= OPENING
    assert len(made) < 64, "most have taken one that was free again"


def test_who_waits_for_a_connection_does_so_until_the_deadline() -> None:
    kept = Kept()
    for _turn in range(OPENING):
        assert kept.take(time.monotonic() + 120) is None
    with pytest.raises(TimeoutError, match="the deadline has passed before there was a connection"):
        kept.take(time.monotonic() + 0.05)
    kept.opened()
    assert kept.take(time.monotonic() + 120) is None


def test_a_process_may_open_as_many_files_as_its_targets_need(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _what, pair: limits.append(pair))
    for count in (10, 3000, 10000):
        _descriptors.allow(count)
    assert limits == [(3000 + _descriptors.SPARE, 4096), (4096, 4096)]
