# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""mrunner's contexts, resources and names, for the role experiment."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.plugin_utils import _experiment


def _told(work: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
    """A filter's own kind of error, with the core's words."""

    def filtered(*given: t.Any, **more: t.Any) -> t.Any:
        try:
            return work(*given, **more)
        except FleetError as error:
            raise AnsibleFilterError(error.text()) from None

    return filtered


experiment_context = _told(_experiment.context)
experiment_resources = _told(_experiment.resources)
experiment_namespace = _told(_experiment.namespace)
experiment_name = _told(_experiment.name)
experiment_words = _told(_experiment.words)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "experiment_context": experiment_context,
            "experiment_resources": experiment_resources,
            "experiment_namespace": experiment_namespace,
            "experiment_name": experiment_name,
            "experiment_words": experiment_words,
        }
