# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that work at many targets in one task; the argument spec that belongs to it is in module_utils/_door.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  targets:
    description:
      - Work at many targets in this one task, side by side, instead of at the one that O(kubeconfig) names.
      - >-
        An entry is the name of an inventory host, whose variables C(fleet_kubeconfig), C(fleet_context), C(fleet_namespace), C(fleet_cluster_id),
        C(fleet_node_name) and C(fleet_broker) are read, so that C("{{ groups.gpu_rack2 }}") is a whole rack.
      - >-
        Or it is a mapping with some of the keys C(name) (what results call it), C(kubeconfig), C(context), C(namespace), C(cluster_id), C(node) (a string),
        C(nodes), C(pods), C(map_names) (lists of strings), C(global) (a boolean) and C(broker) (a mapping). What an entry does not give is taken from the
        task's option of the same name; an entry with one of C(node), C(nodes), C(pods), C(map_names) and C(global) takes none of these from the task.
      - Two entries that mean the same are refused before anything is read.
      - The task fails when any target has failed; its result is complete all the same.
    type: list
    elements: raw
  parallel:
    description: With O(targets), how many of them are read or written at the same time. For one target, how many node maps are.
    type: int
    default: 64
  target_timeout:
    description:
      - With O(targets), seconds that reading and writing the maps, or looking, at one target may take in all.
      - Waiting for runners is not part of it. What comes beside the maps (pods, Deployments, the broker) has O(request_timeout) for each request.
    type: float
    default: 60
  batch:
    description:
      - With O(targets), how many of them are begun together; the next ones follow when these are done. V(0) is all of them.
      - All targets are read before the first one is written to.
    type: int
    default: 0
  max_failures:
    description:
      - With O(targets), how many of them may fail. When more have failed, no further one is begun, and those left are untouched.
      - Without it, all targets are tried.
    type: int
"""
