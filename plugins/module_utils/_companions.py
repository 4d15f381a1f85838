# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RabbitMQ and MinIO for sites that have none: the objects that make them up, built from plain values. Pure functions, no I/O."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from ansible_collections.studioml.fleet.plugins.module_utils._quantity import quantity
from ansible_collections.studioml.fleet.plugins.module_utils._workload import CONFIG_HASH, MANAGED_BY, VERSIONS

Thing = t.Dict[str, t.Any]
# On MinIO's credentials and on its pods: how often the credentials have changed. Anybody who may read a Deployment could try out words against a hash of them.
CREDENTIALS = "fleet.studioml.ai/credentials"


class Kind(t.NamedTuple):
    """What is different between the two. C(ports) by name; C(ready) and C(alive) are probes; C(user) and C(word) are the names of its credentials."""

    deployment: str
    service: str
    claim: str
    size: str
    labels: dict[str, str]
    ports: dict[str, int]
    path: str
    args: list[str]
    env: dict[str, str]
    user: str
    word: str
    ready: Thing
    alive: Thing


KINDS: dict[str, Kind] = {
    "rabbitmq": Kind(
        "rabbitmq-deployment",
        "rabbitmq-service",
        "rabbitmq-pv-claim",
        "8Gi",
        {"app": "taskQueue", "component": "rabbitmq"},
        {"amqp": 5672, "management": 15672},
        "/var/lib/rabbitmq",
        [],
        # what it stores is found by its node's name, which would otherwise be that of the pod
        {"RABBITMQ_NODENAME": "rabbit@localhost"},
        "RABBITMQ_DEFAULT_USER",
        "RABBITMQ_DEFAULT_PASS",
        {"tcpSocket": {"port": "management"}},
        {"tcpSocket": {"port": "amqp"}},
    ),
    "minio": Kind(
        "minio-deployment",
        "minio-service",
        "minio-pv-claim",
        "15Gi",
        {"app": "minio"},
        {"s3": 9000},
        "/storage",
        ["server", "/storage"],
        {},
        "MINIO_ROOT_USER",
        "MINIO_ROOT_PASSWORD",
        {"httpGet": {"path": "/minio/health/ready", "port": "s3", "scheme": "HTTP"}},
        {"httpGet": {"path": "/minio/health/live", "port": "s3", "scheme": "HTTP"}},
    ),
}


@dataclass
class Companion:
    """What one of them should be like."""

    kind: str
    namespace: str
    image: str = ""
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: list[str] = field(default_factory=list)
    size: str = ""
    storage_class: str | None = None
    service_type: str = "ClusterIP"
    limits: dict[str, t.Any] = field(default_factory=dict)
    requests: dict[str, t.Any] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    host_paths: list[Thing] = field(default_factory=list)
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[Thing] = field(default_factory=list)
    credentials_mark: str = ""

    @property
    def its(self) -> Kind:
        return KINDS[self.kind]

    @property
    def credentials(self) -> str:
        """The Secret with its user and password."""
        return f"{self.kind}-credentials"

    @property
    def for_runners(self) -> str:
        """The Secret with the address that a runner takes from its environment; RabbitMQ has one."""
        return "rabbitmq-runner" if self.kind == "rabbitmq" else ""

    @property
    def host(self) -> str:
        return f"{self.its.service}.{self.namespace}.svc"


def secret(one: Companion, username: str, password: str) -> Thing:
    """Its own credentials."""
    made = _object(one, "Secret", one.credentials, type="Opaque", data=_encoded({"username": username, "password": password}))
    if one.credentials_mark:
        made["metadata"]["annotations"] = {CREDENTIALS: one.credentials_mark}
    return made


def mark_of(thing: Thing | None) -> str:
    """Which credentials a Secret holds, or the pods of a template were started with."""
    return str((((thing or {}).get("metadata") or {}).get("annotations") or {}).get(CREDENTIALS, ""))


def next_mark(secret: Thing | None, deployment: Thing | None) -> str:
    """The mark of changed credentials. It is another one than that of the pods, also where the Secret was removed in between."""
    marks = [mark_of(secret), mark_of(((deployment or {}).get("spec") or {}).get("template"))]
    return str(max(int(mark) if mark.isdigit() else 0 for mark in marks) + 1)


def secret_for_runners(one: Companion, username: str, password: str) -> Thing:
    """The broker's address as a runner's environment has it."""
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    values = {"AMQP_URL": f"amqp://{login}@{one.host}:5672/%2f", "AMQP_MGT_URL": f"http://{one.host}:15672"}
    return _object(one, "Secret", one.for_runners, type="Opaque", data=_encoded(values))


def claim(one: Companion) -> Thing:
    """Where its data lies; it outlives the companion."""
    spec: Thing = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": quantity(one.size or one.its.size)}}}
    if one.storage_class is not None:
        spec["storageClassName"] = one.storage_class
    return _object(one, "PersistentVolumeClaim", one.its.claim, spec=spec)


def service(one: Companion) -> Thing:
    ports = [{"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in one.its.ports.items()]
    return _object(one, "Service", one.its.service, spec={"type": one.service_type, "selector": dict(one.its.labels), "ports": ports})


def deployment(one: Companion) -> Thing:
    """One pod: two would not share the claim, so the old one ends before the new one begins."""
    template: Thing = {"metadata": {"labels": dict(one.its.labels)}, "spec": _pod(one)}
    digest = hashlib.sha256(json.dumps([template, one.credentials_mark], sort_keys=True).encode()).hexdigest()[:32]
    template["metadata"]["annotations"] = {CONFIG_HASH: digest, **({CREDENTIALS: one.credentials_mark} if one.credentials_mark else {})}
    spec = {"replicas": 1, "selector": {"matchLabels": dict(one.its.labels)}, "strategy": {"type": "Recreate"}, "template": template}
    return _object(one, "Deployment", one.its.deployment, spec=spec)


def bare(one: Companion, kind: str, name: str) -> Thing:
    """An object by its kind and name alone."""
    return _object(one, kind, name)


def _pod(one: Companion) -> Thing:
    its = one.its
    volumes: list[Thing] = [{"name": "data", "persistentVolumeClaim": {"claimName": its.claim}}]
    mounts: list[Thing] = [{"name": "data", "mountPath": its.path}]
    for number, given in enumerate(one.host_paths):
        volumes.append({"name": f"host-{number}", "hostPath": {"path": given["host_path"]}})
        mount: Thing = {"name": f"host-{number}", "mountPath": given["path"]}
        mounts.append({**mount, "readOnly": True} if given.get("read_only") else mount)
    env: list[Thing] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": one.credentials, "key": key}}} for name, key in ((its.user, "username"), (its.word, "password"))
    ]
    container: Thing = {
        "name": one.kind,
        "image": one.image,
        "imagePullPolicy": one.image_pull_policy,
        "env": env + [{"name": name, "value": value} for name, value in {**its.env, **one.env}.items()],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in its.ports.items()],
        "readinessProbe": {**its.ready, "periodSeconds": 2, "timeoutSeconds": 5},
        # a broker that reads back a large store takes its time
        "livenessProbe": {**its.alive, "initialDelaySeconds": 120, "periodSeconds": 20, "timeoutSeconds": 10},
        "volumeMounts": mounts,
    }
    if one.command:
        container["command"] = one.command
    if one.args or (its.args and not one.command):
        container["args"] = one.args or list(its.args)
    resources = {key: {name: quantity(value) for name, value in given.items()} for key, given in (("limits", one.limits), ("requests", one.requests)) if given}
    if resources:
        container["resources"] = resources
    spec: Thing = {"nodeSelector": {"kubernetes.io/os": "linux", **one.node_selector}, "containers": [container], "volumes": volumes}
    spec["automountServiceAccountToken"] = False
    if one.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in one.image_pull_secrets]
    if one.tolerations:
        spec["tolerations"] = one.tolerations
    return spec


def _object(one: Companion, kind: str, name: str, **body: t.Any) -> Thing:
    meta = {"name": name, "namespace": one.namespace, "labels": dict(MANAGED_BY)}
    return {"apiVersion": VERSIONS.get(kind, "v1"), "kind": kind, "metadata": meta, **body}


def _encoded(values: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode("ascii") for key, value in values.items()}
