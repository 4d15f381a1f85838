# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collections of objects as they are now, kept up to date by one watch each: what somebody who waits looks at instead of asking again and again."""

from __future__ import annotations

import queue
import threading
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api, pause
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event, Watch

Thing = t.Dict[str, t.Any]


class Collection(t.NamedTuple):
    """What to watch. An optional one that the user may not list is left out."""

    path: str
    query: t.Dict[str, str]
    optional: bool = False


class Mirror:
    """Several collections at once; to be used as a context. C(problem) is set while a watch gets no usable answer."""

    def __init__(self, api: Api, collections: dict[str, Collection], namespace: str, deadline: float) -> None:
        self._api, self._collections, self._namespace, self._deadline = api, collections, namespace, deadline
        self._items: dict[str, dict[str, Thing]] = {}
        self._inbox: queue.Queue[tuple[str, Event | Exception]] = queue.Queue()
        self._watches: dict[str, Watch] = {}
        self._problems: dict[str, Unreachable] = {}
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in collections]
        self.refused: list[str] = []

    def __enter__(self) -> Mirror:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_details: t.Any) -> None:
        self._over.set()
        for watch in list(self._watches.values()):
            watch.stop()
        for thread in self._threads:
            thread.join(1)

    @property
    def complete(self) -> bool:
        """Whether every collection has been listed."""
        return len(self._items) + len(self.refused) == len(self._collections)

    @property
    def problem(self) -> ApiError | Unreachable | None:
        """Why what is shown may be out of date."""
        silent = [watch.last_problem for watch in list(self._watches.values()) if watch.last_problem]
        return next(iter([*self._problems.values(), *silent]), None)

    def of(self, kind: str) -> list[Thing]:
        """The objects of one collection, by name."""
        return [thing for _name, thing in sorted(self._items.get(kind, {}).items())]

    def wait(self, seconds: float) -> bool:
        """Take in what the watches tell, for so long or until there is something new; whether there was."""
        try:
            self._take(*self._inbox.get(timeout=max(0.0, seconds)))
        except queue.Empty:
            return False
        while not self._inbox.empty():
            self._take(*self._inbox.get_nowait())
        return True

    def _take(self, kind: str, news: Event | Exception) -> None:
        if isinstance(news, ApiError) and news.status == 403 and self._collections[kind].optional:
            self.refused.append(kind)
        elif isinstance(news, Exception):
            raise news
        elif news.type == "LISTED":
            self._items[kind] = {thing["metadata"]["name"]: thing for thing in news.objects}
        elif news.type == "DELETED":
            self._items[kind].pop(news.objects[0]["metadata"]["name"], None)
        else:
            self._items[kind][news.objects[0]["metadata"]["name"]] = news.objects[0]

    def _follow(self, kind: str) -> None:
        """Body of a thread. An API server that cannot be reached is awaited; one that says no ends the wait."""
        collection, failures = self._collections[kind], 0
        while not self._over.is_set() and time.monotonic() < self._deadline:
            watch = self._watches[kind] = Watch(self._api, collection.path, dict(collection.query), self._deadline, self._namespace)
            try:
                for event in watch:
                    failures = 0
                    self._problems.pop(kind, None)
                    self._inbox.put((kind, event))
            except Unreachable as problem:
                failures += 1
                self._problems[kind] = problem
                self._over.wait(pause(failures))
            except Exception as error:  # whatever it is: what nobody follows any more must not be looked at
                self._inbox.put((kind, error))
                return
