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
from ansible_collections.studioml.fleet.plugins.module_utils._runner_volumes import Volumes

MANAGED_BY = {"app.kubernetes.io/managed-by": "studioml.fleet"}
# On the pod template: changes with the env maps, so that a changed env rolls the pods; and tells the pods of this template from older ones.
CONFIG_HASH = "fleet.studioml.ai/config-hash"
# On the pods of a runner that is one of several groups, and in their Deployment's selector.
GROUP = "fleet.studioml.ai/group"
# On what a runner leaves behind when it is removed: the name of its Deployment, DaemonSet or Job.
RUNNER = "fleet.studioml.ai/runner"
KINDS = ("Deployment", "DaemonSet", "Job")
VERSIONS = {"Deployment": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}
GPU_PRODUCT = "nvidia.com/gpu.product"
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
    env_secrets: list[str] = field(default_factory=list)
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
    kind: str = "Deployment"
    group: str = ""
    gpu_product: str = ""
    volumes: Volumes = field(default_factory=Volumes)
    probes: dict[str, t.Any] = field(default_factory=dict)
    retries: int = 2
    ttl: int | None = None
    # Secrets that a runner reads only once, in the version that is there now: another version rolls the pods.
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def whole_name(self) -> str:
        return f"{self.name}-{self.group}" if self.group else self.name

    @property
    def deployment(self) -> str:
        """The name of the Deployment, or of what is made in its place."""
        return f"{self.whole_name}-{self.kind.lower()}"

    @property
    def role(self) -> str:
        return role_of(self.service_account)

    @property
    def labels(self) -> dict[str, str]:
        return {"app": self.name, **({GROUP: self.group} if self.group else {})}

    def named(self, kind: str) -> str:
        """The name that it would have as another kind."""
        return f"{self.whole_name}-{kind.lower()}"


def role_of(account: str) -> str:
    """The Role of a ServiceAccount."""
    return "studioml-role" if account == contract.SERVICE_ACCOUNT else f"{account}-role"


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
    return [*made, workload(runner)]


def state_map(runner: Runner) -> dict[str, t.Any]:
    """The global state map with its first state."""
    return _object(runner, "ConfigMap", "v1", runner.state_configmap, data={contract.STATE_KEY: runner.initial_state})


def claim(runner: Runner) -> dict[str, t.Any] | None:
    """The claim of the cache, where one is to be made. It outlives the runner."""
    if not runner.volumes.claim:
        return None
    made = _object(runner, "PersistentVolumeClaim", "v1", runner.volumes.claim["name"], spec=runner.volumes.claim["spec"])
    made["metadata"]["labels"][RUNNER] = runner.whole_name
    return made


def bare(runner: Runner, kind: str, name: str) -> dict[str, t.Any]:
    """An object by its kind and name alone, to look for it or to remove it."""
    return _object(runner, kind, VERSIONS.get(kind, "v1"), name)


def removable(runner: Runner, kinds: t.Sequence[str] = ("Deployment",)) -> list[dict[str, t.Any]]:
    """Everything that a removal takes away, in its order: the Deployment first, for the deletion of a state map is an event to a runner that still runs."""
    return [
        *(bare(runner, kind, runner.named(kind)) for kind in kinds),
        _role_binding(runner),
        _role(runner),
        _object(runner, "ServiceAccount", "v1", runner.service_account),
        secret(runner),
        _object(runner, "ConfigMap", "v1", runner.env_configmap),
        _object(runner, "ConfigMap", "v1", runner.state_configmap),
    ]


def workload(runner: Runner) -> dict[str, t.Any]:
    """What makes the pods."""
    return {"Deployment": deployment, "DaemonSet": _daemon_set, "Job": _job}[runner.kind](runner)


def deployment(runner: Runner) -> dict[str, t.Any]:
    """One runner a pod. A host's GPUs cannot serve an old and a new pod at once, and a claim may not be at two nodes: then the old one ends first."""
    alone = runner.gpus or runner.volumes.claims
    rolling = {"maxSurge": 0, "maxUnavailable": 1} if alone else {"maxSurge": 1, "maxUnavailable": 0}
    spec = {
        "replicas": runner.replicas,
        "minReadySeconds": MIN_READY_SECONDS,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "selector": {"matchLabels": runner.labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "template": _template(runner),
    }
    return _object(runner, "Deployment", "apps/v1", runner.deployment, spec=spec)


def _daemon_set(runner: Runner) -> dict[str, t.Any]:
    """One runner on each node that fits."""
    spec = {
        "minReadySeconds": MIN_READY_SECONDS,
        "selector": {"matchLabels": runner.labels},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": _template(runner),
    }
    return _object(runner, "DaemonSet", "apps/v1", runner.deployment, spec=spec)


def _job(runner: Runner) -> dict[str, t.Any]:
    """Runners that work until they end by themselves (LIMIT_IDLE_DURATION), and are not made again after that."""
    template = _template(runner)
    template["spec"]["restartPolicy"] = "Never"
    spec: dict[str, t.Any] = {"parallelism": runner.replicas, "completions": runner.replicas, "backoffLimit": runner.retries, "template": template}
    if runner.ttl is not None:
        spec["ttlSecondsAfterFinished"] = runner.ttl
    return _object(runner, "Job", "batch/v1", runner.deployment, spec=spec)


def _template(runner: Runner) -> dict[str, t.Any]:
    template: dict[str, t.Any] = {"metadata": {"labels": runner.labels}, "spec": _pod(runner)}
    marks = [runner.marks] if runner.marks else []
    template["metadata"]["annotations"] = {CONFIG_HASH: _hash([template, runner.env, runner.secret_env, *marks])}
    return template


def config_hash(thing: dict[str, t.Any] | None) -> str:
    """Which template the pods of a Deployment, DaemonSet or Job are to have; empty when there is none of ours."""
    template = (((thing or {}).get("spec") or {}).get("template") or {}).get("metadata") or {}
    return str((template.get("annotations") or {}).get(CONFIG_HASH, ""))


def _pod(runner: Runner) -> dict[str, t.Any]:
    spec: dict[str, t.Any] = {
        "serviceAccountName": runner.service_account,
        "automountServiceAccountToken": True,  # the runner watches its state with it
        "terminationGracePeriodSeconds": GRACE_SECONDS,  # a runner does not hear SIGTERM: a long grace only delays
        "nodeSelector": {"kubernetes.io/os": "linux", **({GPU_PRODUCT: runner.gpu_product} if runner.gpu_product else {}), **runner.node_selector},
        "containers": [_container(runner)],
    }
    if runner.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in runner.image_pull_secrets]
    if runner.volumes.mounts:
        spec["volumes"] = runner.volumes.of_pod()
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
    sources: list[dict[str, t.Any]] = [{"secretRef": {"name": name}} for name in runner.env_secrets]
    sources.append({"configMapRef": {"name": runner.env_configmap}})
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
    if runner.volumes.mounts:
        made["volumeMounts"] = runner.volumes.of_container()
    made.update(_probes(runner.probes))
    # Kubernetes sets the request for a GPU from its limit, and refuses a request that differs.
    gpu = {runner.gpu_resource: str(runner.gpus)} if runner.gpus else {}
    limits = {**_quantities(runner.limits), **gpu}
    resources = {key: value for key, value in (("limits", limits), ("requests", _quantities(runner.requests))) if value}
    if resources:
        made["resources"] = resources
    return made


def _probes(asked: dict[str, t.Any]) -> dict[str, t.Any]:
    """Both look at the metrics. One failed look must not count: a pod that is ended has lost its work, since a runner does not hear SIGTERM."""
    look = {"httpGet": {"path": "/metrics", "port": asked.get("port", 0), "scheme": "HTTP"}, "timeoutSeconds": 10}
    made: dict[str, t.Any] = {}
    if asked.get("readiness"):
        made["readinessProbe"] = {**look, "periodSeconds": 10, "failureThreshold": 3}
    if asked.get("liveness"):
        made["livenessProbe"] = {**look, "initialDelaySeconds": 120, "periodSeconds": 60, "failureThreshold": 10}
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
