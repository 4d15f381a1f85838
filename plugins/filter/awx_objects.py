# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of an AWX: with a user's own, and what is wrong with them."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.plugin_utils import _awx_objects


def awx_objects(generated: t.Mapping[str, t.Any], own: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Generated objects and own ones, merged by name."""
    for called, objects in (("the generated objects", generated), ("awx_objects", own)):
        if not isinstance(objects, dict) or not all(isinstance(items, list) and all(isinstance(one, dict) for one in items) for items in objects.values()):
            shape = "a mapping of lists of mappings, such as {'controller_templates': [{'name': 'Drain runners', 'timeout': 7200}]}"
            raise AnsibleFilterError(f"awx_objects: {called} have to be {shape}.")
    return _awx_objects.merged(generated, own)


def awx_faults(objects: t.Mapping[str, t.Any], credentials: t.Sequence[t.Mapping[str, t.Any]] = ()) -> list[str]:
    """What AWX would refuse, or would take and fail with later; empty when all is well."""
    return _awx_objects.faults(objects, credentials)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"awx_objects": awx_objects, "awx_faults": awx_faults}
