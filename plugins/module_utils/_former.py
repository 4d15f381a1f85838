# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The former version of a runner: kept before a change of its pods, with the environment that went with them, and brought back on request.

Kubernetes keeps former templates by itself, but not the ConfigMap and the Secret that they read; so both are kept together, in a Secret of ours.
"""

from __future__ import annotations

import base64
import json
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._apply import server_side_apply
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import extracted
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
KEY = "former"


def name_of(runner: workload.Runner) -> str:
    """The Secret that keeps it."""
    return f"{runner.deployment}-former"


def keep(api: Api, runner: workload.Runner, parts: t.Sequence[Thing | None]) -> None:
    """Remember what is there now; C(parts) are the environment's objects and at last the Deployment, as they were read."""
    kept = [_ours(part) for part in parts if part is not None]
    record = base64.b64encode(json.dumps({"hash": workload.config_hash(parts[-1]), "objects": kept}, sort_keys=True).encode()).decode("ascii")
    body = workload.bare(runner, "Secret", name_of(runner))
    server_side_apply(api, {**body, "type": "Opaque", "data": {KEY: record}}, check=False, force=True)


def recall(api: Api, runner: workload.Runner) -> tuple[str, list[Thing]]:
    """The hash of the former template, and the objects to apply for it; the Deployment is the last one."""
    kept = api.find(path("Secret", runner.namespace, name_of(runner)), runner.namespace)
    if kept is None:
        raise FleetError(
            f"{runner.kind} {runner.deployment} in namespace {runner.namespace} has no former version.",
            "There is one after the first change of a runner that was up. Deploy the version that is wanted with state: present.",
        )
    record = json.loads(base64.b64decode(kept["data"][KEY]))
    return str(record["hash"]), list(record["objects"])


def _ours(live: Thing) -> Thing:
    """The fields that we have set, in the form of an apply."""
    body = extracted(live)
    body.update(apiVersion=live.get("apiVersion") or workload.VERSIONS.get(live["kind"], "v1"), kind=live["kind"])
    body["metadata"] = {**(body.get("metadata") or {}), "name": live["metadata"]["name"], "namespace": live["metadata"]["namespace"]}
    return body
