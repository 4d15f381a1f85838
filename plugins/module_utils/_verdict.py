# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One word for how a runner stands to what was asked of it. Pure functions, no I/O: looking and waiting judge alike.

=============== ==================================================================================================================
running         asked to run, and a pod is ready
quiet           asked to drain, and known to do nothing: no experiment in the metrics and no unacknowledged message; or no pod at all
busy            asked to drain, and still at work
asked           the state is written, and nothing contradicts it, but nothing proves it either: a fact is missing, or a pod is not ready
not_listening   the runner does not read its state, so that what was asked has no effect
unreachable     the cluster did not answer
=============== ==================================================================================================================
"""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._contract import STATES

RUN = STATES[0]
# From bad to good: of several, the first one found speaks for all.
WORDS = ("unreachable", "not_listening", "busy", "asked", "quiet", "running")


class Verdict(t.NamedTuple):
    """The word, and why it is this one."""

    word: str
    reason: str


def verdict(
    asked: str,
    listens: bool | None,
    running: int | None,
    unacknowledged: int | None,
    pods: int,
    ready: int,
    replicas: int = 1,
    *,
    enforced: bool = False,
    reachable: bool = True,
) -> Verdict:
    """Judge one runner (all pods of a Deployment, or one of them).

    :param asked: the state that its map asks for; empty when no map does.
    :param listens: whether it reads that map; None when nobody knows.
    :param running: experiments by its metrics; None when they could not be read. Of a runner without pods it does not count.
    :param unacknowledged: messages of ours that the broker waits for; None when the broker was not asked.
    :param pods: pods that exist, ready or not.
    :param ready: pods that are ready.
    :param replicas: pods that are wanted. A pod that is still to come takes work before it has read its state.
    :param enforced: whether something else than the state keeps new work away (the broker's permission), so that listening does not matter.
    :param reachable: whether the cluster answered at all.
    """
    if not reachable:
        return Verdict("unreachable", "The cluster did not answer.")
    held = unacknowledged or 0
    running = running if pods else 0
    if not pods and not replicas:
        if held:
            return Verdict("busy", f"No pod is left, but the broker still waits for {_count(held, 'message')}.")
        if asked in ("", RUN):
            return Verdict("asked", f"{'It was asked to run' if asked else 'No state was asked for'}, but it is scaled to 0.")
        return Verdict("quiet", "It is scaled to 0 and has no pod.")
    if listens is False and not enforced:
        return Verdict("not_listening", _at_work("It does not read its state", running, held))
    if asked in ("", RUN):
        if not ready:
            return Verdict("asked", "No pod is ready.")
        return Verdict("running", _at_work("It runs" if asked else "No state was asked for, so it runs", running, held))
    if running or held:
        return Verdict("busy", _at_work("It is to drain", running, held))
    missing = _missing(running, unacknowledged, pods, ready, replicas)
    return Verdict("asked", missing) if missing else Verdict("quiet", "No experiment runs, and the broker waits for no message.")


def worst(verdicts: t.Iterable[Verdict]) -> Verdict:
    """The one that speaks for all; C(asked) when there is none."""
    return min(verdicts, key=lambda one: WORDS.index(one.word), default=Verdict("asked", "There is nothing to judge."))


def _missing(running: int | None, unacknowledged: int | None, pods: int, ready: int, replicas: int) -> str:
    """What keeps a drain without work from being called quiet."""
    if running is None:
        return "Its metrics cannot be read, so nobody knows whether an experiment runs."
    if unacknowledged is None:
        return "No experiment runs; whether the broker waits for a message is not known."
    if ready < max(pods, replicas):
        return f"{ready} of {max(pods, replicas)} pods are ready; one that starts takes work before it has read its state."
    return ""


def _at_work(beginning: str, running: int | None, held: int) -> str:
    work = [_count(running, "experiment")] if running else []
    work += [_count(held, "unacknowledged message")] if held else []
    return f"{beginning}, with {' and '.join(work)}." if work else f"{beginning}."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
