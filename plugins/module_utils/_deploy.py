# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make, converge and remove a runner: the objects of C(_workload) through C(_apply), then the rollout through C(_wait)."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _contract as contract
from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome, diff_of, same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, title
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import remembered_replicas
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import is_quantity
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._wait import Patience, conditions, is_rolled_out, rollout

Result = t.Dict[str, t.Any]


def runner_of(params: dict[str, t.Any], namespace: str) -> workload.Runner:
    """The module's options as a checked runner."""
    env, secret_env = workload.env_values(params["env"], "env"), workload.env_values(params["secret_env"], "secret_env")
    workload.refuse_open_credentials(env)
    twice = sorted(set(env) & set(secret_env))
    if twice:
        raise FleetError(f"{', '.join(twice)} is in env and in secret_env.", "Give it once.")
    for option in ("replicas", "gpus"):
        if params[option] < 0:
            raise FleetError(f"{option}: {params[option]} is less than nothing.", "Give 0 or more.")
    resources = params.get("resources") or {}
    for kind, name, value in ((kind, name, value) for kind, named in resources.items() for name, value in (named or {}).items()):
        if not is_quantity(value):
            raise FleetError(f"resources: {kind}: {name}: {value!r} is not a quantity.", "Write it as Kubernetes does: 2, 500m, 8Gi.")
    runner = workload.Runner(
        namespace=contract.checked_namespace(namespace),
        image=params.get("image") or "",
        initial_state=contract.checked_state(params["initial_state"]),
        env=env,
        secret_env=secret_env,
        replicas=params["replicas"],
        gpus=params["gpus"],
        gpu_resource=params["gpu_resource"],
        limits=resources.get("limits") or {},
        requests=resources.get("requests") or {},
        image_pull_policy=params["image_pull_policy"],
        image_pull_secrets=params["image_pull_secrets"],
        node_name=params.get("node_name") or "",
        node_selector={key: str(value) for key, value in params["node_selector"].items()},
        tolerations=[{key: value for key, value in toleration.items() if value is not None} for toleration in params["tolerations"]],
        runtime_class=params.get("runtime_class") or "",
        **{option: contract.checked_name(params[option], option) for option in ("name", "state_configmap", "env_configmap", "env_secret", "service_account")},
    )
    if len(runner.deployment) > 63:
        raise FleetError(f"name: {runner.name!r} is too long.", "Use 52 characters at most: it becomes a label and part of the pods' names.")
    if params["state"] == "present" and (not runner.image or any(space in runner.image for space in " \t\n")):
        raise FleetError(f"image: {runner.image!r} is not an image reference.", "Give host[:port]/repository:tag, or the same with @sha256:digest.")
    return runner


def present(api: Api | None, runner: workload.Runner, params: dict[str, t.Any], check: bool) -> Result:
    """Converge everything, in an order in which nothing refers to what is not there yet; wait unless in check mode."""
    if api:
        same_cluster(api, params.get("cluster_id"))
    applier = Applier(api, check, params["force_conflicts"])
    outcomes = [_namespace(applier, runner)] if params["create_namespace"] else []
    *before, deployment = workload.objects(runner)
    outcomes += [applier.apply(wanted) for wanted in before]
    outcomes.append(applier.create(workload.state_map(runner)))
    there = applier.find(deployment)
    warnings = _keep_drained(there, deployment)
    outcomes.append(applier.apply_over(there, deployment))
    if not runner.secret_env:  # credentials that are no longer asked for
        outcomes += _remove(applier, [workload.secret(runner)], [])
    result = _result(outcomes, runner)
    live = next(outcome for outcome in outcomes if outcome.wanted is deployment).live
    result["rollout"] = _rollout(api, runner, live, params, check)
    return {**result, "warnings": warnings}


def absent(api: Api, runner: workload.Runner, params: dict[str, t.Any], check: bool) -> Result:
    """Remove what C(present) makes, the namespace excepted, and what another runner of the namespace shares."""
    same_cluster(api, params.get("cluster_id"))
    unwanted, warnings = workload.removable(runner), []
    others = _other_runners(api, runner)
    if others:
        unwanted = unwanted[:1]
        warnings.append(f"Only the Deployment is removed: {', '.join(others)} in namespace {runner.namespace} may use the other objects.")
    outcomes = _remove(Applier(api, check), unwanted, warnings)
    return {**_result(outcomes, runner), "warnings": warnings, "rollout": {"ready": False, "image": "", "pods": []}}


def _keep_drained(live: dict[str, t.Any] | None, deployment: dict[str, t.Any]) -> list[str]:
    """A runner that a drain has scaled to 0 stays there: how many there are is for the resume to say."""
    if live is None or remembered_replicas(live) is None:
        return []
    del deployment["spec"]["replicas"]
    return [f"{title(deployment)} is drained and stays scaled to 0; runner_state with state=Running brings back {remembered_replicas(live)}."]


def _namespace(applier: Applier, runner: workload.Runner) -> Outcome:
    outcome = applier.create(workload.namespace(runner.namespace))
    if ((outcome.live or {}).get("status") or {}).get("phase") == "Terminating":
        raise FleetError(
            f"Namespace {runner.namespace} is being deleted, and nothing can be made in it.",
            f"Wait until it is gone; if it does not go, see its conditions: kubectl get namespace {runner.namespace} -o yaml.",
        )
    return outcome


def _remove(applier: Applier, unwanted: list[dict[str, t.Any]], warnings: list[str]) -> list[Outcome]:
    """Remove those of the objects that this collection has made."""
    outcomes = []
    for thing in unwanted:
        live = applier.find(thing)
        labels = ((live or {}).get("metadata") or {}).get("labels") or {}
        if live is not None and any(labels.get(key) != value for key, value in workload.MANAGED_BY.items()):
            warnings.append(f"{title(thing)} is left alone: it was not made by this collection.")
        elif live is not None:
            outcomes.append(applier.delete(thing, live))
    return outcomes


def _other_runners(api: Api, runner: workload.Runner) -> list[str]:
    selector = ",".join(f"{key}={value}" for key, value in workload.MANAGED_BY.items())
    listed = api.request("GET", path("Deployment", runner.namespace), {"labelSelector": selector}, namespace=runner.namespace)
    names = [item["metadata"]["name"] for item in listed.get("items") or []]
    return sorted(name for name in names if name != runner.deployment)


def _result(outcomes: list[Outcome], runner: workload.Runner) -> Result:
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        "namespace": runner.namespace,
        "objects": [outcome.result() for outcome in outcomes],
        "diff": diff_of(outcomes),
    }


def _rollout(api: Api | None, runner: workload.Runner, live: dict[str, t.Any] | None, params: dict[str, t.Any], check: bool) -> Result:
    if api is None or live is None or check or not params["wait"]:
        ready = bool(live and live.get("status") and is_rolled_out(live))
        return {"ready": ready, "image": runner.image, "pods": [], "conditions": conditions(live or {})}
    if is_rolled_out(live):
        return {"ready": True, "image": runner.image, "pods": [], "conditions": conditions(live)}
    patience = Patience(params["wait_timeout"], params["image_pull_grace"], params["schedule_grace"])
    pods = rollout(api, live, patience, runner.secret_env.values())
    return {"ready": True, "image": runner.image, "pods": [pod["metadata"]["name"] for pod in pods], "conditions": []}
