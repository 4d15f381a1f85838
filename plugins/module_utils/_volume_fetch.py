# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder out of a claim: a short Job mounts it, holds still while it is copied, and goes. It ends by itself when nobody is left to end it."""

from __future__ import annotations

import contextlib
import os
import random
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _jobs, _names
from ansible_collections.studioml.fleet.plugins.module_utils._artefacts_spec import RELEASE, SCRIPT
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import Made, hashed, objects
from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Params = t.Dict[str, t.Any]
Thing = t.Dict[str, t.Any]

CONTAINER, MOUNT = "fetch", "/claim"
# Seconds after its end until the cluster removes it, when nobody else has.
TTL = 60


def fetch(api: Api, params: Params, namespace: str, check: bool, report: t.Callable[[str], None] | None = None, label: str = "") -> Thing:
    """Copy what the options name; in check mode only see whether the claim is there."""
    claim = _names.dns_name(params["claim"], "claim")
    folder = _inside(params["path"])
    if params["timeout"] < 1 or params["max_bytes"] < 1:
        raise FleetError("timeout and max_bytes are numbers above 0.", "Correct them.")
    if api.find(path("PersistentVolumeClaim", namespace, claim), namespace) is None:
        raise FleetError(f"Claim {claim} is not in namespace {namespace}.", "Correct claim or namespace; kubectl get pvc lists what there is.")
    result: Thing = {"changed": True, "namespace": namespace, "claim": claim, "dest": os.path.abspath(os.path.expanduser(params["dest"]))}
    if check:
        return result
    from ansible_collections.studioml.fleet.plugins.module_utils import _artefacts, _exec
    from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import to_end

    copied: list[Thing] = []

    def copy(pod: Thing) -> None:
        name = pod["metadata"]["name"]
        copied.append(_artefacts.fetch(api, namespace, name, CONTAINER, f"{MOUNT}/{folder}", params["dest"], params["max_bytes"], params["timeout"]))
        with contextlib.suppress(FleetError):  # it is deleted anyhow
            _exec.run(api, namespace, name, CONTAINER, RELEASE, lambda content: None)

    spec = _spec(claim, namespace, params)
    live = _jobs.present(api, lambda _name: _made(spec), spec.name, namespace).live or {}
    try:
        ended = to_end(
            api,
            namespace,
            spec.name,
            timeout=params["timeout"],
            report=report,
            label=label or claim,
            image_pull=params["image_pull_grace"],
            schedule=params["schedule_grace"],
            running=copy,
        )
    finally:
        _jobs.delete(api, live, "Background")
    if not copied:
        raise FleetError(ended.get("message") or f"The pod that mounts claim {claim} ended before anything was copied.", ended.get("hint") or "Run it again.")
    changed = copied[0].pop("changed")
    return {**result, **copied[0], "changed": changed > 0}


def _spec(claim: str, namespace: str, params: Params) -> JobSpec:
    name = _names.shortened(f"fetch-{claim}", _names.LABEL - 6) + "-" + "".join(random.choices(_jobs.LETTERS, k=5))
    return JobSpec(
        name=name,
        namespace=namespace,
        image=params["image"],
        container=CONTAINER,
        command=["sh", "-c", SCRIPT, "sh", str(int(params["timeout"]))],
        image_pull_policy=params["image_pull_policy"],
        pull_secrets=[_names.dns_name(one, "pull_secrets") for one in params["pull_secrets"]],
        claims=[{"claim": claim, "path": MOUNT, "read_only": True, "sub_path": "", "volume": ""}],
        limits={"cpu": "1", "memory": "256Mi"},
        requests={"cpu": "10m", "memory": "16Mi"},
        deadline=int(params["timeout"]) + TTL,
        ttl=TTL,
        node_name=params["node_name"] or "",
        restricted=params["run_as_user"] != 0,
        run_as_user=params["run_as_user"],
        termination_grace=1,
    )


def _made(spec: JobSpec) -> Made:
    """It only reads, so nothing about the claim's files may change: no group is given to them."""
    job, owned = objects(spec)
    job["spec"]["template"]["spec"].get("securityContext", {}).pop("fsGroup", None)
    job["spec"]["template"]["spec"].get("securityContext", {}).pop("fsGroupChangePolicy", None)
    return hashed(job, owned)


def _inside(folder: str) -> str:
    """A path below the claim."""
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FleetError(f"path: {folder} leads out of the claim.", "Give a path in it, without any '..'.")
    return "/".join(parts)
