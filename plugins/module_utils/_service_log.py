# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service of systemd says in its log about its own failure."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._command import find, run


def reason(unit: str, patterns: t.Sequence[t.Pattern[str]], since: t.Optional[float] = None) -> str:
    """The first group of the first pattern that one of the last lines has, the youngest line first; empty when nothing is to be found.

    :param since: leave out what is older than this moment (seconds since the epoch).
    """
    if not find("journalctl"):
        return ""
    begin = [] if since is None else [f"--since=@{int(since)}"]
    lines = run(["journalctl", "--unit", unit, *begin, "--output=cat", "--no-pager", "--lines=200"], timeout=30).out.splitlines()
    for pattern in patterns:
        for line in reversed(lines):
            found = pattern.search(line)
            if found:
                return found.group(1).strip().rstrip('"')
    return ""
