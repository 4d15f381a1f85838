# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cache keeps of two real clusters: what was found, not what was not, and no credential."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
from ansible.inventory.data import InventoryData
from inventory_runs import Inventory, Listed
from test_inventory_plugin import secret
from two_clusters import NAMESPACE, TwoClusters

pytestmark = pytest.mark.apiserver


class Cached:
    """An inventory with a cache of its own, and how many requests each cluster gets."""

    def __init__(self, inventory: Inventory, clusters: TwoClusters, place: pathlib.Path) -> None:
        self.inventory, self.clusters, self.place = inventory, clusters, place
        self.options: dict[str, t.Any] = {"kubeconfig": str(clusters.kubeconfig), "namespace": NAMESPACE, "gather": []}
        self.options.update(cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(place))
        self.inventory.configure(**self.options)

    def requests(self, cache: bool = True, **changes: t.Any) -> list[int]:
        """How many C(research) and C(edge) get."""
        self.inventory.configure(**{**self.options, **changes})
        return self.counted(lambda: self.inventory.parse(cache))

    def counted(self, look: t.Callable[[], InventoryData | Listed]) -> list[int]:
        planes = (self.clusters.research.plane, self.clusters.edge.plane)
        marks = [plane.mark() for plane in planes]
        self.found = look()
        return [len(plane.requests(mark)) for plane, mark in zip(planes, marks, strict=True)]

    def hosts(self, group: str) -> list[str]:
        return sorted(host.name for host in t.cast(InventoryData, self.found).groups[group].get_hosts())

    def texts(self) -> list[str]:
        return [path.read_text(encoding="utf-8") for path in self.place.iterdir()]


@pytest.fixture
def cached(inventory: Inventory, clusters: TwoClusters, tmp_path: pathlib.Path) -> Cached:
    return Cached(inventory, clusters, tmp_path / "cache")


def test_a_cluster_is_asked_once_by_the_command(cached: Cached) -> None:
    assert cached.counted(cached.inventory.list) == [6, 6]
    first = t.cast(Listed, cached.found)
    assert cached.counted(cached.inventory.list) == [0, 0]
    again = t.cast(Listed, cached.found)
    assert again.raw == first.raw and again.groups == first.groups
    (text,) = cached.texts()
    assert "NVIDIA-A100" in text
    assert not any(secret(one.plane) in text for one in (cached.clusters.research, cached.clusters.edge))


def test_refreshed_it_is_asked_again(cached: Cached) -> None:
    assert cached.requests() == [6, 6]
    assert cached.requests() == [0, 0]
    assert cached.requests(cache=False) == [6, 6]
    assert cached.requests() == [0, 0]


def test_asked_differently_it_is_asked_again(cached: Cached) -> None:
    assert cached.requests() == [6, 6]
    assert cached.requests(hosts="nodes") == [6, 6]
    assert cached.hosts("clusters") == ["cpu1.research", "gpu1.edge", "gpu1.research", "gpu2.research"]
    assert cached.requests(hosts="nodes", contexts=["edge"]) == [0, 0]
    assert cached.requests(namespace="default") == [6, 6]


def test_a_dead_cluster_is_asked_each_time(cached: Cached) -> None:
    with cached.clusters.edge.stopped():
        assert cached.requests() == [6, 0]
        assert cached.requests() == [0, 0]
        assert cached.hosts("fleet_unreachable") == ["edge"]
    assert cached.requests() == [0, 6]
    assert cached.hosts("fleet_unreachable") == []
    assert cached.requests() == [0, 0]


def test_what_was_found_grows_old_although_the_file_gets_younger(cached: Cached) -> None:
    assert cached.requests() == [6, 6]
    (path,) = cached.place.iterdir()
    text = path.read_text(encoding="utf-8")
    first, second = re.findall(r'at\\*": ?([0-9.]+)', text)
    path.write_text(text.replace(first, str(float(first) - 3600)), encoding="utf-8")
    assert first != second and float(first) > 1e9
    assert sorted(cached.requests()) == [0, 6]
    assert cached.requests() == [0, 0]
