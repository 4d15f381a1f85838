# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From one list of registries the part that is about trust, for the role registry_trust; the credentials stay with the role runner_secrets."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible.errors import AnsibleFilterError

TRUST = ("scheme", "ca", "ca_file", "capabilities", "state")


def registries_to_trust(registries: Sequence[Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The entries that say how a registry is reached, without the user and the password. One of a public registry says nothing of it."""
    if isinstance(registries, (str, Mapping)) or not all(isinstance(entry, Mapping) and entry.get("host") for entry in registries):
        raise AnsibleFilterError("registries_to_trust needs a list of mappings, each with a host.")
    kept = [{key: entry[key] for key in ("host", *TRUST) if entry.get(key) is not None} for entry in registries]
    return [entry for entry in kept if len(entry) > 1]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"registries_to_trust": registries_to_trust}
