# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was found at each host as one report, and the report as a page."""

from __future__ import annotations

import datetime
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.plugin_utils import _status, _status_page


def fleet_status(hosts: t.Sequence[t.Mapping[str, t.Any]], generated: str | None = None) -> dict[str, t.Any]:
    """The report of all hosts; C(generated) is now unless it is given."""
    if not isinstance(hosts, (list, tuple)) or not all(isinstance(one, t.Mapping) and one.get("host") for one in hosts):
        raise AnsibleFilterError("fleet_status needs a list with one dictionary a host, each with its name as host.")
    return _status.report(hosts, generated or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))


def fleet_page(report: t.Mapping[str, t.Any], title: str = "Fleet status") -> str:
    """A report of C(fleet_status) as one HTML page."""
    if not isinstance(report, t.Mapping) or not {"generated", "summary", "rows", "hosts"} <= set(report):
        raise AnsibleFilterError("fleet_page needs a report that the filter fleet_status has made.")
    return str(_status_page.page(report, title))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"fleet_page": fleet_page, "fleet_status": fleet_status}
