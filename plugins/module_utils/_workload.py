# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects that make up a runner, built from plain values. Pure functions, no I/O."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils import _contract as contract
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import quantity

MANAGED_BY = {"app.kubernetes.io/managed-by": "studioml.fleet"}
# On the pod template: changes with the env maps, so that a changed env rolls the pods; and tells the pods of this template from older ones.
CONFIG_HASH = "fleet.studioml.ai/config-hash"
GRACE_SECONDS = 10
PROGRESS_SECONDS = 360
# the runner has no probe, so its pod is ready as soon as it starts; one that crashes at once must not count as rolled out
MIN_READY_SECONDS = 5

_ENV_KEY = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_URL_PASSWORD = re.compile(r"^[a-z][-+.a-z0-9]*://[^/@\s:]*:(?P<password>[^/@\s]+)@", re.IGNORECASE)


@dataclass
class Runner:
    """What a runner should be like."""

    namespace: str
    image: str = ""
    name: str = contract.RUNNER
    state_configmap: str = contract.RUNNER
    initial_state: str = "Running"
    env: dict[str, str] = field(default_factory=dict)
    env_configmap: str = contract.ENV_CONFIGMAP
    secret_env: dict[str, str] = field(default_factory=dict, repr=False)
    env_secret: str = contract.ENV_SECRET
    service_account: str = contract.SERVICE_ACCOUNT
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: list[str] = field(default_factory=list)
    replicas: int = 1
    gpus: int = 0
    gpu_resource: str = "nvidia.com/gpu"
    limits: dict[str, str] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    node_name: str = ""
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[dict[str, t.Any]] = field(default_factory=list)
    runtime_class: str = ""

    @property
    def deployment(self) -> str:
        return f"{self.name}-deployment"

    @property
    def role(self) -> str:
        return "studioml-role" if self.service_account == contract.SERVICE_ACCOUNT else f"{self.service_account}-role"

    @property
    def labels(self) -> dict[str, str]:
        return {"app": self.name}


def env_values(given: dict[str, t.Any], option: str) -> dict[str, str]:
    """Environment values as text, in the form that a runner reads (true, not True)."""
    values = {}
    for key, value in given.items():
        if not isinstance(key, str) or not _ENV_KEY.fullmatch(key):
            raise FleetError(f"{option}: {key!r} is not a valid name for an environment variable.", "Use letters, digits and '_', not beginning with a digit.")
        if key in contract.RESERVED_ENV:
            raise FleetError(f"{option}: {key} is set by runner_deploy itself, or the runner would not follow its state.", "Leave it out.")
        if value is None or isinstance(value, (dict, list)):
            raise FleetError(f"{option}: the value of {key} is {'empty' if value is None else 'not a single value'}.", "Give a string, a number or a boolean.")
        values[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return values


def refuse_open_credentials(env: dict[str, str]) -> None:
    """A password in a ConfigMap can be read by every pod of the namespace and shows in diffs."""
    for key, value in env.items():
        found = _URL_PASSWORD.match(value)
        if found and not found.group("password").startswith("$"):
            raise FleetError(f"env: {key} is a URL with a password in it, and env becomes a ConfigMap.", f"Move {key} to secret_env, which becomes a Secret.")


def namespace(name: str) -> dict[str, t.Any]:
    """The namespace, when it is ours to make."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(MANAGED_BY)}}


def objects(runner: Runner) -> list[dict[str, t.Any]]:
    """Everything but the namespace and the state map, in the order in which it is made: the Deployment last."""
    made = [_object(runner, "ServiceAccount", "v1", runner.service_account, automountServiceAccountToken=True), _role(runner), _role_binding(runner)]
    made.append(_object(runner, "ConfigMap", "v1", runner.env_configmap, **({"data": dict(runner.env)} if runner.env else {})))
    if runner.secret_env:
        made.append(secret(runner))
    return [*made, deployment(runner)]


def state_map(runner: Runner) -> dict[str, t.Any]:
    """The global state map with its first state."""
    return _object(runner, "ConfigMap", "v1", runner.state_configmap, data={contract.STATE_KEY: runner.initial_state})


def removable(runner: Runner) -> list[dict[str, t.Any]]:
    """Everything that a removal takes away, in its order: the Deployment first, for the deletion of a state map is an event to a runner that still runs."""
    return [
        _object(runner, "Deployment", "apps/v1", runner.deployment),
        _role_binding(runner),
        _role(runner),
        _object(runner, "ServiceAccount", "v1", runner.service_account),
        secret(runner),
        _object(runner, "ConfigMap", "v1", runner.env_configmap),
        _object(runner, "ConfigMap", "v1", runner.state_configmap),
    ]


def deployment(runner: Runner) -> dict[str, t.Any]:
    """One runner a pod. A host's GPUs cannot serve an old and a new pod at once, so with GPUs the old one ends first."""
    template = {"metadata": {"labels": runner.labels}, "spec": _pod(runner)}
    template["metadata"]["annotations"] = {CONFIG_HASH: _hash([template, runner.env, runner.secret_env])}
    rolling = {"maxSurge": 0, "maxUnavailable": 1} if runner.gpus else {"maxSurge": 1, "maxUnavailable": 0}
    spec = {
        "replicas": runner.replicas,
        "minReadySeconds": MIN_READY_SECONDS,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "selector": {"matchLabels": runner.labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "template": template,
    }
    return _object(runner, "Deployment", "apps/v1", runner.deployment, spec=spec)


def _pod(runner: Runner) -> dict[str, t.Any]:
    spec: dict[str, t.Any] = {
        "serviceAccountName": runner.service_account,
        "automountServiceAccountToken": True,  # the runner watches its state with it
        "terminationGracePeriodSeconds": GRACE_SECONDS,  # a runner does not hear SIGTERM: a long grace only delays
        "nodeSelector": {"kubernetes.io/os": "linux", **runner.node_selector},
        "containers": [_container(runner)],
    }
    if runner.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in runner.image_pull_secrets]
    if runner.tolerations:
        spec["tolerations"] = runner.tolerations
    if runner.runtime_class:
        spec["runtimeClassName"] = runner.runtime_class
    if runner.node_name:
        field_of_node = {"key": "metadata.name", "operator": "In", "values": [runner.node_name]}
        terms = [{"matchFields": [field_of_node]}]
        spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    return spec


def _container(runner: Runner) -> dict[str, t.Any]:
    sources: list[dict[str, t.Any]] = [{"configMapRef": {"name": runner.env_configmap}}]
    if runner.secret_env:
        sources.append({"secretRef": {"name": runner.env_secret}})
    made: dict[str, t.Any] = {
        "name": runner.name,
        "image": runner.image,
        "imagePullPolicy": runner.image_pull_policy,
        "envFrom": sources,
        "env": [
            {"name": "K8S_NAMESPACE", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}},
            {"name": "K8S_CONFIGMAP", "value": runner.state_configmap},
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
            # The name of the node map. It must sort after the global one, and NODE_NAME must come before it in this list.
            {"name": "HOSTNAME", "value": f"{runner.state_configmap}-$(NODE_NAME)"},
        ],
    }
    # Kubernetes sets the request for a GPU from its limit, and refuses a request that differs.
    gpu = {runner.gpu_resource: str(runner.gpus)} if runner.gpus else {}
    limits = {**_quantities(runner.limits), **gpu}
    resources = {key: value for key, value in (("limits", limits), ("requests", _quantities(runner.requests))) if value}
    if resources:
        made["resources"] = resources
    return made


def _role(runner: Runner) -> dict[str, t.Any]:
    # The runner watches all ConfigMaps and filters by name itself, so that its rights cannot be narrowed to names.
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    return _object(runner, "Role", "rbac.authorization.k8s.io/v1", runner.role, rules=rules)


def _role_binding(runner: Runner) -> dict[str, t.Any]:
    return _object(
        runner,
        "RoleBinding",
        "rbac.authorization.k8s.io/v1",
        f"{runner.role}-bind",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": runner.role},
        subjects=[{"kind": "ServiceAccount", "name": runner.service_account, "namespace": runner.namespace}],
    )


def secret(runner: Runner) -> dict[str, t.Any]:
    """The part of the environment that nobody but the runner may read."""
    data = {key: base64.b64encode(value.encode()).decode("ascii") for key, value in runner.secret_env.items()}
    return _object(runner, "Secret", "v1", runner.env_secret, type="Opaque", data=data)


def _object(runner: Runner, kind: str, version: str, name: str, **body: t.Any) -> dict[str, t.Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": runner.namespace, "labels": dict(MANAGED_BY)}, **body}


def _quantities(given: dict[str, t.Any]) -> dict[str, str]:
    return {key: quantity(value) for key, value in given.items()}


def _hash(values: t.Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
