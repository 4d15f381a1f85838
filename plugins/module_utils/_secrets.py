# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets that other people's files hold: hidden before a text goes into a diff or a result. No I/O."""

from __future__ import annotations

import re
import typing as t

HIDDEN = "(hidden)"
# Keys of containerd's registry.configs.*.auth, and of a header in hosts.toml.
KEY = re.compile(r"""(?im)^(\s*["']?(?:(?:proxy-)?authorization|password|auth|identitytoken)["']?\s*=\s*)(?!\{).*$""")
# An address with a user in it, as proxies have it in daemon.json.
ADDRESS = re.compile(r"(://)[^/@\s\"']+@")


def hide(text: str) -> str:
    """A file's text without what nobody else shall read."""
    return ADDRESS.sub(rf"\1{HIDDEN}@", KEY.sub(rf'\1"{HIDDEN}"', text))


def hide_in(value: t.Any) -> t.Any:
    """The same for values within values."""
    if isinstance(value, str):
        return ADDRESS.sub(rf"\1{HIDDEN}@", value)
    if isinstance(value, dict):
        return {key: hide_in(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [hide_in(entry) for entry in value]
    return value
