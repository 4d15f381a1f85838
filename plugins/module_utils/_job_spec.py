# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one Job should be like: the options of C(_job_options), checked before anything is sent. Pure functions, no I/O."""

from __future__ import annotations

import posixpath
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils import _names as names
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import QUEUE_LABEL, hashed, objects
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import is_quantity, quantity

__all__ = ["JobSpec", "env_of", "files_of", "hashed", "objects", "spec_of"]

Thing = t.Dict[str, t.Any]
Text = t.Dict[str, str]

# What a ConfigMap may hold, less what its own text takes.
FILES_BYTES = 1_000_000
# C(again: new) adds '-' and five characters to the name.
NEW_SUFFIX = 6
OURS = ("app.kubernetes.io/managed-by", "fleet.studioml.ai/", "batch.kubernetes.io/", "job-name", "controller-uid")


@dataclass
class JobSpec:
    """One Job, checked. Secrets do not show when it is printed."""

    name: str
    namespace: str
    image: str = ""
    container: str = "job"
    command: t.List[str] = field(default_factory=list)
    args: t.List[str] = field(default_factory=list)
    env: Text = field(default_factory=dict)
    secret_env: Text = field(default_factory=dict, repr=False)
    env_from: t.List[Thing] = field(default_factory=list)
    files: Text = field(default_factory=dict, repr=False)
    working_dir: str = ""
    gpus: int = 0
    gpu_resource: str = "nvidia.com/gpu"
    limits: Text = field(default_factory=dict)
    requests: Text = field(default_factory=dict)
    claims: t.List[Thing] = field(default_factory=list)
    mounts: t.List[Thing] = field(default_factory=list)
    pull_secrets: t.List[str] = field(default_factory=list)
    image_pull_policy: str = "IfNotPresent"
    retries: int = 0
    restart_policy: str = "Never"
    deadline: t.Optional[int] = None
    parallelism: t.Optional[int] = None
    completions: t.Optional[int] = None
    ttl: t.Optional[int] = None
    labels: Text = field(default_factory=dict)
    annotations: Text = field(default_factory=dict)
    pod_labels: Text = field(default_factory=dict)
    node_name: str = ""
    node_selector: Text = field(default_factory=dict)
    tolerations: t.List[Thing] = field(default_factory=list)
    runtime_class: str = ""
    priority_class: str = ""
    service_account: str = ""
    automount_token: bool = False
    restricted: bool = True
    run_as_user: t.Optional[int] = None
    queue: str = ""
    termination_grace: int = 10


def spec_of(params: Thing, namespace: str) -> JobSpec:
    """The options as a checked Job. FleetError names the first field that is wrong."""
    if not params.get("name"):
        raise FleetError("name: a Job needs a name.", "Give one; the same name means the same Job when the task runs again.")
    most = names.LABEL - (NEW_SUFFIX if params.get("again") == "new" else 0)
    name = names.dns_label(params["name"], "name", most)
    env, secret_env = _env(params["env"], "env"), _env(params["secret_env"], "secret_env")
    twice = sorted(set(env) & set(secret_env))
    if twice:
        raise FleetError(f"{', '.join(twice)} is in env and in secret_env.", "Give it once.")
    resources = params.get("resources") or {}
    optional = (("deadline", 1), ("parallelism", 0), ("completions", 1), ("ttl", 0), ("run_as_user", 0))
    more: Thing = {
        **{key: names.dns_name(params[key], key) if params.get(key) else "" for key in ("runtime_class", "priority_class", "service_account")},
        **{key: _at_least(params, key, least) for key, least in optional},
        **{key: _at_least(params, key, 0) or 0 for key in ("retries", "termination_grace")},
    }
    made = JobSpec(
        name=name,
        namespace=names.dns_label(namespace, "namespace"),
        image=_image(params.get("image")),
        container=names.dns_label(params.get("container") or "job", "container"),
        command=[str(word) for word in params.get("command") or []],
        args=[str(word) for word in params.get("args") or []],
        env=env,
        secret_env=secret_env,
        env_from=[_source(one, number) for number, one in enumerate(params["env_from"])],
        files=files_of(params["files"]),
        working_dir=_absolute(params["working_dir"], "working_dir") if params.get("working_dir") else "",
        gpus=_at_least(params, "gpus", 0) or 0,
        gpu_resource=names.label_key(params["gpu_resource"], "gpu_resource"),
        limits=_amounts(resources.get("limits"), "limits"),
        requests=_amounts(resources.get("requests"), "requests"),
        claims=[_claim(one, number) for number, one in enumerate(params["claims"])],
        mounts=[_mount(one, number) for number, one in enumerate(params["mounts"])],
        pull_secrets=[names.dns_name(one, f"pull_secrets[{number}]") for number, one in enumerate(params["pull_secrets"])],
        image_pull_policy=params["image_pull_policy"],
        restart_policy=params["restart_policy"],
        labels=_labels(params["labels"], "labels"),
        annotations={names.label_key(key, "annotations"): _scalar(value, f"annotations: {key}") for key, value in params["annotations"].items()},
        pod_labels=_labels(params["pod_labels"], "pod_labels"),
        node_name=names.dns_name(params["node_name"], "node_name") if params.get("node_name") else "",
        node_selector=_selector(params),
        tolerations=[{key: value for key, value in one.items() if value is not None} for one in params["tolerations"]],
        automount_token=params["automount_token"],
        **more,
        queue=names.label_value(params["queue"], "queue") if params.get("queue") else "",
    )
    if not made.gpus and made.limits.get(made.gpu_resource, "").isdigit():
        made.gpus = int(made.limits[made.gpu_resource])  # the same request in other words, which whoever looks for room must see
    made.restricted = _restricted(made, params.get("pod_security"))
    _agree(made)
    return made


def files_of(given: Thing) -> Text:
    """Path in the container to text, checked."""
    found = {}
    for path, text in given.items():
        if isinstance(text, (dict, list)) or text is None:
            raise FleetError(f"files: the content of {path} is {'empty' if text is None else 'not a text'}.", "Give a string; to_json makes one of anything.")
        found[_absolute(path, "files")] = str(text)
    size = sum(len(text.encode()) for text in found.values())
    if size > FILES_BYTES:
        raise FleetError(f"files: {size} bytes are too many for a ConfigMap.", f"Keep all files together under {FILES_BYTES} bytes, or bring them in a claim.")
    return found


def env_of(given: Thing, option: str) -> Text:
    """Environment variables as text."""
    return _env(given, option)


def _env(given: Thing, option: str) -> Text:
    return {names.env_key(key, option): _scalar(value, f"{option}: {key}") for key, value in given.items()}


def _scalar(value: t.Any, field_name: str) -> str:
    if value is None or isinstance(value, (dict, list)):
        raise FleetError(f"{field_name}: the value is {'empty' if value is None else 'not a single value'}.", "Give a string, a number or a boolean.")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _image(value: t.Any) -> str:
    text = str(value or "")
    if not text or any(character.isspace() for character in text) or text != text.strip("/:@"):
        raise FleetError(f"image: {text!r} is not an image reference.", "Give host[:port]/repository:tag, or the same with @sha256:digest.")
    return text


def _absolute(value: t.Any, field_name: str) -> str:
    text = str(value)
    if not text.startswith("/") or text == "/" or ":" in text or ".." in text.split("/"):
        raise FleetError(f"{field_name}: {text!r} is not a path in the container.", "Begin with '/', and use neither ':' nor '..'.")
    return posixpath.normpath(text)


def _at_least(params: Thing, option: str, least: int) -> int | None:
    value = params.get(option)
    if value is not None and value < least:
        raise FleetError(f"{option}: {value} is too small.", f"Give {least} or more.")
    return t.cast("int | None", value)


def _amounts(given: Thing | None, kind: str) -> Text:
    found = {}
    for name, value in (given or {}).items():
        if not is_quantity(value):
            raise FleetError(f"resources: {kind}: {name}: {value!r} is not a quantity.", "Write it as Kubernetes does: 2, 500m, 8Gi.")
        found[names.label_key(name, f"resources: {kind}")] = quantity(value)
    return found


def _labels(given: Thing, option: str) -> Text:
    found = {}
    for key, value in given.items():
        if names.label_key(key, option).startswith(OURS):
            raise FleetError(f"{option}: {key} is set by this collection or by Kubernetes.", "Use a label of your own.")
        found[str(key)] = names.label_value("" if value is None else value, f"{option}: {key}")
    return found


def _selector(params: Thing) -> Text:
    found = {names.label_key(key, "node_selector"): names.label_value(value, f"node_selector: {key}") for key, value in params["node_selector"].items()}
    if params.get("gpu_product"):
        found["nvidia.com/gpu.product"] = names.label_value(params["gpu_product"], "gpu_product")
    return found


def _source(one: Thing, number: int) -> Thing:
    kind = "configmap" if one.get("configmap") else "secret"
    found: Thing = {f"{'configMap' if kind == 'configmap' else 'secret'}Ref": {"name": names.dns_name(one[kind], f"env_from[{number}]: {kind}")}}
    if one.get("optional"):
        found[next(iter(found))]["optional"] = True
    if one.get("prefix"):
        found["prefix"] = names.env_key(one["prefix"], f"env_from[{number}]: prefix")
    return found


def _claim(one: Thing, number: int) -> Thing:
    where = f"claims[{number}]"
    found = {"claim": names.dns_name(one["claim"], f"{where}: claim"), "path": _absolute(one["path"], f"{where}: path"), "read_only": one["read_only"]}
    found["volume"] = names.dns_label(one["volume"], f"{where}: volume") if one.get("volume") else ""
    sub_path = one.get("sub_path") or ""
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise FleetError(f"{where}: sub_path: {sub_path!r} leads out of the claim.", "Give a path below the claim's root, without '..' and a first '/'.")
    return {**found, "sub_path": sub_path}


def _mount(one: Thing, number: int) -> Thing:
    where = f"mounts[{number}]"
    size = one.get("empty_dir") or ""
    if size and not is_quantity(size):
        raise FleetError(f"{where}: empty_dir: {size!r} is not a quantity.", "Write the most that it may hold as Kubernetes does (2Gi), or '' for no limit.")
    host_path = one.get("host_path") or ""
    if host_path and (not host_path.startswith("/") or ".." in host_path.split("/")):
        raise FleetError(f"{where}: host_path: {host_path!r} is not a path on the node.", "Begin with '/', without '..'.")
    path = _absolute(one["path"], f"{where}: path")
    return {"path": path, "size": quantity(size) if size else "", "host_path": host_path, "memory": one["memory"], "read_only": one["read_only"]}


def _restricted(spec: JobSpec, asked: str | None) -> bool:
    """Restricted pod security unless it is given up, or root or the node's own files are asked for."""
    beyond = "run_as_user: 0" if spec.run_as_user == 0 else "host_path" if any(mount["host_path"] for mount in spec.mounts) else ""
    if asked == "restricted" and beyond:
        raise FleetError(f"pod_security: restricted does not allow {beyond}.", f"Leave out {beyond}, or set pod_security: none.")
    return asked != "none" and not beyond


def _agree(spec: JobSpec) -> None:
    """What each option says for itself must also be possible together."""
    paths = [one["path"] for one in [*spec.claims, *spec.mounts]] + list(spec.files)
    for path in paths:
        if paths.count(path) > 1:
            raise FleetError(f"{path} is mounted twice (claims, mounts, files).", "Give each path once.")
    for key, value in spec.pod_labels.items():
        if spec.labels.get(key, value) != value:
            raise FleetError(f"pod_labels: {key} is {value}, and labels, which pods get too, says {spec.labels[key]}.", "Give it once.")
    amounts = spec.limits.get(spec.gpu_resource) or spec.requests.get(spec.gpu_resource)
    if amounts and spec.gpus and amounts != str(spec.gpus):
        raise FleetError(f"gpus is {spec.gpus}, and resources asks for {amounts} {spec.gpu_resource}.", "Give it once: gpus is enough.")
    if spec.queue and spec.labels.get(QUEUE_LABEL, spec.queue) != spec.queue:
        raise FleetError(f"labels: {QUEUE_LABEL} is not the queue {spec.queue}.", "Give queue alone.")
