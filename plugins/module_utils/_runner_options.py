# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of runner_deploy, and the checked runner that they make. Pure. The documentation that belongs to them is in doc_fragments/runner.py."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_options, _profiles, _runner_env, _runner_volumes
from ansible_collections.studioml.fleet.plugins.module_utils import _contract as contract
from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._image_name import DIGEST
from ansible_collections.studioml.fleet.plugins.module_utils._names import dns_label, label_value
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import is_quantity

_TOLERATION = {
    "key": {"type": "str", "no_log": False},
    "operator": {"type": "str", "choices": ["Exists", "Equal"]},
    "value": {"type": "str"},
    "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
    "tolerationSeconds": {"type": "int"},
}
_SECRET_MOUNT = {
    "mount": {"type": "str", "required": True, "choices": list(_runner_volumes.SECRETS)},
    "secret": {"type": "str", "no_log": False},
    "account": {"type": "str"},
    "optional": {"type": "bool"},
}
_MOUNT = {
    "path": {"type": "str", "required": True},
    "empty_dir": {"type": "str"},
    "memory": {"type": "bool", "default": False},
    "host_path": {"type": "str"},
    "claim": {"type": "str"},
    "read_only": {"type": "bool", "default": False},
    "sub_path": {"type": "str"},
}
_CACHE = {
    "size": {"type": "str", "required": True},
    "path": {"type": "str", "default": "/cache"},
    "claim": {"type": "str"},
    "create": {"type": "bool", "default": True},
    "storage_class": {"type": "str"},
}
_PROBES = {"readiness": {"type": "bool", "default": False}, "liveness": {"type": "bool", "default": False}, "port": {"type": "int"}}

# Belongs to the documentation fragment studioml.fleet.runner. No default where a profile may have one.
ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "profile": {"type": "str", "choices": list(_profiles.PROFILES)},
    "kind": {"type": "str", "choices": list(workload.KINDS)},
    "group": {"type": "str"},
    "name": {"type": "str", "default": contract.RUNNER},
    "image": {"type": "str"},
    "image_digest": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"], "default": "IfNotPresent"},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "replicas": {"type": "int"},
    "gpus": {"type": "int"},
    "gpu_resource": {"type": "str", "default": "nvidia.com/gpu"},
    "gpu_product": {"type": "str"},
    "resources": {"type": "dict", "options": {"limits": {"type": "dict"}, "requests": {"type": "dict"}}},
    "env": {"type": "dict"},
    "env_unchecked": {"type": "list", "elements": "str", "default": []},
    "secret_env": {"type": "dict", "default": {}, "no_log": True},
    "env_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "secret_mounts": {"type": "list", "elements": "dict", "options": _SECRET_MOUNT, "no_log": False},
    "mounts": {"type": "list", "elements": "dict", "options": _MOUNT},
    "cache": {"type": "dict", "options": _CACHE},
    "probes": {"type": "dict", "options": _PROBES},
    "node_name": {"type": "str"},
    "node_selector": {"type": "dict"},
    "tolerations": {"type": "list", "elements": "dict", "options": _TOLERATION},
    "runtime_class": {"type": "str"},
    "env_configmap": {"type": "str"},
    "env_secret": {"type": "str", "no_log": False},
    "service_account": {"type": "str", "default": contract.SERVICE_ACCOUNT},
    "state_configmap": {"type": "str", "default": contract.RUNNER},
    "initial_state": {"type": "str", "choices": list(contract.STATES), "default": "Running"},
    "retries": {"type": "int", "default": 2},
    "ttl": {"type": "int"},
    "again": {"type": "str", "choices": ["keep", "replace"], "default": "keep"},
    "drain_first": {"type": "bool", "default": False},
    "drain_timeout": {"type": "float", "default": 3600},
    "drain_enforce": {"type": "str", "choices": ["none", "broker", "scale"]},
    "broker": {"type": "dict", "options": _broker_options.OPTIONS},
    "rollback_on_failure": {"type": "bool", "default": False},
    "remove_data": {"type": "bool", "default": False},
}


class Asked(t.NamedTuple):
    """The runner, and what is to be said about it."""

    runner: workload.Runner
    warnings: list[str]


def runner_of(params: dict[str, t.Any], namespace: str) -> Asked:
    """The module's options as a checked runner."""
    present = params["state"] == "present"
    options = _profiles.over(params)
    volumes = _runner_volumes.of(options)
    env, secret_env = workload.env_values(options["env"], "env"), workload.env_values(options["secret_env"], "secret_env")
    workload.refuse_open_credentials(env)
    twice = sorted((set(env) & set(secret_env)) | (set(volumes.env) & {*env, *secret_env}))
    if twice:
        where = "in env and in the option cache" if set(twice) & set(volumes.env) else "in env and in secret_env"
        raise FleetError(f"{', '.join(twice)} is {where}.", "Give it once.")
    warnings = _runner_env.check(env, secret_env, params["env_unchecked"]) if present else []
    _checked_numbers(options)
    _checked_resources(options["resources"])
    group = dns_label(options["group"], "group", 40) if options.get("group") else ""
    names = {
        "name": options["name"],
        "state_configmap": options["state_configmap"],
        "service_account": options["service_account"],
        **{option: options.get(option) or _of_group(usual, group) for option, usual in _OF_GROUP.items()},
    }
    runner = workload.Runner(
        namespace=contract.checked_namespace(namespace),
        image=_image(options) if present else "",
        initial_state=contract.checked_state(options["initial_state"]),
        env={**env, **volumes.env},
        secret_env=secret_env,
        env_secrets=[contract.checked_name(name, "env_secrets") for name in options["env_secrets"]],
        replicas=1 if options["replicas"] is None else options["replicas"],
        gpus=options["gpus"],
        gpu_resource=options["gpu_resource"],
        gpu_product=label_value(options["gpu_product"], "gpu_product") if options.get("gpu_product") else "",
        limits=options["resources"].get("limits") or {},
        requests=options["resources"].get("requests") or {},
        image_pull_policy=options["image_pull_policy"],
        image_pull_secrets=options["image_pull_secrets"],
        node_name=options.get("node_name") or "",
        node_selector={key: str(value) for key, value in options["node_selector"].items()},
        tolerations=[{key: value for key, value in toleration.items() if value is not None} for toleration in options["tolerations"]],
        runtime_class=options.get("runtime_class") or "",
        kind=options["kind"],
        group=group,
        volumes=volumes,
        probes=_probes(options.get("probes"), env),
        retries=options["retries"],
        ttl=options.get("ttl"),
        **{option: contract.checked_name(name, option) for option, name in names.items()},
    )
    if len(runner.deployment) > 63:
        raise FleetError(
            f"name: {runner.whole_name!r} is too long.", "Use 52 characters at most, the group's among them: it becomes a label and part of the pods' names."
        )
    if params["drain_first"] and runner.kind != "Deployment":
        raise FleetError(
            f"drain_first: a {runner.kind} cannot be drained: what keeps a runner off its queues works at Deployments.",
            "Leave it out, and change it in a moment without work, or use kind: Deployment.",
        )
    if present:
        _checked_kind(runner, params)
        if not runner.env_secrets:  # what they hold is not known here
            warnings += _runner_env.lacking(runner.env, secret_env, volumes.kinds)
    return Asked(runner, warnings)


_OF_GROUP = {"env_configmap": contract.ENV_CONFIGMAP, "env_secret": contract.ENV_SECRET}


def _of_group(usual: str, group: str) -> str:
    """Each group has an environment of its own; what they share are the account and the state."""
    return f"{usual}-{group}" if group else usual


def _checked_numbers(options: dict[str, t.Any]) -> None:
    for option in ("replicas", "gpus", "retries", "ttl"):
        if options.get(option) is not None and options[option] < 0:
            raise FleetError(f"{option}: {options[option]} is less than nothing.", "Give 0 or more.")
    if options["drain_timeout"] <= 0:
        raise FleetError(f"drain_timeout: {options['drain_timeout']:g} is no time to wait.", "Give a number of seconds above 0.")


def _checked_resources(resources: dict[str, t.Any]) -> None:
    for kind, name, value in ((kind, name, value) for kind, named in resources.items() for name, value in (named or {}).items()):
        if not is_quantity(value):
            raise FleetError(f"resources: {kind}: {name}: {value!r} is not a quantity.", "Write it as Kubernetes does: 2, 500m, 8Gi.")


def _checked_kind(runner: workload.Runner, params: dict[str, t.Any]) -> None:
    many = runner.kind == "DaemonSet" or runner.replicas > 1
    if runner.kind == "DaemonSet" and params["replicas"] is not None:
        raise FleetError("replicas: a DaemonSet has one pod on each node that fits.", "Leave replicas out; node_selector and gpu_product say which nodes.")
    if runner.volumes.cache_claim and many:
        raise FleetError(
            f"cache: claim: {runner.volumes.cache_claim} would be shared by several pods, each of which counts its cache alone.",
            "Leave claim out, so that each pod has a cache on its node, or make one group a pod.",
        )
    if runner.kind == "Job" and runner.replicas == 0:
        raise FleetError("replicas: 0 is no Job.", "Give 1 or more, or use state: absent.")


def _image(options: dict[str, t.Any]) -> str:
    image, digest = options.get("image") or "", options.get("image_digest") or ""
    if not image or any(space in image for space in " \t\n"):
        raise FleetError(f"image: {image!r} is not an image reference.", "Give host[:port]/repository:tag, or the same with @sha256:digest.")
    name, at, within = image.partition("@")
    if at and not DIGEST.fullmatch(within):
        raise FleetError(f"image: {within!r} is not a digest.", "A digest is sha256: and 64 hexadecimal digits.")
    if digest and not DIGEST.fullmatch(digest):
        raise FleetError(f"image_digest: {digest!r} is not a digest.", "A digest is sha256: and 64 hexadecimal digits.")
    if digest and within and digest != within:
        raise FleetError("image_digest and the digest in image differ.", "Give one of them.")
    # a name with tag and digest is pulled by its digest; the tag stays for people to read
    return f"{name}@{digest}" if digest else image


def _probes(given: dict[str, t.Any] | None, env: dict[str, str]) -> dict[str, t.Any]:
    if not given or not (given["readiness"] or given["liveness"]):
        return {}
    port = given.get("port") or int(env.get("PROM_ADDRESS", ":9090").rpartition(":")[2])
    if not 0 < port < 65536:
        raise FleetError(f"probes: port: {port} is no port.", "Give the port of the runner's metrics.")
    return {**given, "port": port}
