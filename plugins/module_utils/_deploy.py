# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make, converge and remove a runner: the objects of C(_workload) through C(_apply), then the rollout through C(_wait).

What few runs need (other runners of the namespace, a former version, a drain before the change) is loaded where it is needed: each file is compiled anew in
each run.
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome, diff_of, over_all, same_cluster
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import title
from ansible_collections.studioml.fleet.plugins.module_utils._ownership import annotation, remembered_replicas
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._runner_volumes import READ_ONCE
from ansible_collections.studioml.fleet.plugins.module_utils._wait import Patience, conditions, is_rolled_out, rollout

Result = t.Dict[str, t.Any]
Report = t.Optional[t.Callable[[str], None]]
Thing = t.Dict[str, t.Any]
# On the Deployment: the runner was drained for a new version, and is to be resumed after it.
DRAINED = "fleet.studioml.ai/drained-for-rollout"


class Step(t.NamedTuple):
    """An object as it is, and as it is to be."""

    live: Thing | None
    wanted: Thing


class Deployment:
    """One run for one runner: what there is, what is wanted, and what became of it."""

    def __init__(self, api: Api | None, runner: workload.Runner, params: Result, check: bool, report: Report = None) -> None:
        self.api, self.runner, self.params, self.check, self.report = api, runner, params, check, report
        self.applier = Applier(api, check, params["force_conflicts"])
        self.outcomes: list[Outcome] = []
        self.warnings: list[str] = []
        self.drain: t.Any = None
        self.kept = self.resumed = self.replaces = False

    @property
    def server(self) -> Api:
        """The API server, where there has to be one."""
        if self.api is None:
            raise AssertionError("only a prediction has no API server")
        return self.api

    def present(self) -> Result:
        """Everything is read and refused first; then it is written in an order in which nothing refers to what is not there yet."""
        runner = self.runner
        self._look_at_secrets()
        if self.params["create_namespace"]:
            self.outcomes.append(_namespace(self.applier, runner))
        *before, main = workload.objects(runner)
        steps = [Step(self.applier.find(wanted), wanted) for wanted in before]
        claim = workload.claim(runner)
        there = self.applier.find(main)
        if there is None and steps[0].live is not None:
            self._beside_others()
        elif there is not None and runner.kind == "Job":
            there = self._job(there, main)
        try:
            self._before_a_change(steps, Step(there, main))
            self.outcomes += [self.applier.apply_over(*step) for step in steps]
            self.outcomes.append(self.applier.create(workload.state_map(runner)))
            if claim:
                self._claim(claim)
            self._apply_main(there, main)
            if not runner.secret_env:  # credentials that are no longer asked for
                self.outcomes += _remove(self.applier, [workload.secret(runner)], [])
            return self._finished(there, main)
        except FleetError as error:
            raise self._rolled_back_after(error) from None
        finally:
            if self.drain:
                self.drain.end()

    def rolled_back(self) -> Result:
        """The former version with its environment; as many pods as there are now."""
        from ansible_collections.studioml.fleet.plugins.module_utils import _former

        runner = self.runner
        mark, wanted = _former.recall(self.server, runner)
        steps = [Step(self.applier.find(one), one) for one in wanted]
        there, main = steps[-1]
        if there is None:
            raise FleetError(f"{title(main)} is not there, so there is nothing to roll back.", "Deploy it with state: present.")
        if runner.kind == "Deployment":
            # one that a drain has scaled to 0 was kept without a number
            main["spec"]["replicas"] = there["spec"].get("replicas", 1)
            before = remembered_replicas(there)
            runner.replicas = main["spec"]["replicas"] if before is None else before
        if workload.config_hash(there) == mark:
            self.outcomes = [Outcome(one, "unchanged", live=live) for live, one in steps]
            return self._finished(there, main)
        if self.params["drain_first"] and not self.check:
            self._drain(there)
        try:
            self.outcomes = [self.applier.apply_over(*step) for step in steps[:-1]]
            self._apply_main(there, main)
            if not any(one["kind"] == "Secret" for one in wanted):
                self.outcomes += _remove(self.applier, [workload.secret(runner)], [])
            return self._finished(there, main)
        finally:
            if self.drain:
                self.drain.end()

    def absent(self) -> Result:
        """Remove what C(present) makes, the namespace, claims and mounted Secrets excepted, and what another runner of the namespace shares."""
        from ansible_collections.studioml.fleet.plugins.module_utils import _removal

        unwanted, kept = _removal.plan(self.server, self.applier, self.runner, self.params, self.warnings)
        self.outcomes = _remove(self.applier, unwanted, self.warnings)
        return {**self._result(), "kept": kept, "rollout": {"ready": False, "image": "", "pods": []}}

    def _look_at_secrets(self) -> None:
        """A Secret that has to be there and is not would keep the pods waiting for ever; one that is read only once is to roll them when it changes."""
        for secret in self.runner.volumes.secrets:
            if secret.optional and secret.kind not in READ_ONCE:
                continue
            live = self.applier.find(workload.bare(self.runner, "Secret", secret.name))
            if live is not None and secret.kind in READ_ONCE:
                self.runner.marks[secret.name] = f"{live['metadata']['uid']}/{live['metadata']['resourceVersion']}"
            elif live is None and not secret.optional:
                words = f"secret_mounts: {secret.kind}: there is no Secret {secret.name} in namespace {self.runner.namespace}."
                if not self.check:
                    raise FleetError(words, "Make it with the role runner_secrets, name another one with secret, or say optional: true.")
                self.warnings.append(f"{words} In check mode it is taken for one that is still to be made.")

    def _beside_others(self) -> None:
        """A first runner of this name where there are others: it may be what was another kind until now."""
        from ansible_collections.studioml.fleet.plugins.module_utils import _runner_shared

        runner = self.runner
        there = _runner_shared.all_of(self.server, runner.namespace)
        own = {(kind, runner.named(kind)) for kind in workload.KINDS}
        _runner_shared.refuse_overlap(runner, [item for item in there if (item["kind"], item["metadata"]["name"]) not in own])
        former = [item for item in there if (item["kind"], item["metadata"]["name"]) in own]
        self.outcomes += [self.applier.delete(workload.bare(runner, item["kind"], item["metadata"]["name"]), item) for item in former]

    def _job(self, there: Thing, main: Thing) -> Thing | None:
        """A Job's pods cannot be changed: another one takes its place where that is wanted. None when it was removed for that."""
        same = workload.config_hash(there) == workload.config_hash(main)
        ended = any(one.get("type") in ("Complete", "Failed") and one.get("status") == "True" for one in (there.get("status") or {}).get("conditions") or [])
        if same and (not ended or self.params["again"] == "keep"):
            if ended:
                self.warnings.append(f"{title(main)} has ended; again: replace lets it run once more.")
            return there
        if self.params["again"] == "keep":
            raise FleetError(
                f"{title(main)} is there with another template{' and has ended' if ended else ', and runs'}; what its pods are cannot be changed.",
                "Use again: replace to remove it and make it anew (what runs is lost; drain first), or another group.",
            )
        self.outcomes.append(self.applier.delete(workload.bare(self.runner, "Job", self.runner.deployment), there))
        self.replaces = True
        return None

    def _before_a_change(self, steps: list[Step], main: Step) -> None:
        """Where the pods will be replaced: drain, and keep the version that was there, if it was up. A drain that fails leaves the former version as it is."""
        live = main.live
        if live is None or self.check or self.runner.kind == "Job":
            return
        if workload.config_hash(live) == workload.config_hash(main.wanted):
            if annotation(live, DRAINED):
                self._drain(live, begun=True)
            return
        if self.params["drain_first"]:
            self._drain(live)
        if workload.config_hash(live) and is_rolled_out(live, self.runner.kind):
            from ansible_collections.studioml.fleet.plugins.module_utils import _former

            environment = [step.live for step in steps if step.wanted["kind"] in ("ConfigMap", "Secret")]
            if not self.runner.secret_env:
                environment.append(self.applier.find(workload.secret(self.runner)))
            _former.keep(self.server, self.runner, [*environment, live])
            self.kept = True

    def _drain(self, live: Thing, begun: bool = False) -> None:
        """C(begun): by a run that was interrupted after its change; what is left of it is the resume."""
        if not begun and self.runner.kind == "Deployment" and not live["spec"].get("replicas", 1) and remembered_replicas(live) is None:
            return
        from ansible_collections.studioml.fleet.plugins.module_utils import _drain_first

        drain = _drain_first.Drain(self.server, self.runner, self.params, live, self.report)
        if begun:
            drain.go_on()
            self.resumed = True
            self.warnings.append(f"{title(live)} was drained for a new version by a run that was interrupted; it is resumed now.")
        else:
            drain.begin()
        self.drain = drain

    def _claim(self, claim: Thing) -> None:
        """A claim is made once: what it holds may be asked for, not changed."""
        outcome = self.applier.create(claim)
        self.outcomes.append(outcome)
        asked, has = (((one or {}).get("spec") or {}).get("resources") or {} for one in (claim, outcome.live))
        if has and has.get("requests") != asked.get("requests"):
            self.warnings.append(f"{title(claim)} asks for {has['requests'].get('storage')}, not for {asked['requests']['storage']}; it is left as it is.")

    def _apply_main(self, there: Thing | None, main: Thing) -> None:
        now = self.applier.find(main) if self.drain and self.drain.scales else there  # the drain has scaled it
        self.warnings += _keep_drained(now, main, bool(self.drain and self.drain.resumes))
        # of a Job that is still there in check mode, a dry run would be one of changing it
        applier = Applier(None, True) if self.replaces and self.check else self.applier
        self.outcomes.append(applier.apply_over(now, main))

    def _finished(self, there: Thing | None, main: Thing) -> Result:
        """The rollout. A runner whose pods are away for the change comes back before it; one that is kept off its queues stays so until it is over."""
        outcome = next(outcome for outcome in self.outcomes if outcome.wanted is main)
        drained: Result = {"drain": self.drain.result} if self.drain and self.drain.result else {}
        if self.drain and self.drain.scales and self.drain.resumes:
            self.drain.end()
            self.drain = None
            main["spec"].setdefault("replicas", self.runner.replicas)
            last = self.applier.apply_over(self.applier.find(main), main).live
            if outcome.changed and there and last:
                self.outcomes[self.outcomes.index(outcome)] = outcome = over_all(main, there, last)
            outcome.live = last
        return {**self._result(), **drained, "rollout": self._rollout(outcome.live)}

    def _rollout(self, live: Thing | None) -> Result:
        runner, params = self.runner, self.params
        containers = live["spec"]["template"]["spec"]["containers"] if live else []
        image = next((one["image"] for one in containers if one["name"] == runner.name), runner.image)
        ready = bool(live and live.get("status") and is_rolled_out(live, runner.kind))
        if ready and live and runner.kind == "DaemonSet" and not live["status"].get("desiredNumberScheduled"):
            self.warnings.append(f"No node fits {title(live)}, so there is no runner; see its node_selector, gpu_product and tolerations.")
        settled: Result = {"ready": ready, "image": image, "pods": [], "conditions": conditions(live or {})}
        if self.api is None or live is None or self.check or not params["wait"] or ready:
            return settled
        patience = Patience(params["wait_timeout"], params["image_pull_grace"], params["schedule_grace"])
        pods = rollout(self.api, live, patience, runner.secret_env.values(), runner.kind)
        return {"ready": True, "image": image, "pods": [pod["metadata"]["name"] for pod in pods], "conditions": []}

    def _rolled_back_after(self, error: FleetError) -> FleetError:
        """A rollout that failed: bring back what was up before, where that is wanted. The task fails all the same."""
        if not (self.params["rollback_on_failure"] and self.kept and "rollout" in error.details):
            return error
        details = {**error.details, "changed": True, "rolled_back": True}
        try:
            Deployment(self.api, self.runner, {**self.params, "drain_first": False}, self.check, self.report).rolled_back()
        except FleetError as second:
            words = f"{error.message} The former version could not be brought back: {second.message}"
            return FleetError(words, second.hint or error.hint, **{**details, "rolled_back": False})
        return FleetError(f"{error.message} The former version was brought back and is up.", error.hint, **details)

    def _result(self) -> Result:
        return {
            "changed": self.resumed or any(outcome.changed for outcome in self.outcomes),
            "namespace": self.runner.namespace,
            "objects": [outcome.result() for outcome in self.outcomes],
            "diff": diff_of(self.outcomes),
            "warnings": self.warnings,
        }


def run(api: Api | None, runner: workload.Runner, params: Result, check: bool, report: Report = None) -> Result:
    """The whole of it, as C(state) says."""
    if api:
        same_cluster(api, params.get("cluster_id"))
    work = Deployment(api, runner, params, check, report)
    return {"present": work.present, "absent": work.absent, "rolled_back": work.rolled_back}[params["state"]]()


def _keep_drained(live: Thing | None, main: Thing, ours: bool) -> list[str]:
    """A runner that a drain has scaled to 0 stays there: how many there are is for the resume to say."""
    if live is None or remembered_replicas(live) is None:
        return []
    main["spec"].pop("replicas", None)
    return [] if ours else [f"{title(main)} is drained and stays scaled to 0; runner_state with state=Running brings back {remembered_replicas(live)}."]


def _namespace(applier: Applier, runner: workload.Runner) -> Outcome:
    outcome = applier.create(workload.namespace(runner.namespace))
    if ((outcome.live or {}).get("status") or {}).get("phase") == "Terminating":
        raise FleetError(
            f"Namespace {runner.namespace} is being deleted, and nothing can be made in it.",
            f"Wait until it is gone; if it does not go, see its conditions: kubectl get namespace {runner.namespace} -o yaml.",
        )
    return outcome


def _remove(applier: Applier, unwanted: list[Thing], warnings: list[str]) -> list[Outcome]:
    """Remove those of the objects that this collection has made."""
    outcomes = []
    for thing in unwanted:
        live = applier.find(thing)
        if live is not None and live["metadata"].get("deletionTimestamp"):
            continue  # it is on its way: a claim waits for its last pod
        labels = ((live or {}).get("metadata") or {}).get("labels") or {}
        if live is not None and any(labels.get(key) != value for key, value in workload.MANAGED_BY.items()):
            warnings.append(f"{title(thing)} is left alone: it was not made by this collection.")
        elif live is not None:
            outcomes.append(applier.delete(thing, live))
    return outcomes
