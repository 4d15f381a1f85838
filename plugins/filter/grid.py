# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A grid of parameters as data: every combination, and each as a Job."""

from __future__ import annotations

import itertools
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.plugin_utils import _experiment

MOST = 10000


def grid(given: t.Any) -> list[dict[str, t.Any]]:
    """Every combination of the values; a list of maps is one already."""
    if isinstance(given, (list, tuple)):
        wrong = next((one for one in given if not isinstance(one, t.Mapping)), None)
        if wrong is not None:
            raise AnsibleFilterError(f"grid: a list holds maps of parameters, not {wrong!r}.")
        return [dict(one) for one in given]
    if not isinstance(given, t.Mapping):
        raise AnsibleFilterError(f"grid needs a map of lists, or a list of maps, but was given {type(given).__name__}.")
    values = {str(key): list(value) if isinstance(value, (list, tuple)) else [value] for key, value in given.items()}
    empty = [key for key, value in values.items() if not value]
    if empty:
        raise AnsibleFilterError(f"grid: {', '.join(empty)} has no value, so that there is no combination. Give one, or leave it out.")
    count = 1
    for value in values.values():
        count *= len(value)
    if count > MOST:
        raise AnsibleFilterError(f"grid: these are {count} combinations, more than the {MOST} that make sense in one go. Split it.")
    return [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())] if values else []


def grid_jobs(parameters: t.Sequence[t.Mapping[str, t.Any]], how: str = "args", before: t.Sequence[t.Any] = ()) -> list[dict[str, t.Any]]:
    """Each combination as gpu_job takes it."""
    try:
        return _experiment.jobs(parameters, how, before)
    except FleetError as error:
        raise AnsibleFilterError(error.text()) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"grid": grid, "grid_jobs": grid_jobs}
