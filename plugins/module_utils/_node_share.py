# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which part of a Deployment belongs to some nodes: its pods there, and how many there should be. Pure functions, no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._ownership import NODES, annotation, replicas_of
from ansible_collections.studioml.fleet.plugins.module_utils._pod_maps import alive
from ansible_collections.studioml.fleet.plugins.module_utils._scope import pinned_to
from ansible_collections.studioml.fleet.plugins.module_utils._work import is_ready

Thing = t.Dict[str, t.Any]


class Share(t.NamedTuple):
    """The pods, how many are wanted, how many are ready."""

    pods: list[Thing]
    replicas: int
    ready: int


def share(deployment: Thing, pods: list[Thing], nodes: t.Collection[str]) -> Share | None:
    """The part on C(nodes) (all of it when there are none); None when the Deployment has nothing to do with them.

    :param pods: those of the Deployment, wherever they are.
    """
    replicas = replicas_of(deployment)
    status = deployment.get("status") or {}
    whole = Share(pods, replicas, int(status.get("readyReplicas", status.get("numberReady", status.get("ready", 0)))))
    pinned = pinned_to(deployment)
    if not nodes or pinned in nodes or set(annotation(deployment, NODES).split(",")) & set(nodes):
        return whole
    there = [pod for pod in pods if pod["spec"].get("nodeName") in nodes]
    if there:
        return Share(there, sum(map(alive, there)), sum(map(is_ready, there)))
    elsewhere = sum(alive(pod) and bool(pod["spec"].get("nodeName")) for pod in pods)
    if pinned or (replicas and elsewhere >= replicas):
        return None
    return Share([], min(replicas - elsewhere, len(nodes)) if replicas else 0, 0)
