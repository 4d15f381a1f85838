# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a change of state beside the state itself, checked. Pure, and light: what they may lead to is in C(_drain)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.studioml.fleet.plugins.module_utils._contract import RUNNER
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._verdict import RUN

Result = t.Dict[str, t.Any]

# Each step takes in the ones before it.
STEPS = ("none", "broker", "scale", "cordon", "evict")
NEVER = float("inf")

# Belongs to the documentation fragment studioml.fleet.drain.
ARGUMENTS: t.Dict[str, t.Dict[str, t.Any]] = {
    "name": {"type": "str", "default": RUNNER},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 3600},
    "wait_for_jobs": {"type": "bool", "default": True},
    "enforce": {"type": "str", "choices": list(STEPS)},
    "force_after": {"type": "float"},
    "metrics_port": {"type": "int", "default": 9090},
}


@dataclass
class How:
    """The options beside the state, checked."""

    wait: bool = False
    wait_timeout: float = 3600
    enforce: str = "none"
    force_after: float = NEVER
    jobs: bool = True
    broker: dict[str, t.Any] = field(default_factory=dict)
    metrics_port: int = 9090

    @classmethod
    def of(cls, params: Result) -> How:
        running, wait, force_after = params["state"] == RUN, bool(params.get("wait")), params.get("force_after")
        # the runner never ends by itself: to end it is to scale it to 0
        ends = params["state"] == "DrainAndTerminate" and wait
        how = cls(
            wait=wait,
            wait_timeout=params["wait_timeout"],
            enforce="none" if running else params.get("enforce") or ("scale" if ends else "none"),
            force_after=NEVER if force_after is None else force_after,
            jobs=params["wait_for_jobs"],
            broker=params.get("broker") or {},
            metrics_port=params["metrics_port"],
        )
        if how.wait_timeout <= 0 or how.force_after < 0:
            raise FleetError("wait_timeout and force_after are times in seconds; one of them is too small.", "Give wait_timeout above 0, force_after from 0.")
        if (wait or how.enforce != "none") and (params.get("map_names") or params.get("pods") or params.get("drop_overrides")):
            raise FleetError(
                "wait and enforce are for runners, and map_names, pods and drop_overrides are about maps.",
                "Name the runners by nodes, or take the whole namespace.",
            )
        if force_after is not None and not running and not how.reaches("scale"):
            raise FleetError(
                f"force_after: there is nothing to force with enforce: {how.enforce}; a runner that is at work is ended by scale or evict only.",
                "Use enforce: scale, cordon or evict, or leave force_after out.",
            )
        return how

    @property
    def marker(self) -> str | None:
        """What the state maps are to say about it; None leaves that as it is."""
        return None if self.enforce == "none" else self.enforce

    def reaches(self, step: str) -> bool:
        """Whether the enforcement goes as far as this step."""
        return STEPS.index(self.enforce) >= STEPS.index(step)
