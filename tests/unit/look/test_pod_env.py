# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's environment as Kubernetes would make it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, hostname, pod_fields, runner_container

MAPS: dict[str, t.Any] = {"env": {"data": {"A": "from the map", "B": "also"}}, "empty": {}}


def test_what_comes_later_wins_and_env_wins_over_env_from() -> None:
    sources: list[dict[str, t.Any]] = [{"configMapRef": {"name": "env"}}, {"prefix": "X_", "configMapRef": {"name": "env"}}]
    sources += [{"secretRef": {"name": "env"}}, {"configMapRef": {"name": "none"}}]
    values = environment({"envFrom": sources, "env": [{"name": "A", "value": "own"}, {"name": "E", "value": ""}]}, MAPS, {})
    assert values == {"A": "own", "B": "also", "X_A": "from the map", "X_B": "also", "E": ""}


def test_references() -> None:
    env = [
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "env", "key": "A"}}},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "ALL", "value": "$(NODE)/$(KEY)/$(LATER)/$$(NODE)"},
        {"name": "LATER", "value": "x"},
    ]
    values = environment({"env": env}, MAPS, {"spec.nodeName": "gpu1"})
    assert values == {"NODE": "gpu1", "KEY": "from the map", "ALL": "gpu1/from the map/$(LATER)/$(NODE)", "LATER": "x"}


def pod(**spec: t.Any) -> dict[str, t.Any]:
    env = spec.pop("env", [])
    return {"metadata": {"name": "runner-5f-x", "namespace": "ns"}, "spec": {"containers": [{"name": "r", "env": env}], **spec}}


NODE = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({}, "runner-5f-x"),
        ({"hostname": "given"}, "given"),
        ({"hostname": "a" * 62 + "-b"}, "a" * 62),
        ({"hostNetwork": True, "nodeName": "gpu1"}, "gpu1"),
        ({"env": [{"name": "HOSTNAME", "value": "own"}]}, "own"),
        ({"env": [NODE, {"name": "HOSTNAME", "value": "map-$(NODE_NAME)"}], "nodeName": "gpu1"}, "map-gpu1"),
        ({"env": [NODE, {"name": "HOSTNAME", "value": "map-$(NODE_NAME)"}]}, ""),
        ({"env": [{"name": "HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}, ""),
    ],
)
def test_the_name_of_the_node_map(spec: dict[str, t.Any], name: str) -> None:
    assert hostname(pod(**spec), {}) == name


def test_fields_that_are_not_settled_are_not_there() -> None:
    assert pod_fields(pod()) == {"metadata.name": "runner-5f-x", "metadata.namespace": "ns"}


def test_the_runner_is_the_first_container_or_the_one_of_its_name() -> None:
    spec = {"containers": [{"name": "a"}, {"name": "b"}]}
    assert (runner_container(spec)["name"], runner_container(spec, "b")["name"], runner_container(spec, "c")["name"]) == ("a", "b", "a")
