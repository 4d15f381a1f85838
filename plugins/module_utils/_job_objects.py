# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of one Job, built from a checked specification: the Job, and the ConfigMap and the Secret that belong to it. Pure functions, no I/O."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._fields import FIELD_MANAGER, project
from ansible_collections.studioml.fleet.plugins.module_utils._workload import MANAGED_BY

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec

Thing = t.Dict[str, t.Any]
# A Job, and what belongs to it.
Made = t.Tuple[Thing, t.List[Thing]]

JOB_LABEL, GRID_LABEL = "fleet.studioml.ai/job", "fleet.studioml.ai/grid"
# Tells a Job that is asked for from one that is there: of its own fields, of its files, of its secrets.
HASH = "fleet.studioml.ai/job-hash"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
# The user of a restricted Job that names none: the one that distroless images call nonroot, no user of any node.
NOBODY = 65532
# Fields that the server fills in by itself; of the last two only a 1.
ONE = ("/completions", "/parallelism")
DEFAULTED = (
    *("/completionMode", "/podReplacementPolicy", "/terminationMessagePath", "/terminationMessagePolicy", "/dnsPolicy", "/schedulerName"),
    *("/serviceAccount", "/defaultMode", "/hostPath/type", "/manualSelector", "/selector", *ONE),
)
# On a Job whose ConfigMap and Secret are not there yet: it is suspended until they are, and whoever finds it goes on.
UNFINISHED = "fleet.studioml.ai/unfinished"


def objects(spec: JobSpec) -> Made:
    """The Job with its hash, and what it needs: made after it, owned by it, gone with it."""
    owned = []
    if spec.files:
        owned.append(_object(spec, "ConfigMap", files_name(spec.name), data={_key(number): text for number, text in enumerate(spec.files.values())}))
    if spec.secret_env:
        data = {key: base64.b64encode(value.encode()).decode("ascii") for key, value in spec.secret_env.items()}
        owned.append(_object(spec, "Secret", secret_name(spec.name), type="Opaque", data=data))
    return hashed(_job(spec), owned)


def files_name(job: str) -> str:
    """The ConfigMap with the files of a Job."""
    return f"{job}-files"


def secret_name(job: str) -> str:
    """The Secret with the secret environment of a Job."""
    return f"{job}-env"


def hashed(job: Thing, owned: t.List[Thing]) -> Made:
    """The same with the hash of everything in it: to be called again by whoever changes a Job that C(objects) has made."""
    made = copy.deepcopy(job)
    annotations = made["metadata"].setdefault("annotations", {})
    annotations.pop(HASH, None)
    files = [thing["data"] for thing in owned if thing["kind"] == "ConfigMap"]
    secrets = [thing["data"] for thing in owned if thing["kind"] == "Secret"]
    annotations[HASH] = "-".join([_hash(made), _hash(files)[:8], _hash(secrets)[:8]])
    return made, owned


def hash_of(job: Thing) -> str:
    """The hash that a Job carries."""
    return str((job["metadata"].get("annotations") or {}).get(HASH, ""))


def unfinished(job: Thing) -> bool:
    """Whether whoever began to make a Job has not come to its end."""
    return UNFINISHED in (job["metadata"].get("annotations") or {})


def begun(job: Thing) -> Thing:
    """The Job as it is made first, when something belongs to it that can only be made after it: no pod starts yet."""
    first = copy.deepcopy(job)
    first["metadata"]["annotations"][UNFINISHED] = "true"
    first["spec"]["suspend"] = True
    return first


def owned_of(thing: Thing, job: Thing) -> Thing:
    """An object that goes with the live Job."""
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"].get("uid") or "predicted", "controller": True}
    return {**thing, "metadata": {**thing["metadata"], "ownerReferences": [reference]}}


def differences(live: Thing, wanted: Thing) -> list[str]:
    """Which fields of a Job that is there are not as they are asked for, in words without any secret."""
    before = _flat(project(live, wanted, _made_by_us(live)))
    after = _flat(wanted)
    # the server leaves out what is empty, and fills in what it has defaults for
    changed = [path for path in sorted({*before, *after}) if (before.get(path) or None) != (after.get(path) or None)]
    changed = [path for path in changed if path in after or not path.endswith(DEFAULTED) or (path.endswith(ONE) and before[path] != 1)]
    named = [_short(path) for path in changed if not path.endswith(HASH) and _counts(path)]
    old, new = hash_of(live).split("-"), hash_of(wanted).split("-")
    if len(old) == len(new) == 3:
        named += [option for option, one, other in (("files", old[1], new[1]), ("secret_env", old[2], new[2])) if one != other]
    return list(dict.fromkeys(named))


def _job(spec: JobSpec) -> Thing:
    labels = {**spec.labels, JOB_LABEL: spec.name}
    body: Thing = {"backoffLimit": spec.retries}
    if spec.queue:  # Kueue lets it go on when there is room
        labels[QUEUE_LABEL] = spec.queue
        body["suspend"] = True
    for key, value in (("activeDeadlineSeconds", spec.deadline), ("parallelism", spec.parallelism), ("completions", spec.completions)):
        if value is not None:
            body[key] = value
    if spec.ttl is not None:
        body["ttlSecondsAfterFinished"] = spec.ttl
    body["template"] = {"metadata": {"labels": {**spec.labels, **spec.pod_labels, JOB_LABEL: spec.name}}, "spec": _pod(spec)}
    meta = {"name": spec.name, "namespace": spec.namespace, "labels": {**labels, **MANAGED_BY}, "annotations": dict(spec.annotations)}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": body}


def _pod(spec: JobSpec) -> Thing:
    volumes, mounts = _volumes(spec)
    made: Thing = {
        "restartPolicy": spec.restart_policy,
        "automountServiceAccountToken": spec.automount_token,
        "terminationGracePeriodSeconds": spec.termination_grace,
        "nodeSelector": {"kubernetes.io/os": "linux", **spec.node_selector},
        "containers": [_container(spec, mounts)],
    }
    if volumes:
        made["volumes"] = volumes
    if spec.pull_secrets:
        made["imagePullSecrets"] = [{"name": name} for name in spec.pull_secrets]
    if spec.tolerations:
        made["tolerations"] = spec.tolerations
    for key, value in (("runtimeClassName", spec.runtime_class), ("priorityClassName", spec.priority_class), ("serviceAccountName", spec.service_account)):
        if value:
            made[key] = value
    if spec.node_name:
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [spec.node_name]}]}]
        made["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    security = _pod_security(spec)
    if security:
        made["securityContext"] = security
    return made


def _pod_security(spec: JobSpec) -> Thing:
    if not spec.restricted:
        return {} if spec.run_as_user is None else {"runAsUser": spec.run_as_user}
    user = NOBODY if spec.run_as_user is None else spec.run_as_user
    # the group makes claims writable that are the Job's alone
    group = {"fsGroup": user, "fsGroupChangePolicy": "OnRootMismatch"}
    return {"runAsNonRoot": True, "runAsUser": user, **group, "seccompProfile": {"type": "RuntimeDefault"}}


def _container(spec: JobSpec, mounts: list[Thing]) -> Thing:
    made: Thing = {"name": spec.container, "image": spec.image, "imagePullPolicy": spec.image_pull_policy}
    sources = [*spec.env_from, *([{"secretRef": {"name": secret_name(spec.name)}}] if spec.secret_env else [])]
    env = [{"name": key, "value": value} for key, value in spec.env.items()]
    # Kubernetes sets the request for a GPU from its limit, and refuses a request that differs.
    limits = {**spec.limits, **({spec.gpu_resource: str(spec.gpus)} if spec.gpus else {})}
    resources = {key: value for key, value in (("limits", limits), ("requests", spec.requests)) if value}
    more = {"command": spec.command, "args": spec.args, "env": env, "envFrom": sources, "workingDir": spec.working_dir, "resources": resources}
    made.update({key: value for key, value in {**more, "volumeMounts": mounts}.items() if value})
    if spec.restricted:
        made["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return made


def _volumes(spec: JobSpec) -> tuple[list[Thing], list[Thing]]:
    volumes: dict[str, Thing] = {}
    mounts: list[Thing] = []
    by_claim: dict[str, str] = {}
    for number, one in enumerate(spec.claims):
        # a claim that is mounted at several paths is one volume
        name = one["volume"] or by_claim.get(one["claim"]) or f"claim-{number}"
        by_claim.setdefault(one["claim"], name)
        volumes[name] = {"name": name, "persistentVolumeClaim": {"claimName": one["claim"]}}
        mounts.append(_mounted(name, one["path"], one["read_only"], one["sub_path"]))
    for number, one in enumerate(spec.mounts):
        name = f"mount-{number}"
        if one["host_path"]:
            source: Thing = {"hostPath": {"path": one["host_path"]}}
        else:
            source = {"emptyDir": {**({"medium": "Memory"} if one["memory"] else {}), **({"sizeLimit": one["size"]} if one["size"] else {})}}
        volumes[name] = {"name": name, **source}
        mounts.append(_mounted(name, one["path"], one["read_only"], ""))
    if spec.files:
        volumes["files"] = {"name": "files", "configMap": {"name": files_name(spec.name), "defaultMode": 0o555}}
        mounts += [_mounted("files", path, True, _key(number)) for number, path in enumerate(spec.files)]
    return list(volumes.values()), mounts


def _mounted(name: str, path: str, read_only: bool, sub_path: str) -> Thing:
    return {"name": name, "mountPath": path, **({"subPath": sub_path} if sub_path else {}), **({"readOnly": True} if read_only else {})}


def _key(number: int) -> str:
    return f"file-{number:03}"


def _object(spec: JobSpec, kind: str, name: str, **body: t.Any) -> Thing:
    meta = {"name": name, "namespace": spec.namespace, "labels": {JOB_LABEL: spec.name, **MANAGED_BY}}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **body}


def _hash(values: t.Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _flat(value: t.Any, path: str = "") -> dict[str, t.Any]:
    if isinstance(value, dict) and value:
        return {key: one for name, item in value.items() for key, one in _flat(item, f"{path}/{name}").items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {key: one for number, item in enumerate(value) for key, one in _flat(item, f"{path}/{item.get('name', number)}").items()}
    return {path: value}


def _made_by_us(live: Thing) -> Thing:
    """The fields that this collection has set when it made the Job."""
    entries = [entry for entry in live["metadata"].get("managedFields") or [] if entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")]
    return entries[0].get("fieldsV1") or {} if entries else {}


def _short(path: str) -> str:
    return path.lstrip("/").replace("spec/template/spec/", "pod/").replace("/", ".")


def _counts(path: str) -> bool:
    """What differs for another reason than the request: bookkeeping, and suspend, which Kueue and people change."""
    meta = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "name", "namespace")
    return not path.startswith(("/status", "/apiVersion", "/kind", "/spec/suspend")) and path not in {f"/metadata/{key}" for key in meta}
