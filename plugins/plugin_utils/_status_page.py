# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's status as one HTML page that needs nothing beside itself: no network, no other file; readable without its script, too."""

from __future__ import annotations

import base64
import hashlib
import pathlib
import typing as t

from ansible_collections.studioml.fleet.plugins.plugin_utils import _status_charts as charts
from ansible_collections.studioml.fleet.plugins.plugin_utils._html import Html, raw, tag
from ansible_collections.studioml.fleet.plugins.plugin_utils._status import age, gpus

Row = t.Mapping[str, t.Any]

HERE = pathlib.Path(__file__).parent
# What each word means, worst first; the order of the table, too.
WORDS = {
    "unreachable": ("unreachable", "The cluster did not answer, or there is no way to it."),
    "not_listening": ("not listening", "The runner does not read its state, so that a drain has no effect on it."),
    "no_runner": ("no runner", "The cluster answers, and has no runner in the namespace that was asked."),
    "busy": ("busy", "Asked to drain, and still at work."),
    "asked": ("asked", "The state is written. Nothing contradicts it, but nothing proves it either."),
    "quiet": ("quiet", "Asked to drain, and known to do nothing: it may be switched off."),
    "running": ("running", "Asked to run, and ready to take work."),
}
COLUMNS = (
    ("host", "Host", "text"),
    ("cluster", "Cluster", "text"),
    ("asked", "Asked", "text"),
    ("effective", "Effective", "text"),
    ("verdict", "Verdict", "number"),
    ("pods", "Pods", "number"),
    ("gpus", "GPUs", "number"),
    ("image", "Image", "text"),
    ("since", "Since", "text"),
)
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%233056d3'/%3E"
    "%3Cpath d='M4 11V8M8 11V4M12 11V6' stroke='white' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E"
)


def page(report: t.Mapping[str, t.Any], title: str = "Fleet status") -> str:
    """The whole page for a report of C(_status.report)."""
    style, script = (raw((HERE / f"status_page.{kind}").read_text(encoding="utf-8").strip()) for kind in ("css", "js"))
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; base-uri 'none'; form-action 'none'"
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href=ICON),
        tag("style", style),
    ]
    summary = report["summary"]
    body = [
        charts.symbols(),
        tag("a", "Skip to the table", href="#runners", class_="skip"),
        _header(report, title),
        tag("main", _banner(summary), _cards(summary), _panels(report), _table(report), _words(), id="main"),
        tag("footer", tag("p", "Made by studioml.fleet, playbooks/status.yml. This page is a picture of one moment: run the playbook again for another.")),
        tag("script", script),
    ]
    return raw("<!DOCTYPE html>\n") + tag("html", tag("head", *head), "\n", tag("body", *body), lang="en") + "\n"


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _header(report: t.Mapping[str, t.Any], title: str) -> Html:
    when = str(report["generated"])
    shown = f"{when[:16].replace('T', ' ')} UTC" if when.endswith("Z") else when
    made = tag("p", "Generated ", tag("time", shown, datetime=when, id="generated"), tag("span", "", id="generated-age"), class_="muted")
    return tag("header", tag("div", tag("h1", title), made), tag("button", "Theme: automatic", type="button", id="theme", hidden=True), class_="top")


def _banner(summary: t.Mapping[str, t.Any]) -> Html | None:
    hosts = summary["simulated"]
    if not hosts:
        return None
    names = ", ".join(hosts[:6]) + (f" and {len(hosts) - 6} more" if len(hosts) > 6 else "")
    return tag("p", tag("strong", "Simulated GPUs."), f" The GPUs of {names} exist by name only; nothing computes on them.", class_="banner")


def _cards(summary: t.Mapping[str, t.Any]) -> Html:
    used, total = summary["gpus_used"], summary["gpus_total"]
    attention = summary["attention"]
    quiet, draining = summary["verdicts"].get("quiet", 0), summary["draining"]
    cards = [
        _card("Hosts", summary["hosts"], f"{_count(summary['runners'], 'runner')} in {_count(summary['clusters'], 'cluster')}"),
        _card("GPUs in use", gpus(used, total).replace("/", " of ") or "none", charts.meter(used or 0, total) if total else "no host offers any"),
        _card("Experiments", summary["experiments"], "running now, as far as metrics tell"),
        _card("Drained", f"{quiet} of {draining}" if draining else "0", "of those asked to drain are quiet" if draining else "nothing was asked to drain"),
        _card("Attention", attention, "unreachable, not listening, or no runner" if attention else "nothing to look into", "alert" if attention else ""),
    ]
    return tag("section", tag("h2", "At a glance", class_="sr"), tag("dl", *cards, class_="cards"))


def _card(name: str, value: t.Any, below: t.Any, kind: str = "") -> Html:
    return tag("div", tag("dt", name), tag("dd", value, class_="value"), tag("dd", below, class_="below"), class_=f"card {kind}".strip())


def _panels(report: t.Mapping[str, t.Any]) -> Html:
    summary = report["summary"]
    counts = [(word, summary["verdicts"].get("" if word == "no_runner" else word, 0)) for word in reversed(WORDS)]
    legend = [tag("li", charts.icon(word), tag("span", WORDS[word][0]), tag("b", count), class_=word) for word, count in counts if count]
    verdicts = tag("div", charts.donut(counts, "row" if len(report["rows"]) == 1 else "rows"), tag("ul", *legend, class_="legend"), class_="donut-box")
    asked = [f"{state or 'nothing'}: {count}" for state, count in sorted(summary["asked"].items(), key=lambda entry: -entry[1])]
    states = tag("section", tag("h2", "Verdicts"), verdicts, tag("p", "Asked for: ", " · ".join(asked) or "nothing", class_="muted"), class_="panel")
    in_use = tag("section", tag("h2", "GPUs in use by host"), charts.gpu_bars(report["hosts"]), class_="panel")
    return tag("div", in_use, states, class_="panels")


def _table(report: t.Mapping[str, t.Any]) -> Html:
    rows = sorted(report["rows"], key=lambda row: (_rank(row), row["host"]))
    heads = [_column(key, words, kind) for key, words, kind in COLUMNS]
    options = [tag("option", words, value=index, selected=key == "verdict") for index, (key, words, _kind) in enumerate(COLUMNS)]
    tools = tag(
        "div",
        tag("label", "Filter", tag("input", type="search", id="filter", autocomplete="off", placeholder="host, state, image …")),
        tag("label", "Sort by", tag("select", *options, id="sort"), class_="sort-by"),
        tag("p", _count(len(rows), "row"), id="count", role="status", class_="muted"),
        class_="tools",
        hidden=True,
        id="tools",
    )
    table = tag(
        "table",
        tag("caption", "Runners of the fleet, one row each. The buttons in the column heads sort.", class_="sr"),
        tag("thead", tag("tr", *heads, role="row"), role="rowgroup"),
        tag("tbody", *[_row(row, report["generated"]) for row in rows], role="rowgroup"),
        role="table",
        id="table",
    )
    empty = tag("p", "No row fits the filter.", id="empty", class_="muted", hidden=True)
    return tag("section", tag("h2", "Runners"), tools, tag("div", table, class_="table-box"), empty, id="runners", class_="panel", tabindex="-1")


def _column(key: str, words: str, kind: str) -> Html:
    sorted_by = "ascending" if key == "verdict" else None
    return tag("th", tag("button", words, type="button"), scope="col", role="columnheader", aria_sort=sorted_by, data_kind=kind)


def _rank(row: Row) -> int:
    return list(WORDS).index(row["verdict"] or "no_runner")


def _row(row: Row, generated: str) -> Html:
    simulated = tag("span", "simulated GPUs", class_="chip") if row["simulated"] and row["gpus_total"] else None
    free = row["gpus_total"] - (row["gpus_used"] or 0)
    cells = [
        tag("th", tag("span", row["host"], class_="name"), simulated, scope="row", role="rowheader", data_label="Host", data_sort=row["host"]),
        _cell("Cluster", tag("span", row["cluster"], class_="code", title=row["server"] or None) if row["cluster"] else "–", row["cluster"]),
        _cell("Asked", tag("span", row["asked"], class_="state") if row["asked"] else "–", row["asked"]),
        _cell("Effective", _effective(row), row["effective"]),
        _cell("Verdict", _verdict(row), _rank(row)),
        _cell("Pods", row["pods"] or "–", row["ready"] * 1000 + row["replicas"]),
        _cell("GPUs", _gpus(row), (row["gpus_used"] or 0) * 1000 + free),
        _cell("Image", _image(row) if row["image"] else "–", row["image"]),
        _cell("Since", _since(row, generated), row["asked_since"]),
    ]
    return tag("tr", *cells, role="row", class_=row["verdict"] or "no_runner")


def _cell(label: str, content: t.Any, value: t.Any) -> Html:
    return tag("td", content, role="cell", data_label=label, data_sort=value, class_="empty" if content == "–" else None)


def _effective(row: Row) -> t.Any:
    if not row["effective"]:
        return "–"
    if row["asked"] and row["effective"] != row["asked"]:
        sign = tag("span", "≠ ", aria_hidden="true", class_="differs")
        return tag("span", sign, tag("span", row["effective"], class_="state"), tag("span", " (not as asked)", class_="sr"))
    return tag("span", row["effective"], class_="state")


def _since(row: Row, generated: str) -> t.Any:
    since = row["asked_since"]
    return tag("time", age(since, generated), datetime=since, title=since) if age(since, generated) else "–"


def _image(row: Row) -> Html:
    """Name and tag, each in one piece; the whole reference stands behind the verdict."""
    name, colon, version = row["image"].rpartition(":")
    parts = [f"{name}{colon}", version] if name else [row["image"]]
    return tag("span", *[tag("span", part, class_="part") for part in parts], class_="code", title=row["image_reference"] or None)


def _gpus(row: Row) -> t.Any:
    if not row["gpus_total"]:
        return "–"
    return tag("span", charts.gpu_cells(row["gpus_used"], row["gpus_total"]), tag("span", row["gpus"]), class_="gpus")


def _verdict(row: Row) -> Html:
    """The word; what is behind it opens below. What needs a person is open from the beginning."""
    word = row["verdict"] or "no_runner"
    lines = list(dict.fromkeys(filter(None, [row["reason"], *row["notes"]])))
    details: list[t.Any] = [tag("p", line) for line in lines]
    if row["experiments"]:
        items = [tag("li", one.get("experiment") or "unnamed", _queue(one)) for one in row["experiments"]]
        details += [tag("p", "Experiments:"), tag("ul", *items)]
    if row["enforced"]:
        details.append(tag("p", f"New work is kept away by: {', '.join(row['enforced'])}. The state Running undoes that."))
    if row["runner"]:
        names = ", ".join(row["pod_names"]) or "none"
        details.append(tag("p", f"Runner {row['runner']}, image {row['image_reference']}, pods: {names}.", class_="muted"))
    work = tag("span", _count(row["running"], "experiment"), class_="work") if row["running"] else None
    summary = tag("summary", tag("span", charts.icon(word), WORDS[word][0], class_="badge"), work)
    return tag("details", summary, tag("div", *details, class_="why"), open=word in ("unreachable", "not_listening", "no_runner"))


def _queue(experiment: t.Mapping[str, t.Any]) -> str | None:
    return f" from {experiment['queue']}" if experiment.get("queue") else None


def _words() -> Html:
    entries = [tag("div", tag("dt", charts.icon(word), name, class_=word), tag("dd", meaning)) for word, (name, meaning) in reversed(WORDS.items())]
    return tag("details", tag("summary", "What the words mean"), tag("dl", *entries), class_="panel words")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
