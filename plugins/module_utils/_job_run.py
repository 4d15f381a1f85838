# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One task's Job, or grid of Jobs, at one target: made (C(begin)), then followed to its end (C(end)). What is removed goes by C(absent)."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _job_spec, _jobs, _names
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_objects import Made
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import state_of, word
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._names import dns_label
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._workload import namespace as namespace_object

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._job_grid import Grid
    from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import Hook, Tap

Params = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]
Report = t.Optional[t.Callable[[str], None]]
Shape = t.Callable[[Made], Made]
Await = t.Callable[[Api, _job_spec.JobSpec, str, Params, Report, str], Result]

# Belongs to the documentation of gpu_job; other modules that run Jobs have other defaults.
RUN: dict[str, dict[str, t.Any]] = {
    "again": {"type": "str", "choices": ["keep", "replace", "new"], "default": "keep"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 3600},
    "image_pull_grace": {"type": "float", "default": 60},
    "schedule_grace": {"type": "float", "default": 60},
    "follow": {"type": "bool", "default": False},
    "log_file": {"type": "path"},
    "log_lines": {"type": "int", "default": 20},
    "keep": {"type": "str", "choices": ["always", "on_failure", "never"], "default": "always"},
    "delete_timeout": {"type": "float", "default": 120},
    "place": {"type": "str", "choices": ["all", "free"], "default": "all"},
    "copies": {"type": "int", "default": 1},
}


@dataclasses.dataclass
class Begun:
    """A Job that was made, or found; or a grid that is about to be."""

    spec: _job_spec.JobSpec
    kept: t.Optional[_jobs.Kept] = None
    grid: t.Optional[Grid] = None


def check_options(params: Params) -> None:
    """What options say together, before any cluster is asked."""
    for option, least in (("wait_timeout", 1), ("delete_timeout", 1), ("log_lines", 0), ("copies", 1)):
        if params[option] < least:
            raise FleetError(f"{option}: {params[option]:g} is too small.", f"Give {least} or more.")
    grid = params.get("parameters") is not None
    if params["keep"] != "always" and grid:
        raise FleetError("keep: a grid's Jobs tell what is done, so that a task that was stopped can go on.", "Use keep: always; remove them after.")
    if params["keep"] != "always" and not params["wait"]:
        raise FleetError(f"keep: {params['keep']} needs the Job's end, and wait is false.", "Use wait: true, or a ttl.")
    if grid and (params["follow"] or params["log_file"]):
        raise FleetError("follow and log_file are for one Job, and parameters makes many.", "Use job_log to read the logs of some of them.")
    if grid and params.get("ttl") is not None:
        raise FleetError("ttl: a grid's Jobs tell which of its work is done; one that is removed would run again.", "Leave out ttl, and remove them after.")
    most = params.get("max_running")
    if most is not None and most < 1:
        raise FleetError(f"max_running: {most} is too small.", "Give 1 or more.")
    if most is not None and not grid:
        raise FleetError("max_running is for many Jobs, and there are no parameters.", "Give parameters, or leave it out.")
    if most is not None and not params["wait"] and most < len(params["parameters"]):
        raise FleetError(f"max_running: {most} of {len(params['parameters'])} Jobs at a time need somebody who waits.", "Use wait: true, or leave it out.")


def begin(api: Api, params: Params, namespace: str, check: bool, spec: _job_spec.JobSpec | None = None, shape: Shape | None = None) -> Begun:
    """Make the Job. C(shape) may change what is made of the options, before it gets its hash."""
    spec = spec or _job_spec.spec_of(params, namespace)
    same_cluster(api, params.get("cluster_id"))
    if spec.queue:
        _jobs.require_kueue(api, spec.queue)
    if params.get("parameters") is not None:
        from ansible_collections.studioml.fleet.plugins.module_utils import _job_grid  # one Job needs none of it

        if params["again"] == "new":
            spec = dataclasses.replace(spec, name=_jobs.new_name(spec.name))
        grid = _job_grid.grid_of(spec, params["parameters"])
        if params["create_namespace"]:
            grid.before = [Applier(api, check).create(namespace_object(spec.namespace))]
        return Begun(spec, grid=grid)

    def build(name: str) -> Made:
        made = _job_spec.objects(dataclasses.replace(spec, name=name))
        return _job_spec.hashed(*shape(made)) if shape else made

    kept = _jobs.present(api, build, spec.name, spec.namespace, params["again"], check, params["delete_timeout"], params["create_namespace"])
    return Begun(spec, kept)


def end(api: Api, begun: Begun, params: Params, check: bool, report: Report = None, label: str = "", awaited: Await | None = None) -> Result:
    """Follow it to its end, as far as that is asked for. FleetError, with the same facts in it, for a Job that has failed.

    :param awaited: takes the place of C(follow), for a caller with more to do while the Job runs.
    """
    if begun.grid:
        return _end_of_grid(api, begun.grid, params, check, report, label)
    if label and params["log_file"]:  # side by side with other targets, each of which writes its own
        root, extension = os.path.splitext(params["log_file"])
        params = {**params, "log_file": f"{root}-{_names.shortened(label)}{extension}"}
    kept = t.cast(_jobs.Kept, begun.kept)
    live = kept.live or {}
    result: Result = {**kept.result(), "name": kept.name, "namespace": begun.spec.namespace, "job": state_of(live), "log": [], "removed": False}
    done = word(live) == "complete" and not kept.changed
    # whoever was stopped between the end of a Job and its removal has left it
    left = done and params["wait"] and _goes(params["keep"], True, False)
    if check or not params["wait"] or (done and not left):
        return {**result, "removed": True, "changed": True} if left else result
    ended = (awaited or follow)(api, begun.spec, kept.name, params, report, label)
    result.update({key: ended[key] for key in ("log", "cause") if ended.get(key)}, job=ended["state"])
    complete = ended["state"]["state"] == "complete"
    if _goes(params["keep"], complete, kept.changed and not is_begun(ended["state"])):
        _jobs.remove(api, [live], params["delete_timeout"])
        result.update(removed=True, changed=True)
    if not complete:
        raise FleetError(ended.get("message") or f"Job {kept.name} has failed.", ended.get("hint") or "", **result)
    return result


def follow(
    api: Api, spec: _job_spec.JobSpec, name: str, params: Params, report: Report, label: str, tap: Tap | None = None, ended: Hook | None = None
) -> Result:
    """Wait for the end of a Job that is there. C(tap) and C(ended) as in C(_job_wait.to_end)."""
    from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import to_end  # an unchanged run needs none

    return to_end(
        api,
        spec.namespace,
        name,
        timeout=params["wait_timeout"],
        report=report,
        follow=params["follow"],
        log_file=params["log_file"],
        log_lines=params["log_lines"],
        hide=list(spec.secret_env.values()),
        label=label,
        image_pull=params["image_pull_grace"],
        schedule=params["schedule_grace"],
        tap=tap,
        ended=ended,
        nudge=True,
    )


def absent(api: Api, params: Params, namespace: str, check: bool, node: str = "") -> Result:
    """Remove one Job by its name, or all that a selector names; with C(node), of these only those that were made for this node."""
    same_cluster(api, params.get("cluster_id"))
    found = chosen(api, params, dns_label(namespace, "namespace"))
    free = sorted(job["metadata"]["name"] for job in found if node and not nodes_of(job))
    kept = _jobs.absent(api, [job for job in found if not node or nodes_of(job) == [node]], check, params["delete_timeout"], params["foreign"])
    if free:
        more = f" and {len(free) - 5} more" if len(free) > 5 else ""
        words = f"Made for no certain node, and so left alone at the node {node}: {', '.join(free[:5])}{more}"
        kept.warnings.append(f"{words} (a target without node removes them).")
    names = [outcome.wanted["metadata"]["name"] for outcome in kept.outcomes]
    return {**kept.result(), "namespace": namespace, "removed_jobs": names}


def chosen(api: Api, params: Params, namespace: str) -> list[t.Dict[str, t.Any]]:
    """The Jobs that name or selector mean."""
    if params.get("name"):
        live = api.find(path("Job", namespace, dns_label(params["name"], "name")), namespace)
        return [live] if live else []
    return _jobs.listed(api, namespace, params["selector"])


def nodes_of(job: t.Dict[str, t.Any]) -> list[str]:
    """The nodes that a Job was made for, by C(node_name) or by its target; none for one that may run on any."""
    affinity = (job["spec"]["template"]["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or []
    fields = [one for term in terms for one in term.get("matchFields") or []]
    return [value for one in fields if one.get("key") == "metadata.name" and one.get("operator") == "In" for value in one.get("values") or []]


def is_begun(state: Result) -> bool:
    """Whether any container of it has run."""
    ran = any(pod["exit_code"] is not None or pod["phase"] == "Running" for pod in state["pods"])
    return ran or state["state"] in ("complete", "failed")


def _goes(keep: str, complete: bool, stuck: bool) -> bool:
    """Whether the Job is removed. One that this task has made and that cannot even begin is half made, and never stays."""
    return stuck or keep == "never" or (keep == "on_failure" and complete)


def _end_of_grid(api: Api, grid: Grid, params: Params, check: bool, report: Report, label: str) -> Result:
    from ansible_collections.studioml.fleet.plugins.module_utils import _job_grid
    from ansible_collections.studioml.fleet.plugins.module_utils._apply import diff_of

    _job_grid.run(
        api,
        grid,
        again="keep" if params["again"] == "new" else params["again"],
        check=check,
        most=params["max_running"],
        wait=params["wait"],
        timeout=params["wait_timeout"],
        delete_timeout=params["delete_timeout"],
        patience=max(params["image_pull_grace"], params["schedule_grace"]),
        report=report,
        label=label,
    )
    outcomes = [*grid.before, *(outcome for name in grid.wanted for outcome in grid.outcomes.get(name, []))]
    result: Result = {"changed": grid.changed, "name": grid.name, "namespace": grid.namespace, "jobs": grid.states(), "counts": grid.counts()}
    result.update(objects=[outcome.result() for outcome in outcomes], diff=diff_of(outcomes))
    if grid.extra:
        result["warnings"] = [f"Grid {grid.name} has Jobs that parameters do not name any more; they are left: {', '.join(sorted(grid.extra)[:5])}."]
    failed = _job_grid.failure(grid) if params["wait"] and not check else None
    if failed:
        raise FleetError(failed.message, failed.hint, **result)
    return result
