# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The permission that keeps a RabbitMQ user off all queues and carries the one that it had before. Pure functions, no I/O.

A user's read permission is a regular expression over queue names. C((?!)) matches nothing, and the comment behind it holds the old expression: taking the
permission away and remembering it is one request, so that no interruption can lose the old value, and no other object has to outlive the drain.
"""

from __future__ import annotations

import base64
import binascii
import typing as t

_CLOSED = "(?!)(?#studioml.fleet read="


def closed(read: str) -> str:
    """The expression to write in place of C(read)."""
    return f"{_CLOSED}{base64.urlsafe_b64encode(read.encode()).decode('ascii')})"


def is_closed(read: str) -> bool:
    """Whether an expression is one of ours."""
    return read.startswith(_CLOSED)


def reopened(read: str) -> t.Optional[str]:
    """The expression that C(read) stands in for; None when it is not one of ours or somebody has changed it beyond reading."""
    if not is_closed(read) or not read.endswith(")"):
        return None
    try:
        return base64.b64decode(read[len(_CLOSED):-1].encode(), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
