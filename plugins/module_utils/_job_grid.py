# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many Jobs from one list of parameters: one LIST, one WATCH, and never more at a time than is asked for.

The names follow from the parameters, so whoever begins again after a stop finds what is there: none is lost, and none runs twice.
"""

from __future__ import annotations

import dataclasses
import queue
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _job_objects as objects
from ansible_collections.studioml.fleet.plugins.module_utils import _job_replace, _job_spec, _jobs, _names
from ansible_collections.studioml.fleet.plugins.module_utils._apply import Applier, Outcome
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_state import counted, is_finished, state_of, word
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._pool import each
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._watch import Event

Thing = t.Dict[str, t.Any]
Report = t.Optional[t.Callable[[str], None]]

KEYS = ("name", "env", "args", "files")
SHOWN = 5
# How long one Job of a grid that stands still is looked at.
LOOK_SECONDS = 15


@dataclasses.dataclass
class Grid:
    """The Jobs that are wanted, by their names in order, and those that are there. C(before) is what had to be there first: the namespace."""

    name: str
    namespace: str
    wanted: t.Dict[str, objects.Made]
    live: t.Dict[str, Thing] = dataclasses.field(default_factory=dict)
    before: t.List[Outcome] = dataclasses.field(default_factory=list)
    outcomes: t.Dict[str, t.List[Outcome]] = dataclasses.field(default_factory=dict)
    lost: t.Set[str] = dataclasses.field(default_factory=set)
    extra: t.List[str] = dataclasses.field(default_factory=list)

    @property
    def selector(self) -> str:
        return f"{objects.GRID_LABEL}={self.name}"

    @property
    def changed(self) -> bool:
        return bool(self.outcomes) or any(outcome.changed for outcome in self.before)

    def missing(self) -> list[str]:
        """Jobs that have to be made, or made ready."""
        return [name for name in self.wanted if name not in self.lost and (name not in self.live or objects.unfinished(self.live[name]))]

    def running(self) -> int:
        """How many are there and have not ended."""
        return sum(not is_finished(job) and not objects.unfinished(job) for job in self.live.values())

    def ended(self) -> bool:
        return all(name in self.lost or (name in self.live and is_finished(self.live[name])) for name in self.wanted)

    def states(self) -> list[Thing]:
        """How each of them stands, in the order of the parameters; one that was not made yet, or is gone, is not among them."""
        return [state_of(self.live[name]) for name in self.wanted if name in self.live]

    def counts(self) -> dict[str, int]:
        found = counted(self.states())
        return {**found, "total": len(self.wanted), "not_made": len(self.missing()), "lost": len(self.lost)}


def grid_of(spec: _job_spec.JobSpec, parameters: t.Sequence[t.Any]) -> Grid:
    """The grid that the options describe, every Job of it checked."""
    wanted: dict[str, objects.Made] = {}
    for number, given in enumerate(parameters):
        one = _one(spec, number, given)
        if one.name in wanted:
            raise FleetError(f"parameters[{number}]: name: two Jobs would be called {one.name}.", "Give each a name of its own, or none.")
        job, owned = objects.objects(one)
        job["metadata"]["labels"][objects.GRID_LABEL] = spec.name
        job["spec"]["template"]["metadata"]["labels"][objects.GRID_LABEL] = spec.name
        for thing in owned:
            thing["metadata"]["labels"][objects.GRID_LABEL] = spec.name
        wanted[one.name] = objects.hashed(job, owned)
    return Grid(spec.name, spec.namespace, wanted)


def run(
    api: Api, grid: Grid, *, again: str = "keep", check: bool = False, most: int | None = None, wait: bool = True,
    timeout: float = 3600, delete_timeout: float = 120, patience: float = 60, report: Report = None, label: str = "",
) -> None:
    """Have all Jobs of the grid, at most C(most) at a time, and wait for their ends. The grid holds what became of them.

    :param patience: seconds without any progress after which it is looked at why none of the Jobs begins.
    """
    applier = Applier(api, check)

    def begin(found: list[Thing]) -> dict[str, Thing]:
        others = _take_all(grid, found, again)
        _job_replace.make_way(api, others, delete_timeout, check)
        replaced = {job["metadata"]["name"]: job for job in others}
        _refill(applier, grid, None if check else most, replaced)
        return replaced

    if check or not wait:
        begin(_jobs.listed(api, grid.namespace, grid.selector))
        return
    from ansible_collections.studioml.fleet.plugins.module_utils import _job_feed  # nothing is awaited in check mode

    inbox: queue.Queue[tuple[str, t.Any]] = queue.Queue()
    progress, replaced = _Progress(grid, report, label), None
    deadline = time.monotonic() + timeout
    feed = _job_feed.Feed("jobs", api, path("Job", grid.namespace), {"labelSelector": grid.selector}, deadline, grid.namespace, inbox)
    try:
        while replaced is None or not grid.ended():
            due = progress.last + patience
            try:
                news = inbox.get(timeout=max(0.01, min(deadline, due) - time.monotonic()))[1]
            except queue.Empty:
                if time.monotonic() >= deadline:
                    raise _late(grid, timeout) from None
                _look_why(api, grid, delete_timeout)
                progress.last = time.monotonic()
                continue
            if isinstance(news, FleetError):
                raise news
            if replaced is None:
                replaced = begin(news.objects)
            else:
                _hear(api, grid, news, replaced)
                _refill(applier, grid, most, replaced)
            progress.tell()
    finally:
        feed.stop()


def _late(grid: Grid, timeout: float) -> FleetError:
    counts = grid.counts()
    return FleetError(
        f"Grid {grid.name} in namespace {grid.namespace} has not ended after {timeout:g} s: {words(counts)}.",
        "Its Jobs go on; run the task again to go on waiting and to make the ones that are left, or give it more time with wait_timeout.",
        jobs=grid.states(), counts=counts, changed=grid.changed,
    )


def _look_why(api: Api, grid: Grid, delete_timeout: float) -> None:
    """Nothing has gone on for a while: FleetError when Jobs cannot begin. Those that this task has made and that wait for the same are removed again."""
    pending = [name for name in grid.wanted if name in grid.live and word(grid.live[name]) == "pending"]
    _job_replace.nudge(api, [grid.live[name] for name in pending if _job_replace.is_forgotten(grid.live[name])])
    if not pending or any(word(job) == "running" for job in grid.live.values()):
        return
    from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import to_end

    try:
        found = to_end(api, grid.namespace, pending[0], timeout=LOOK_SECONDS, image_pull=0, schedule=0)
    except FleetError:
        return  # it goes on after all, and slowly
    if found["state"]["state"] != "pending":
        return
    unbegun = [grid.live[name] for name in pending if name in grid.outcomes and not (grid.live[name].get("status") or {}).get("failed")]
    _jobs.remove(api, unbegun, delete_timeout)
    for job in unbegun:
        del grid.live[job["metadata"]["name"]]
    counts = {**grid.counts(), "removed": len(unbegun)}
    raise FleetError(
        f"Grid {grid.name} does not go on ({words(counts)}). {found['message']}", found["hint"],
        jobs=grid.states(), counts=counts, cause=found["cause"], changed=grid.changed,
    )


def words(counts: dict[str, int]) -> str:
    """Counts as a person reads them."""
    named = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count and name != "total"]
    return f"of {counts['total']} Jobs {', '.join(named) or 'none is there'}"


def failure(grid: Grid) -> FleetError | None:
    """One message for all Jobs that have not succeeded."""
    bad = [state for state in grid.states() if state["state"] != "complete"]
    if not bad and not grid.lost:
        return None
    named = [f"{one['name']} ({one['reason'] or one['state']})" for one in bad] + [f"{name} (deleted by somebody)" for name in sorted(grid.lost)]
    shown = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
    hint = f"See the logs: kubectl logs -n {grid.namespace} job/{named[0].split(' ')[0]}; again: replace runs those anew that have failed."
    return FleetError(f"{len(named)} of {len(grid.wanted)} Jobs of grid {grid.name} have not succeeded: {shown}.", hint)


class _Progress:
    """A line whenever the number of Jobs that have ended is another one."""

    def __init__(self, grid: Grid, report: Report, label: str) -> None:
        self.grid, self.report, self.label = grid, report, label or grid.name
        self.said, self.last, self._seen = -1, time.monotonic(), (-1, -1)

    def tell(self) -> None:
        ended = sum(is_finished(job) for job in self.grid.live.values())
        seen = (ended, sum(word(job) == "running" for job in self.grid.live.values()))
        if seen != self._seen:
            self._seen, self.last = seen, time.monotonic()
        if self.report and ended != self.said:
            self.said = ended
            self.report(f"{self.label}: {words(self.grid.counts())}")


def _one(spec: _job_spec.JobSpec, number: int, given: t.Any) -> _job_spec.JobSpec:
    where = f"parameters[{number}]"
    if not isinstance(given, dict):
        raise FleetError(f"{where}: it is of the type {type(given).__name__}.", f"Give a mapping with some of {', '.join(KEYS)}.")
    unknown = [str(key) for key in given if key not in KEYS]
    if unknown:
        raise FleetError(f"{where}: {', '.join(unknown)} is unknown.", f"An entry may have {', '.join(KEYS)}; everything else is the same for all Jobs.")
    for key, kind in (("env", dict), ("args", list), ("files", dict)):
        if given.get(key) is not None and not isinstance(given[key], kind):
            raise FleetError(f"{where}: {key} is of the type {type(given[key]).__name__}.", f"Give a {'list' if kind is list else 'mapping'}.")
    env = _job_spec.env_of(given.get("env") or {}, f"{where}: env")
    twice = sorted(set(env) & set(spec.secret_env))
    if twice:
        raise FleetError(f"{where}: {', '.join(twice)} is in env and in secret_env.", "Give it once.")
    tail = _names.shortened(given["name"]) if given.get("name") not in (None, "") else str(number)
    return dataclasses.replace(
        spec,
        name=_names.shortened(f"{spec.name}-{tail}"),
        env={**spec.env, **env},
        args=[str(word) for word in given["args"]] if given.get("args") is not None else spec.args,
        files={**spec.files, **_job_spec.files_of(given.get("files") or {})},
    )


def _take_all(grid: Grid, found: list[Thing], again: str) -> list[Thing]:
    others = []
    for job in found:
        name = job["metadata"]["name"]
        if name not in grid.wanted:
            grid.extra.append(name)
        elif word(job) == "deleting":
            others.append(job)
        elif _jobs.is_same(job, grid.wanted[name][0], again):
            grid.live[name] = job
        else:
            _jobs.refuse_other(job, grid.wanted[name][0], again)
            others.append(job)
    return others


def _hear(api: Api, grid: Grid, event: Event, replaced: dict[str, Thing]) -> None:
    """What the watch tells. A list, after an interruption that was too long for it, tells also who is gone."""
    there = {job["metadata"]["name"] for job in event.objects}
    for name in [name for name in grid.live if event.type == "LISTED" and name not in there]:
        if not is_finished(grid.live[name]) and not _is_there(api, grid.live[name]):
            _gone(grid, grid.live[name])
    for job in event.objects:
        name, uid = job["metadata"]["name"], job["metadata"].get("uid")
        known = grid.live.get(name)
        # what it says of a Job before we had made it ready is old; what it says of one that we have replaced, too, also while its successor has to wait
        late = (name in grid.outcomes and objects.unfinished(job)) or (name in replaced and replaced[name]["metadata"]["uid"] == uid)
        if name not in grid.wanted or late or (known and known["metadata"].get("uid") != uid):
            continue
        grid.live[name] = job
        if event.type == "DELETED":
            _gone(grid, job)


def _is_there(api: Api, job: Thing) -> bool:
    """Whether a Job that a list does not name is there all the same: the list is taken while Jobs are made, and may be older than this one."""
    live = api.find(path("Job", job["metadata"]["namespace"], job["metadata"]["name"]), job["metadata"]["namespace"])
    return live is not None and live["metadata"]["uid"] == job["metadata"]["uid"]


def _gone(grid: Grid, job: Thing) -> None:
    """One that has ended stays as it was seen (it had a ttl, or somebody tidies up); one that has not is lost."""
    if not is_finished(job):
        del grid.live[job["metadata"]["name"]]
        grid.lost.add(job["metadata"]["name"])


def _refill(applier: Applier, grid: Grid, most: int | None, replaced: dict[str, Thing]) -> None:
    """Make as many of the missing Jobs as may run now."""
    missing = grid.missing()
    room = len(missing) if most is None else max(0, most - grid.running())
    chosen = missing[:room]
    # in a namespace that would only be made there is nobody to ask
    nowhere = applier.check and any(outcome.changed for outcome in grid.before)

    def make(name: str) -> None:
        wanted, owned = grid.wanted[name]
        there = grid.live.get(name)
        if nowhere:
            made = _jobs.predicted(wanted, owned)
        else:
            made = _jobs.finish(applier, there, wanted, owned) if there else _jobs.create(applier, wanted, owned, replaced.get(name))
        grid.outcomes[name] = made
        grid.live[name] = made[0].live or wanted

    each(chosen, make, _jobs.PARALLEL)
