# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many files and connections this process may have open."""

from __future__ import annotations

import contextlib

try:
    import resource
except ImportError:  # there is none outside of Unix
    resource = None  # type: ignore[assignment]

# What an Ansible process has open by itself, with room to spare.
SPARE = 256


def allow(count: int) -> None:
    """Raise the soft limit of this process, as far as the hard one lets it: 1024 is usual, and a thousand targets need more."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE if hard == resource.RLIM_INFINITY else min(count + SPARE, hard)
    if soft != resource.RLIM_INFINITY and wanted > soft:
        with contextlib.suppress(ValueError, OSError):  # then what there is must do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
