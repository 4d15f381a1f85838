# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the runner's own example manifests ask for, as data, and how a user's options go over it. Pure, no I/O.

Left out of the manifests on purpose: the driver's files by hostPath (the NVIDIA runtime brings them, and a path that is not there keeps a pod from starting),
GPU resources of alpha names, the 20 replicas of Azure's manifest (the size of one cluster), and C(imagePullPolicy: Always) for images with a fixed tag.
"""

from __future__ import annotations

import typing as t

Options = t.Dict[str, t.Any]

_KEYS = [{"mount": "encryption"}, {"mount": "passphrase"}, {"mount": "signing"}, {"mount": "response-encrypt"}]
_OPTIONAL_KEYS = [{"mount": "encryption", "optional": True}, {"mount": "passphrase", "optional": True}, *_KEYS[2:]]
_SQS = [{"mount": "aws-sqs", "optional": True}]

_WORK = "/tmp"  # noqa: S108  where the runner unpacks experiments, in its own container

PROFILES: t.Dict[str, Options] = {
    # one machine: RabbitMQ and MinIO beside the runner (role companions), no GPU
    "local": {"resources": {"limits": {"cpu": "2", "memory": "8Gi"}}, "secret_mounts": _KEYS},
    "docker": {"resources": {"limits": {"cpu": "3", "memory": "4Gi"}, "requests": {"cpu": "3", "memory": "4Gi"}}, "secret_mounts": _KEYS},
    "aws": {
        "gpus": 1,
        "resources": {"limits": {"cpu": "2", "memory": "32Gi"}},
        "mounts": [{"path": _WORK, "empty_dir": "200Gi"}],
        "secret_mounts": [*_OPTIONAL_KEYS, *_SQS],
    },
    "azure": {
        "gpus": 1,
        "resources": {"limits": {"cpu": "5", "memory": "40Gi"}, "requests": {"cpu": "5", "memory": "40Gi"}},
        "mounts": [{"path": _WORK, "empty_dir": "80Gi"}],
        "secret_mounts": _KEYS[:3],
    },
    "google": {
        "gpus": 1,
        "resources": {"limits": {"cpu": "2", "memory": "11Gi"}},
        "mounts": [{"path": _WORK, "empty_dir": "200Gi"}],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}],
        "secret_mounts": [*_KEYS, *_SQS],
    },
}
# What differs where the profile is used for a one-shot Job: a runner on a spot instance that ends when its queue stays empty.
JOBS: t.Dict[str, Options] = {
    "aws": {"resources": {"limits": {"cpu": "2", "memory": "16Gi"}}, "env": {"LIMIT_IDLE_DURATION": "15m", "ALLOW_ENV_SECRETS": "true"}},
}
# What holds where neither the user nor the profile says anything.
BASE: Options = {
    "kind": "Deployment",
    "gpus": 0,
    "resources": {},
    "env": {},
    "mounts": [],
    "secret_mounts": [],
    "node_selector": {},
    "tolerations": [],
}


def over(params: Options) -> Options:
    """The options with those of the profile under them: a value that is given wins, maps key by key, mounts path by path."""
    profile = dict(PROFILES.get(params.get("profile") or "", {}))
    kind = params.get("kind") or profile.get("kind") or BASE["kind"]
    if kind == "Job":
        for option, value in JOBS.get(params.get("profile") or "", {}).items():
            profile[option] = value
    merged = dict(params)
    for option, base in BASE.items():
        below, given = profile.get(option, base), params.get(option)
        merged[option] = below if given is None else _over(option, below, given)
    return merged


def _over(option: str, below: t.Any, given: t.Any) -> t.Any:
    if option == "resources":
        return {part: {**(below.get(part) or {}), **(given.get(part) or {})} for part in ("limits", "requests")}
    if option == "mounts":
        return [one for one in below if one["path"] not in {mine["path"] for mine in given}] + given
    if option == "secret_mounts":
        mine = {(one["mount"], one.get("account") or "default") for one in given}
        return [one for one in below if (one["mount"], "default") not in mine] + given
    return {**below, **given} if isinstance(below, dict) and isinstance(given, dict) else given
