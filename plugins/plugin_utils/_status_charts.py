# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drawings of the status page, as inline SVG: icons, GPUs in use, verdicts, asked states. Pure functions, no I/O."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.studioml.fleet.plugins.plugin_utils._html import Html, join, tag

# A word's icon differs in its shape, so that nothing hangs on its colour.
ICONS = {
    "running": "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM6.6 5.4v5.2L10.8 8z",
    "quiet": "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM6.3 5.6v4.8M9.7 5.6v4.8",
    "busy": "M4 1.5h8M4 14.5h8M5 1.5v2.6L8 8l3-3.9V1.5M5 14.5v-2.6L8 8l3 3.9v2.6",
    "asked": "M1.8 2.5h12.4v8.6H8.4L5 14v-2.9H1.8zM5 6.8h.02M8 6.8h.02M11 6.8h.02",
    "not_listening": "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM3.4 3.4l9.2 9.2",
    "unreachable": "M8 1.8L14.8 13.8H1.2zM8 6v3.6M8 11.8h.02",
    "no_runner": "M2 2h12v12H2zM5 8h6",
}
# More hosts than this are summed up in one line.
MOST_BARS = 24
MOST_CELLS = 8
LONG_LIST = 10
CELL, GAP, HEIGHT = 16, 3, 14


def symbols() -> Html:
    """The icons, once for the page."""
    made = [tag("symbol", tag("path", d=path), id=f"icon-{word}", viewBox="0 0 16 16") for word, path in ICONS.items()]
    return tag("svg", *made, class_="symbols", width="0", height="0", aria_hidden="true", focusable="false")


def icon(word: str) -> Html:
    """An icon beside its word."""
    return tag("svg", tag("use", href=f"#icon-{word}"), class_="icon", width="16", height="16", aria_hidden="true", focusable="false")


def gpu_cells(used: int | None, total: int) -> Html:
    """One cell a GPU: filled when it is taken, an outline when it is free, crossed when nobody knows. Many GPUs become one bar."""
    if total > MOST_CELLS:
        width = MOST_CELLS * (CELL + GAP) - GAP
        cells = [_rect(0.5, width - 1, "free" if used is not None else "unknown")]
        if used:
            cells.append(_rect(0, round(width * min(used, total) / total, 1), "used"))
    else:
        width = total * (CELL + GAP) - GAP
        cells = []
        for number in range(total):
            left = number * (CELL + GAP)
            if used is None:
                cells += [_rect(left + 0.5, CELL - 1, "unknown"), _line(left)]
            else:
                cells.append(_rect(left, CELL, "used") if number < used else _rect(left + 0.5, CELL - 1, "free"))
    size = {"viewBox": f"0 0 {width} {HEIGHT}", "width": str(width), "height": str(HEIGHT)}
    return tag("svg", *cells, class_="cells", aria_hidden="true", focusable="false", **size)


def _rect(left: float, width: float, kind: str) -> Html:
    inset = 0.0 if kind == "used" else 0.5
    return tag("rect", x=left, y=inset, width=width, height=HEIGHT - 2 * inset, rx=3, class_=kind)


def _line(left: int) -> Html:
    return tag("line", x1=left + 3, y1=HEIGHT - 3, x2=left + CELL - 3, y2=3, class_="unknown")


def gpu_bars(hosts: t.Sequence[t.Mapping[str, t.Any]]) -> Html:
    """GPUs in use, host by host: those with the most first."""
    offering = sorted((one for one in hosts if one["gpus_total"]), key=lambda one: (-(one["gpus_used"] or 0), -one["gpus_total"], one["host"]))
    if not offering:
        return tag("p", "No host offers GPUs.", class_="muted")
    shown, left = offering[:MOST_BARS], offering[MOST_BARS:]
    bars = [_bar(one["host"], one["gpus_used"], one["gpus_total"]) for one in shown]
    if left:
        known = [one["gpus_used"] for one in left if one["gpus_used"] is not None]
        used = sum(known) if len(known) == len(left) else None
        bars.append(_bar(f"{len(left)} more hosts", used, sum(one["gpus_total"] for one in left)))
    key = [("used", "in use"), ("free", "free")] + ([("unknown", "not known")] if any(one["gpus_used"] is None for one in offering) else [])
    return join(
        [
            tag("ul", *bars, class_="bars many" if len(bars) > LONG_LIST else "bars"),
            tag("p", *[_key(kind, words) for kind, words in key], class_="key"),
        ]
    )


def _bar(name: str, used: int | None, total: int) -> Html:
    words = f"{'unknown' if used is None else used} of {total}"
    return tag("li", tag("span", name, class_="bar-name"), gpu_cells(used, total), tag("span", words, class_="bar-value"))


def _key(kind: str, words: str) -> Html:
    cell = [_rect(0 if kind == "used" else 0.5, CELL if kind == "used" else CELL - 1, kind)] + ([_line(0)] if kind == "unknown" else [])
    return tag("span", tag("svg", *cell, width=str(CELL), height=str(HEIGHT), class_="cells", aria_hidden="true", focusable="false"), words)


def donut(counts: t.Sequence[tuple[str, int]], caption: str) -> Html:
    """A ring with one arc a word, and the total in its middle; the legend beside it says the same in text."""
    total = sum(count for _word, count in counts)
    radius, around = 52.0, 2 * math.pi * 52.0
    gap = 3.0 if sum(bool(count) for _word, count in counts) > 1 else 0.0
    arcs, before = [], 0.0
    for word, count in counts:
        length = around * count / total if total else 0.0
        if count:
            dashes = f"{max(length - gap, 1.0):.2f} {around:.2f}"
            arcs.append(tag("circle", cx=70, cy=70, r=radius, class_=f"arc {word}", stroke_dasharray=dashes, stroke_dashoffset=f"{-before - gap / 2:.2f}"))
        before += length
    track = tag("circle", cx=70, cy=70, r=radius, class_="track")
    middle = [tag("text", total, x=70, y=74, class_="donut-total"), tag("text", caption, x=70, y=92, class_="donut-words")]
    ring = tag("g", track, *arcs, transform="rotate(-90 70 70)")
    return tag("svg", ring, *middle, class_="donut", viewBox="0 0 140 140", width="140", height="140", aria_hidden="true", focusable="false")


def meter(used: int, total: int) -> Html:
    """A thin bar, for a card."""
    part = round(100 * min(used, total) / total, 1) if total else 0
    bars = [tag("rect", width=100, height=6, class_="meter-track"), tag("rect", width=part, height=6, class_="meter-value")]
    return tag("svg", *bars, class_="meter", viewBox="0 0 100 6", preserveAspectRatio="none", aria_hidden="true", focusable="false")
