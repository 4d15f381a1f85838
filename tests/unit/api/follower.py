# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a runner makes of the maps: the same watch, and the rule that the last event wins, as the real one was seen doing it."""

from __future__ import annotations

import json
import threading
import time

from ansible_collections.studioml.fleet.plugins.module_utils._contract import STATES
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api


class Follower:
    """Follows the two maps of a runner on the real API server. C(heard) is every state that it was in, in order."""

    def __init__(self, admin: Api, namespace: str, hostname: str, configmap: str = "studioml-go-runner") -> None:
        self.api, self.namespace, self.names = admin, namespace, (configmap, hostname)
        self.heard: list[str] = []
        self.watches = 0
        self._last = ("", "")
        self._stopped = False
        self._connection = admin.open()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._marker = 0

    def __enter__(self) -> Follower:
        self._thread.start()
        self.caught_up()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped = True
        self._connection.abort()
        self._thread.join(10)

    @property
    def state(self) -> str:
        """What the runner does now, after all that was written before this was asked."""
        self.caught_up()
        return self.heard[-1] if self.heard else "Unknown"

    def expire(self) -> None:
        """The API server ends the watch, as it does within the hour: the runner opens another one, and all maps are replayed."""
        watches = self.watches
        self._connection.abort()
        _await(lambda: self.watches > watches)

    def caught_up(self) -> None:
        """Wait until a marker written now has come through the watch."""
        self._marker += 1
        marker, name = str(self._marker), f"zzz-marker-{self.names[1]}"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": self.namespace}, "data": {"marker": marker}}
        place = f"/api/v1/namespaces/{self.namespace}/configmaps/{name}"
        self.api.request("PATCH", place, {"fieldManager": "fleet-tests", "force": "true"}, body, "application/apply-patch+yaml")
        _await(lambda: self._seen == marker)

    _seen = ""

    def _follow(self) -> None:
        while not self._stopped:
            connection = self._connection = self.api.open()
            try:
                connection.connect()
                connection.request("GET", f"/api/v1/namespaces/{self.namespace}/configmaps?watch=true", headers=self.api.headers())
                response = connection.getresponse()
                self.watches += 1
                for line in response:
                    self._event(json.loads(line))
            except (OSError, ValueError):
                pass  # it was ended, perhaps in the middle of a line
            finally:
                connection.close()

    def _event(self, event: dict) -> None:
        thing = event["object"]
        name, data = thing["metadata"]["name"], thing.get("data") or {}
        self._seen = data.get("marker", self._seen)
        state = data.get("STATE")
        if name not in self.names or not state or (name, state) == self._last:
            return
        self._last = (name, state)
        self.heard.append(state if state in STATES else "Unknown")


def _await(condition) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "the watch did not come that far"
        time.sleep(0.01)
