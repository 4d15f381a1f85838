# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tokens that let a machine join: single use unless they were made with a time to live."""

from __future__ import annotations

import hmac
import pathlib
import time

ONCE = "once"


def add(path: pathlib.Path, token: str, seconds: int, now: float | None = None) -> None:
    """Remember a token; C(seconds) below 0 makes it single use."""
    expiry = ONCE if seconds < 0 else str(int((time.time() if now is None else now) + seconds))
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    _write(path, f"{before}{token}|{expiry}\n")


def use(path: pathlib.Path, token: str, now: float | None = None) -> bool:
    """Whether the token is good; a single-use one is burnt by asking, as in the real one."""
    current = time.time() if now is None else now
    good, kept = False, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        known, _bar, expiry = line.partition("|")
        matches = hmac.compare_digest(known, token)
        alive = expiry == ONCE or int(expiry) >= current
        good = good or (matches and alive)
        if alive and not (matches and expiry == ONCE):
            kept.append(line)
    _write(path, "".join(f"{line}\n" for line in kept))
    return good


def _write(path: pathlib.Path, text: str) -> None:
    path.touch(mode=0o660)
    path.write_text(text, encoding="utf-8")
