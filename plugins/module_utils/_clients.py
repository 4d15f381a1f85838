# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients for many targets: those with the same kubeconfig and context share one, those with the same server and user its connections."""

from __future__ import annotations

import collections
import dataclasses
import threading
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._apply import read_cluster_id
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kept import Kept
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import Target
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Params = t.Dict[str, t.Any]
Made = t.TypeVar("Made")


class Clients:
    """For targets with these parameters. May be shared by threads."""

    def __init__(self, targets: t.Iterable[Params], connect: t.Callable[[Params], Api]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._users = collections.Counter(_key(params) for params in targets)
        self._apis: dict[tuple[t.Any, ...], _Once[Api]] = {}
        self._ways: dict[Target, Kept] = {}
        self._on_way: collections.Counter[Kept] = collections.Counter()
        self._ids: dict[Kept, _Once[str]] = {}

    def of(self, params: Params) -> Api:
        """The client for a target."""
        with self._lock:
            once = self._apis.setdefault(_key(params), _Once())
        return once.get(lambda: self._sharing(self._connect(params)))

    def cluster_id(self, api: Api, seconds: float) -> str:
        """The identity of a cluster, asked once for each server and user."""
        with self._lock:
            once = self._ids.setdefault(api.way, _Once())
        return once.get(lambda: read_cluster_id(api.within(seconds)))

    def release(self, params: Params) -> None:
        """This target needs its client no more; with the last one the kept connections are closed, since there may be a thousand of them."""
        key = _key(params)
        with self._lock:
            self._users[key] -= 1
            once = self._apis.get(key) if self._users[key] <= 0 else None
            api = once.value if once and isinstance(once.value, Api) else None
            if api:
                self._on_way[api.way] -= 1
            last = api if api and self._on_way[api.way] <= 0 else None
        if last:
            last.close()

    def _sharing(self, api: Api) -> Api:
        user = dataclasses.replace(api.target, path="", context="", namespace="")
        with self._lock:
            api.share(self._ways.setdefault(user, api.way))
            self._on_way[api.way] += 1
        return api


def _key(params: Params) -> tuple[t.Any, ...]:
    """What targets with one client have in common."""
    return (params["kubeconfig"], params["context"])


class _Once(t.Generic[Made]):
    """A value that the first of several threads makes. A failure is raised to each of them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: Made | FleetError | None = None

    def get(self, make: t.Callable[[], Made]) -> Made:
        with self.lock:
            if self.value is None:
                try:
                    self.value = make()
                except FleetError as error:
                    self.value = error
            if isinstance(self.value, FleetError):
                raise self.value
            return self.value
