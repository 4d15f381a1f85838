# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Add-ons of MicroK8s that converge: one pass over a list, each add-on proven before the next one begins."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _addon_causes, _addon_drift, _addon_proof, _addon_words, _gpu, _lock, _microk8s_ready
from ansible_collections.studioml.fleet.plugins.module_utils._addon_proof import Proof, Snapshot
from ansible_collections.studioml.fleet.plugins.module_utils._addon_words import Wanted
from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s, last_lines
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_status import Addon
from ansible_collections.studioml.fleet.plugins.module_utils._process_group import TookTooLong

POLL_SECONDS = 2.0
# MicroK8s has its own lock only since 1.27.
LOCK = "run/lock/studioml-fleet-microk8s-addon.lock"
# An add-on whose objects are not there this long after a call that made none will not come up.
NOTHING_SECONDS = 6.0
UNKNOWN = re.compile(r"Addon \S+ (was )?not found")
# What is left after "disable nvidia" and makes it look enabled for ever.
GPU_LEFTOVER = "gpu-operator"


class Result(t.NamedTuple):
    """What became of one add-on; C(before) and C(after) are V(enabled) or V(disabled)."""

    name: str
    repository: str
    before: str
    after: str
    changed: bool
    proof: str
    drift: t.List[str]


class Converger:
    """One pass over a list, with what was read kept until something is changed."""

    def __init__(self, microk8s: MicroK8s, timeout: float, check: bool) -> None:
        self._microk8s = microk8s
        self._timeout = timeout
        self._check = check
        self._snapshot: t.Optional[Snapshot] = None
        self._listed: t.Optional[t.List[Addon]] = None

    def one(self, wanted: Wanted) -> Result:
        """Make one add-on what it should be, and prove it.

        :raises FleetError: when it does not come up; with what was printed and what the pods say.
        """
        return self._enabled(wanted) if wanted.enabled else self._disabled(wanted)

    def _enabled(self, wanted: Wanted) -> Result:
        proof = _addon_proof.look(wanted.canonical, self._objects())
        if proof and proof.ready:
            return self._result(wanted, "enabled", proof.words)
        addon = self._find(wanted)
        if addon.enabled and (proof is None or not wanted.prove):
            return self._result(wanted, "enabled", "microk8s status lists it as enabled")
        if addon.enabled and proof and not proof.made:
            raise FleetError(
                f"microk8s status calls {addon.label()} enabled, but {proof.words}: an earlier attempt left only pieces that look like it.",
                f"'microk8s disable {addon.label()}', delete what is left of it (clusterroles and clusterrolebindings of its name), then run again.",
            )
        if addon.enabled:
            return self._result(wanted, "enabled", proof.words if self._check and proof else self._wait(wanted, ""))
        if self._check:
            return self._result(wanted, "disabled", "it would be enabled")
        done = self._call("enable", addon, self._arguments(addon, wanted))
        if not wanted.prove:
            return self._result(wanted, "disabled", "not asked for", made=not _already(done, addon))
        return self._result(wanted, "disabled", self._wait(wanted, last_lines(done)), made=not _already(done, addon))

    def _disabled(self, wanted: Wanted) -> Result:
        addon = self._find(wanted)
        if not addon.enabled:
            return self._result(wanted, "disabled", "microk8s status lists it as disabled")
        if self._check:
            return self._result(wanted, "enabled", "it would be disabled")
        done = self._call("disable", addon, wanted.arguments)
        if wanted.canonical == "nvidia" and self._find(wanted).enabled:
            self._clear_gpu_leftovers()
        self._wait_disabled(wanted, last_lines(done))
        return self._result(wanted, "enabled", "microk8s status lists it as disabled", made=not _already(done, addon))

    def _result(self, wanted: Wanted, before: str, proof: str, made: bool = True) -> Result:
        after = "enabled" if wanted.enabled else "disabled"
        unchanged = before == after
        drift = _addon_drift.look(wanted, self._objects(), self._microk8s) if unchanged and wanted.enabled else []
        return Result(wanted.name, wanted.repository, before, after, not unchanged and made, proof, drift)

    def _arguments(self, addon: Addon, wanted: Wanted) -> t.List[str]:
        if wanted.canonical != "nvidia":
            return wanted.arguments
        roots = _gpu.Roots()
        driver = _gpu.driver(roots, _gpu.gpus(roots))
        if driver.problem:
            raise FleetError(
                f"{addon.label()} was not enabled, because the host's GPU driver does not work: {driver.problem}.", "Correct the driver first, then run again."
            )
        return _addon_words.with_driver(addon, wanted.arguments, driver.ready)

    def _call(self, action: str, addon: Addon, arguments: t.Sequence[str]) -> Completed:
        shown = f"microk8s {action} {addon.label()}"
        minor = self._minor() if addon.name == "registry" and arguments else 0
        try:
            # disable hostpath-storage asks whether to erase the data: no, unless its argument says so
            done = self._microk8s.call(action, *_addon_words.words(addon, arguments, minor), timeout=self._timeout, stdin="n\n")
        except TookTooLong as error:
            printed = last_lines(Completed(1, error.printed, ""))
            hint = "Give it more time (ready_timeout), or see the pods on the host."
            raise FleetError(f"{error.message} It had printed: {printed or 'nothing'}.", hint) from None
        self._snapshot = self._listed = None
        if done.rc or UNKNOWN.search(done.out):
            raise FleetError(
                f"{shown} failed with status {done.rc}: {last_lines(done) or 'it printed nothing'}", "Correct arguments, or what it names, then run again."
            )
        return done

    def _wait(self, wanted: Wanted, printed: str) -> str:
        """Wait for the proof; the words of it."""
        start = time.monotonic()
        while True:
            proof, listed = self._look(wanted)
            if proof and proof.ready:
                return proof.words
            if proof is None and listed:
                return "microk8s status lists it as enabled"
            passed = time.monotonic() - start
            if passed >= self._timeout or (printed and proof and not proof.made and passed >= NOTHING_SECONDS):
                raise self._failed(wanted, proof, printed, passed)
            time.sleep(POLL_SECONDS)

    def _look(self, wanted: Wanted) -> t.Tuple[t.Optional[Proof], bool]:
        """What is there now. The API may be away for a moment: an add-on may restart the kubelet's service."""
        self._snapshot = self._listed = None
        try:
            proof = _addon_proof.look(wanted.canonical, self._objects())
            return proof, proof is None and self._find(wanted).enabled
        except FleetError as error:
            return Proof(False, True, f"the API does not answer ({error.message})"), False

    def _failed(self, wanted: Wanted, proof: t.Optional[Proof], printed: str, passed: float) -> FleetError:
        causes = _addon_causes.explain(wanted.canonical, self._microk8s)
        words = proof.words if proof else "microk8s status lists it as disabled"
        message = f"The add-on {wanted.repository}/{wanted.name} did not come up within {passed:.0f} seconds: {words}."
        if printed:
            message += f' microk8s enable printed: "{printed}".'
        if causes:
            message += f" The cluster says: {'; '.join(causes)}."
        return FleetError(message, _addon_causes.advice(wanted.canonical), addon=wanted.name, causes=causes, printed=printed)

    def _wait_disabled(self, wanted: Wanted, printed: str) -> None:
        deadline = time.monotonic() + self._timeout
        while self._find(wanted).enabled:
            if time.monotonic() >= deadline:
                raise FleetError(
                    f'{wanted.repository}/{wanted.name} is still listed as enabled {self._timeout:g} seconds after its disabling, which printed: "{printed}".',
                    "Something else has objects of its name, or they hang: 'microk8s kubectl get all -A' shows them.",
                )
            time.sleep(POLL_SECONDS)
            self._listed = None

    def _clear_gpu_leftovers(self) -> None:
        for kind in ("clusterrole", "clusterrolebinding"):
            names = [item["metadata"]["name"] for item in self._microk8s.get(kind).get("items") or []]
            left = [name for name in names if name.startswith(GPU_LEFTOVER)]
            if left:
                self._microk8s.kubectl("delete", kind, *left, "--ignore-not-found", "--wait=false")
        self._listed = None

    def _find(self, wanted: Wanted) -> Addon:
        if self._listed is None:
            self._listed = self._status()
        return _addon_words.find(wanted, self._listed)

    def _status(self) -> t.List[Addon]:
        if not self._objects().schedulable():
            raise FleetError(
                "No node of the cluster is Ready and takes pods; a cordoned node does not run at all to MicroK8s' own command.",
                "Uncordon it (microk8s kubectl uncordon), then run again.",
            )
        status = self._microk8s.status()
        if status.kind != "running":
            raise FleetError(f"microk8s status says that the node is {status.kind}.", "Run again when it is ready: studioml.fleet.microk8s_info waits for it.")
        return status.addons

    def _objects(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = Snapshot.take(self._microk8s)
        return self._snapshot

    def _minor(self) -> int:
        found = re.match(r"^v1\.([0-9]+)", self._microk8s.version())
        return int(found.group(1)) if found else 0


def converge(microk8s: MicroK8s, wanted: t.Sequence[Wanted], timeout: float, check: bool) -> t.Tuple[t.List[Result], str]:
    """All of them, in their order, and a note where they could only be guessed.

    In check mode on a host whose MicroK8s is not there, or not up, everything that should be enabled counts as a change.
    """
    for addon in wanted:
        _addon_words.check(addon)
    condition = _microk8s_ready.look(microk8s)
    if condition.state == "worker":
        raise FleetError("Add-ons belong to the whole cluster, and this node is a worker of it.", "Run this on a node of the control plane.")
    if check and condition.state != "ready":
        note = f"The add-ons cannot be looked at: {condition.reason}. Those that should be enabled count as changes."
        return [_guess(addon) for addon in wanted], note
    if condition.state != "ready":
        _microk8s_ready.wait_ready(microk8s, timeout)
    with _lock.held(microk8s.path(LOCK), timeout, "Add-ons are changed one at a time"):
        converger = Converger(microk8s, timeout, check)
        return [converger.one(addon) for addon in wanted], ""


def _guess(wanted: Wanted) -> Result:
    after = "enabled" if wanted.enabled else "disabled"
    return Result(wanted.name, wanted.repository, "disabled", after, wanted.enabled, "not looked at", [])


def _already(done: Completed, addon: Addon) -> bool:
    """Whether the call found it done. An add-on that enables others says the same of those, so the name counts."""
    return bool(re.search(rf"Addon (\S+/)?{re.escape(addon.name)} is already (enabled|disabled)", done.out))
