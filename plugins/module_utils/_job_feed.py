# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A watch in a thread of its own, whose events go into somebody's inbox. It outlives its credentials where there are new ones."""

from __future__ import annotations

import queue
import threading
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError, Unreachable
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._renewed import renewed
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._watch import Watch

# An API server that has just started may not know its users' rights yet.
REFUSAL_SECONDS = 10.0
PAUSE = 0.5


class Feed:
    """Puts C((kind, event)) into the inbox, and C((kind, FleetError)) when it has to give up."""

    def __init__(
        self, kind: str, api: Api, path: str, query: dict[str, str], deadline: float, namespace: str, inbox: queue.Queue[tuple[str, t.Any]]
    ) -> None:
        self.kind, self.api, self.inbox = kind, api, inbox
        self._make: t.Callable[[], Watch] = lambda: Watch(api, path, query, deadline, namespace)
        self._watch = self._make()
        self._stopped = threading.Event()
        self._listed = False
        threading.Thread(target=self._run, daemon=True, name=f"watch {path}").start()

    @property
    def last_problem(self) -> ApiError | Unreachable | None:
        """What keeps it from hearing anything, for the moment."""
        return self._watch.last_problem

    def stop(self) -> None:
        """No more events."""
        self._stopped.set()
        self._watch.stop()

    def _run(self) -> None:
        refused = 0.0
        while not self._stopped.is_set():
            try:
                for event in self._watch:
                    self._listed, refused = True, 0.0
                    self.inbox.put((self.kind, event))
                return
            except ApiError as error:
                refused = refused or time.monotonic()
                again = (error.status == 401 and renewed(self.api)) or (
                    self._listed and error.status in (401, 403) and time.monotonic() - refused < REFUSAL_SECONDS
                )
                if not again:
                    self.inbox.put((self.kind, error))
                    return
                self._stopped.wait(PAUSE)
                self._watch = self._make()
            except FleetError as error:
                self.inbox.put((self.kind, error))
                return
