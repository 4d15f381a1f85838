# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception that the core raises for whatever a user can do something about."""

from __future__ import annotations

import typing as t


class FleetError(Exception):
    """A failure with advice.

    :param message: what was tried and what came back, in the component's own words; one paragraph, no secret.
    :param hint: what to do next; appended to the message.
    :param details: further typed facts for the result (never secrets), for playbooks that branch on them.
    """

    def __init__(self, message: str, hint: str = "", **details: t.Any) -> None:
        self.message = message.strip()
        self.hint = hint.strip()
        self.details = details
        super().__init__(self.text())

    def text(self) -> str:
        """The message and the advice as one paragraph."""
        return f"{self.message} {self.hint}".strip()

    def result(self) -> dict[str, t.Any]:
        """What a module hands to C(fail_json) (a C(msg) and the details)."""
        return {"msg": self.text(), **self.details}
