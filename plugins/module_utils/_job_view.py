# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the watches have told of a Job and its pods, and what of it keeps the Job from beginning."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils import _job_causes as causes
from ansible_collections.studioml.fleet.plugins.module_utils._causes import Problem

Thing = t.Dict[str, t.Any]


@dataclass
class View:
    """What the watches have told so far."""

    job: Thing = field(default_factory=dict)
    pods: dict[str, Thing] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    refused: Problem | None = None
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    said: set[tuple[str, str]] = field(default_factory=set)
    begun: float = field(default_factory=time.monotonic)

    def own(self) -> list[Thing]:
        """Its pods, also those that are gone."""
        return [pod for pod in self.pods.values() if self.owns(pod)]

    def owns(self, pod: Thing) -> bool:
        """Whether it is a pod of this Job, not of a former one of that name."""
        uid = self.job.get("metadata", {}).get("uid")
        return any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences") or [])

    def problems(self) -> list[Problem]:
        """What keeps it from beginning."""
        found = [causes.waiting_problem(pod) for pod in self.own() if pod["metadata"]["uid"] not in self.gone]
        return [problem for problem in found if problem] or ([self.refused] if self.refused and not self.own() else [])


def told(problem: Problem) -> str:
    """A problem in one line."""
    return f"{problem.where}: {problem.reason}" + (f" ({' '.join(problem.words.split())})" if problem.words else "")


def kind_of(problem: Problem) -> tuple[str, str]:
    """What makes two problems the same one, seen twice."""
    # ErrImagePull and ImagePullBackOff take turns: one problem
    return (problem.where, "image" if "Image" in problem.reason else problem.reason)
