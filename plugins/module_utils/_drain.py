# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes with a change of STATE when more than the state is asked for: the steps of enforcement, the wait until it is quiet, and the way back."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _back, _holds, _meeting, _ownership, _scope
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._change import NOBODY_LOOKED
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._how import How
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path, path_of, title
from ansible_collections.studioml.fleet.plugins.module_utils._listening import Listening, judge
from ansible_collections.studioml.fleet.plugins.module_utils._quiet import Awaited, Found, now_text, span, until_quiet
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._state import Plan, Wanted, plan, read_maps
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import RUN, Verdict
from ansible_collections.studioml.fleet.plugins.module_utils._work import Look

Report = t.Optional[t.Callable[[str], None]]
Result = t.Dict[str, t.Any]
# Seconds for pods to end that were scaled away: their grace period, and time for the node to tell.
ENDING = 90.0


class Change:
    """One target: C(prepare) reads, C(before) comes before STATE is written, C(after) behind it. All do nothing where only the state is asked for."""

    def __init__(self, api: Api, wanted: Wanted, how: How, marked: bool, check: bool, report: Report = None) -> None:
        self.api, self.wanted, self.how, self.marked, self.check, self.report = api, wanted, how, marked, check, report
        self.scope = _scope.Scope(wanted.namespace, wanted.name, [], [], [], [])
        self.holds: list[_holds.Hold] = []
        self.enforced: list[Result] = []
        # the work that was ended, in words
        self.forced = ""

    @property
    def goes_further(self) -> bool:
        """Whether there is anything to do beside the maps."""
        return self.how.wait or self.how.enforce != "none" or (self.resumes and self.marked)

    @property
    def resumes(self) -> bool:
        return self.wanted.state == RUN

    def prepare(self) -> None:
        """Everything that can be found out, and refused, before anything is written."""
        if not self.goes_further:
            return
        self.scope = _scope.find(self.api, self.wanted.namespace, self.wanted.name, self.wanted.nodes)
        if self.resumes and not self.scope.deployments and not self.scope.shared:
            self.holds = _holds.named(self.api, self.wanted.namespace, self.how.broker)
        if not self.holds and not self.scope.deployments and not self.scope.shared and not self.scope.pods:
            raise self._nothing_there()
        if self.resumes and not self.holds:
            self.holds = _back.holds_to_open(self.api, self.scope, self.how.broker)
        elif not self.resumes:
            if self.how.enforce != "none":
                self.scope.refuse_other_kinds(self.how.enforce)
            deployments = self._deployments()
            self.holds = _holds.found(self.api, self.wanted.namespace, deployments, self.how.broker, to_close=self.how.enforce == "broker")
            for hold in self.holds if self.how.reaches("broker") else []:
                if hold.may_close:
                    hold.permissions()

    def _nothing_there(self) -> FleetError:
        where = f" on {', '.join(self.wanted.nodes)}" if self.wanted.nodes else ""
        said = f"There is no runner with the label app={self.wanted.name} in namespace {self.wanted.namespace}{where} to drain, to resume or to wait for."
        for deployment, nodes in self.scope.moved if self.resumes else []:
            user = _ownership.annotation(deployment, _ownership.BROKER_USER)
            if user:
                return FleetError(
                    f"{said} But Deployment {deployment['metadata']['name']}, whose broker's user {user} a drain keeps off its queues, has its pods on "
                    f"{', '.join(nodes)} by now.",
                    f"Resume {', '.join(nodes)}, or the whole runner (without nodes): that gives the permission back.",
                )
        return FleetError(
            said,
            "Correct name, namespace or nodes; without wait and enforce the state is written all the same. What a drain has taken from the broker's user of a "
            "runner that is gone, a resume gives back when broker names it (url, username, password, vhost, runner_username).",
        )

    def before(self, planned: Plan) -> Plan:
        """Resume: undo what a drain did, in the opposite order; STATE comes last."""
        if not self.resumes or not self.goes_further:
            return planned
        noted = any(hold.deployments_noted() for hold in self.holds)
        _back.undo(self.api, self.scope, self.holds, self.check, self.enforced)
        if self.marked or not (noted or any(entry["changed"] for entry in self.enforced)):
            return planned
        # something was undone that the maps knew nothing of when they were read: it may be of a drain that has begun since
        self.marked = True
        return plan(read_maps(self.api, self.wanted.namespace), self.wanted)

    def after(self) -> Result:
        """Drain: enforce, wait until it is quiet, end what is to end. Resume: wait until it takes work again. The keys to add to the result."""
        if self.resumes:
            if self.marked and not self.check:
                _meeting.settle(self.api, self.wanted, self.holds, self.how.broker, self.enforced)
            return self.result(self._verified() if self.how.wait and not self.check else None)
        if not self.how.wait and self.how.enforce == "none":
            return self.result()
        listening = self._listening() if not self.check else None
        closed = self._close()
        if self.how.reaches("cordon"):
            self._cordon()
        if self.how.reaches("broker"):
            self._still_asked()
        awaited = self.how.wait or self.how.reaches("scale")
        found = self._wait(listening, closed) if awaited and not self.check else None
        if found:
            self._still_asked()  # a wait may be long
        if self.how.reaches("scale"):
            self._end()
            self._still_asked()
            found = self._gone(listening) if found else None
        return self.result(found, listening)

    def _verified(self) -> Found:
        problem = None
        try:
            found = _back.verified(self.api, self.scope, self.how, self.report)
            if found.verdict.word == "running":
                return found
        except FleetError as error:
            problem = error
        problem = _meeting.overtaken(self.api, self.wanted) or problem
        if problem:
            raise problem
        return found

    def _still_asked(self) -> None:
        """A drain that was resumed while it was at work ends here, and takes back what it has done."""
        resumed = [] if self.check else _meeting.running(self.api, self.wanted)
        if not resumed:
            return
        if self.how.enforce != "none":
            _meeting.give_way(self.api, self.wanted, resumed, self.how.broker, self.enforced)
        raise FleetError(
            f"It was asked to run again while it was being drained: STATE is Running in {', '.join(resumed)} in namespace {self.wanted.namespace}.",
            "Somebody else has resumed it, and what this drain had done is undone. If it is to be drained all the same, run again.",
            **self.result(),
        )

    def _deployments(self) -> list[Result]:
        """Those that may be changed. The nodes' own steps do without them where they are shared with other nodes."""
        if self.how.reaches("cordon"):
            return [] if self.scope.shared else self.scope.deployments
        return self.scope.unshared(self.how.enforce) if self.how.reaches("broker") else self.scope.deployments

    def _listening(self) -> Listening | None:
        maps = read_maps(self.api, self.wanted.namespace)
        judged = [
            judge(self.api, deployment, self._pods_of(deployment), maps, self.wanted.namespace, self.wanted.configmap)
            for deployment in [*self.scope.deployments, *self.scope.shared]
        ]
        return min(judged, key=lambda one: {False: 0, None: 1, True: 2}[one.listens], default=None)

    def _pods_of(self, deployment: Result) -> list[Result]:
        wanted = (deployment["spec"]["selector"].get("matchLabels") or {}).items()
        return [pod for pod in self.scope.pods if wanted <= (pod["metadata"].get("labels") or {}).items()]

    def _close(self) -> float:
        """Keep new work away at the broker; when that was done (monotonic), 0 when it was not."""
        if not self.how.reaches("broker"):
            return 0.0
        closing = [hold for hold in self.holds if hold.may_close]
        for hold in closing:
            self.enforced.append(hold.close(self.api, self.check))
        return time.monotonic() if closing and len(closing) == len(self.holds) else 0.0

    def _cordon(self) -> None:
        for name in self.scope.node_names:
            node = self.api.request("GET", path("Node", name=name))
            changed = _ownership.cordon(self.api, node, self.scope.owner, self.check)
            before = bool(node["spec"].get("unschedulable"))
            self.enforced.append({"step": "cordon", "what": f"Node/{name}", "changed": changed, "before": before, "after": True})

    def _wait(self, listening: Listening | None, closed: float) -> Found:
        ends = self.how.reaches("scale")
        listens = listening.listens if listening else None
        if listens is False and not closed and not ends:
            look = Look(len(self.scope.pods), 0, None, [], None, [], [])
            raise self._failed(Found(Verdict("not_listening", listening.reason if listening else ""), look, now_text(), 0.0), listening)
        limit = min(self.how.wait_timeout, self.how.force_after)
        # one that is ended in a moment without work need not listen
        found = until_quiet(self.api, self._awaited(None if ends else listens, closed), time.monotonic() + limit, self.report)
        if found.verdict.word != "quiet" and (not ends or limit < self.how.force_after):
            raise self._failed(found, listening)
        if found.verdict.word != "quiet":
            self.forced = found.look.work()
        self._replicas()  # no work is also what a look finds where somebody has deleted it all
        return found

    def _awaited(self, listens: bool | None, closed: float) -> Awaited:
        return Awaited(
            namespace=self.wanted.namespace,
            name=self.wanted.name,
            asked=self.wanted.state,
            listens=listens,
            nodes=self.scope.nodes,
            replicas=self._replicas,
            unacknowledged=(lambda: sum(hold.unacknowledged() for hold in self.holds)) if self.holds else None,
            held=bool(closed),
            held_since=closed,
            statistics=max([hold.statistics_interval() for hold in self.holds], default=0.0),
            jobs=self.how.jobs,
            port=self.how.metrics_port,
        )

    def _live(self, deployment: Result) -> Result:
        """As it is now: others may have scaled it during the wait."""
        live = self.api.find(path_of(deployment), self.wanted.namespace)
        if live is None or live["metadata"].get("deletionTimestamp"):
            raise self._deleted(title(deployment))
        return {"kind": deployment["kind"], **live}

    def _replicas(self) -> int:
        """How many pods there should be; an error where they were deleted for good."""
        wanted = sum(_ownership.replicas_of(self._live(deployment)) for deployment in self.scope.deployments)
        try:
            namespace = self.api.find(path("Namespace", name=self.wanted.namespace)) if wanted else None
        except ApiError as error:
            if error.status != 403:
                raise
            return wanted
        if namespace and namespace["metadata"].get("deletionTimestamp"):
            raise self._deleted(f"Namespace {self.wanted.namespace}")
        return wanted

    def _deleted(self, what: str) -> FleetError:
        words = f"{what} was deleted while its quiet was awaited, so nobody knows whether its work has come to its end."
        return FleetError(words, "Find out who deletes it, and run again.", **self.result())

    def _gone(self, listening: Listening | None) -> Found:
        """Scaled and evicted is quickly said; the host is free when the pods have ended."""
        deadline = time.monotonic() + ENDING
        found = until_quiet(self.api, self._awaited(None, time.monotonic()), deadline, self.report)
        if found.verdict.word != "quiet":
            message = f"The runner was scaled down, but has not ended after {span(ENDING)}: {found.verdict.reason}"
            raise FleetError(message, "Look at its pods with kubectl describe.", **self.result(found, listening))
        return found

    def _end(self) -> None:
        for deployment in map(self._live, self._deployments()):
            before = _ownership.replicas_of(deployment)
            changed = _ownership.scale_down(self.api, deployment, self.scope.nodes, self.check)
            self.enforced.append({"step": "scale", "what": title(deployment), "changed": changed, "before": before, "after": 0})
        for pod in self.scope.pods if self.how.reaches("evict") else []:
            gone = _ownership.evict(self.api, pod, self.check)
            self.enforced.append({"step": "evict", "what": title(pod), "changed": gone, "before": "there", "after": "evicted" if gone else "there"})
            if not gone:
                raise FleetError(
                    f"{title(pod)} may not be evicted: a PodDisruptionBudget keeps it.",
                    "Raise the budget, or scale the runner; then run again.",
                    **self.result(),
                )

    def _failed(self, found: Found, listening: Listening | None) -> FleetError:
        word, reason = found.verdict
        if word == "not_listening":
            message = f"The state is written, but the runner will go on taking work from the queues it has: {reason}"
            hint = listening.advice if listening else ""
        elif word == "busy":
            message = f"Still busy after {span(found.waited)}: {found.look.work()}."
            hint = "Give it longer (wait_timeout), or end it with enforce: scale and force_after. What was done stays; running again goes on from here."
        elif word == "unreachable":
            message, hint = f"The API server cannot be reached any more, so nobody knows whether the runner is quiet. {reason}", "Run again when it is back."
        else:
            message = f"Not known to be quiet after {span(found.waited)}: {reason}"
            hint = "Give broker, so that the broker can be asked, or look at the runner's pods."
        return FleetError(message, hint, **self.result(found, listening))

    def result(self, found: Found | None = None, listening: Listening | None = None) -> Result:
        """The keys of the result that tell of all this."""
        verdict = found.verdict if found else Verdict("asked", NOBODY_LOOKED)
        result: Result = {"verdict": verdict.word, "reason": verdict.reason, "enforced": self.enforced, "forced": bool(self.forced), "warnings": []}
        if found:
            result.update(
                since=found.since,
                waited=round(found.waited, 1),
                experiments=found.look.experiments,
                unacknowledged=found.look.unacknowledged,
                jobs=found.look.jobs,
                pods=found.look.pods,
            )
        if listening:
            result["listening"] = {"listens": listening.listens, "era": listening.era, "reason": listening.reason, "effective": listening.effective}
        if self.forced:
            result["warnings"].append(f"FORCED after {span(self.how.force_after)}: the runner was ended while it was busy with {self.forced}.")
        elif listening and not self.resumes and not any(entry["step"] in ("broker", "scale") for entry in self.enforced):
            result["warnings"].append("With enforce: none the runner goes on taking work from the queues it has adopted; enforce: broker keeps it off them.")
        return result
