# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an installed snap is what a file holds: snapd keeps the file that it installed, so the two are compared.

Reading two large files on every run would take seconds; what was found equal is remembered with the size and the times of both.
"""

from __future__ import annotations

import filecmp
import json
import os
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import make_folder, read_text, write_atomic

RECORD = "/var/lib/studioml-fleet/snap-files.json"


def require(path: str, option: str) -> None:
    """A file has to be there and readable, before anything is changed.

    :raises FleetError: when it is not.
    """
    if not os.path.isfile(path):
        raise FleetError(f"{option}: {path} is not a file on this host.", "Bring it to the host first, or correct the path. Nothing was changed.")
    if not os.access(path, os.R_OK):
        raise FleetError(f"{option}: {path} cannot be read.", "Run the task with become: true. Nothing was changed.")


def same(path: str, installed: str, record: str = RECORD) -> bool:
    """Whether two snap files are equal."""
    try:
        signature = [_signature(path), _signature(installed)]
    except OSError:
        return False
    if _recorded(record).get(installed) == signature:
        return True
    return signature[0][0] == signature[1][0] and filecmp.cmp(path, installed, shallow=False)


def remember(path: str, installed: str, record: str = RECORD) -> None:
    """Remember that both are equal, so that the next run need not read them."""
    known = {installed: [_signature(path), _signature(installed)]}
    if _recorded(record) != known:
        make_folder(os.path.dirname(record), mode=0o755)
        write_atomic(record, json.dumps(known) + "\n")


def _recorded(record: str) -> t.Dict[str, t.Any]:
    try:
        known = json.loads(read_text(record) or "{}")
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _signature(path: str) -> t.List[int]:
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ino]
