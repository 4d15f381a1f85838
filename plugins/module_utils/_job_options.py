# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of one Job, for every module that makes Jobs; the documentation that belongs to them is in doc_fragments/job.py."""

from __future__ import annotations

import typing as t

POLICIES = ["Always", "IfNotPresent", "Never"]

JOB: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "image": {"type": "str"},
    "container": {"type": "str"},
    "command": {"type": "list", "elements": "str"},
    "args": {"type": "list", "elements": "str"},
    "env": {"type": "dict", "default": {}},
    "secret_env": {"type": "dict", "default": {}, "no_log": True},
    "env_from": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "configmap": {"type": "str"},
            "secret": {"type": "str", "no_log": False},
            "prefix": {"type": "str"},
            "optional": {"type": "bool", "default": False},
        },
        "mutually_exclusive": [("configmap", "secret")],
        "required_one_of": [("configmap", "secret")],
    },
    "files": {"type": "dict", "default": {}},
    "working_dir": {"type": "str"},
    "gpus": {"type": "int", "default": 0},
    "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
    "gpu_product": {"type": "str"},
    "resources": {"type": "dict", "options": {"limits": {"type": "dict"}, "requests": {"type": "dict"}}},
    "claims": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "claim": {"type": "str", "required": True},
            "path": {"type": "str", "required": True},
            "read_only": {"type": "bool", "default": False},
            "sub_path": {"type": "str"},
            "volume": {"type": "str"},
        },
    },
    "mounts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "empty_dir": {"type": "str"},
            "host_path": {"type": "str"},
            "memory": {"type": "bool", "default": False},
            "read_only": {"type": "bool", "default": False},
        },
        "mutually_exclusive": [("empty_dir", "host_path"), ("memory", "host_path")],
    },
    "pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "image_pull_policy": {"type": "str", "choices": POLICIES, "default": "IfNotPresent"},
    "retries": {"type": "int", "default": 0},
    "restart_policy": {"type": "str", "choices": ["Never", "OnFailure"], "default": "Never"},
    "deadline": {"type": "int"},
    "parallelism": {"type": "int"},
    "completions": {"type": "int"},
    "ttl": {"type": "int"},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
    "pod_labels": {"type": "dict", "default": {}},
    "node_name": {"type": "str"},
    "node_selector": {"type": "dict", "default": {}},
    "tolerations": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "key": {"type": "str", "no_log": False},
            "operator": {"type": "str", "choices": ["Exists", "Equal"]},
            "value": {"type": "str"},
            "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
        },
    },
    "runtime_class": {"type": "str"},
    "priority_class": {"type": "str"},
    "service_account": {"type": "str"},
    "automount_token": {"type": "bool", "default": False, "no_log": False},
    "pod_security": {"type": "str", "choices": ["restricted", "none"]},
    "run_as_user": {"type": "int"},
    "queue": {"type": "str"},
    "termination_grace": {"type": "int", "default": 10},
    "create_namespace": {"type": "bool", "default": False},
}
