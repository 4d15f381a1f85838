# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTML that is escaped by construction: whatever is not made by C(tag) or C(raw) is text. Pure functions, no I/O."""

from __future__ import annotations

import html
import re
import typing as t

VOID = ("br", "hr", "input", "link", "meta")
# Control characters are no part of HTML, and characters that change the direction of writing let one name look like another.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: t.Any) -> Html:
    """Anything as text of a page or of an attribute."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(_FORBIDDEN.sub("\ufffd", str(value)), quote=True))


def raw(trusted: str) -> Html:
    """Our own HTML, CSS or script, as it stands. Never for anything that comes from outside."""
    return Html(trusted)


def join(parts: t.Iterable[t.Any]) -> Html:
    """Several pieces one after the other; None is nothing."""
    return Html("".join(text(part) for part in parts if part is not None))


def tag(element: str, /, *children: t.Any, **attributes: t.Any) -> Html:
    """An element. A trailing underscore of an attribute is dropped, others become dashes; None leaves it out, True gives it no value."""
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        written.append(f" {key}" if value is True else f' {key}="{text(value)}"')
    start = f"<{element}{''.join(written)}>"
    return Html(start if element in VOID else f"{start}{join(children)}</{element}>")
