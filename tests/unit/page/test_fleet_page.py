# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page as text: nothing from outside can become HTML, nothing is loaded, numbers are said as they are."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import typing as t

import pytest
from sample_fleet import GENERATED, experiment, fleet, host, lost, node, runner

from ansible_collections.studioml.fleet.plugins.filter.fleet_status import fleet_page, fleet_status
from ansible_collections.studioml.fleet.plugins.plugin_utils._html import join, raw, tag, text

EVIL = "</td><script>alert(1)</script><img src=x onerror=alert(1)> \"' & {{ 7*7 }} \u202e\x00\x1b[31m"


class Elements(html.parser.HTMLParser):
    """What elements and attributes there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), "no attribute twice"
        if tag not in ("meta", "link", "input", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "elements are closed in their order"

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def page(*hosts: dict[str, t.Any]) -> str:
    return fleet_page(fleet_status(list(hosts) or fleet(), GENERATED))


def test_text_is_escaped_by_construction() -> None:
    assert tag("p", "<b>", raw("<i></i>"), None, 1, title='"<') == '<p title="&quot;&lt;">&lt;b&gt;<i></i>1</p>'
    assert tag("br") == "<br>" and tag("a", hidden=True, open=False, class_="x", data_sort=0) == '<a hidden class="x" data-sort="0"></a>'
    assert text("a\x00b\u202ec\ud800d\te") == "a\ufffdb\ufffdc\ufffdd\te"
    assert join(["<", raw("<hr>")]) == "&lt;<hr>"


def test_whatever_a_host_says_is_text() -> None:
    evil = runner(EVIL, "busy", EVIL, EVIL, experiments=[experiment(EVIL, EVIL)], image=f"hub/{EVIL}:{EVIL}", effective=EVIL)
    made = page(host(EVIL, [node(EVIL, 2, 1)], evil, simulated=True, cluster=EVIL), lost(EVIL, EVIL))
    elements = Elements(made)
    assert len(elements.named("script")) == 1 and not elements.named("img")
    assert not [attributes for _tag, attributes in elements.found if any(name.startswith("on") for name in attributes)]
    for forbidden in ("\x00", "\x1b", "\u202e"):
        assert forbidden not in made
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made and "{{ 7*7 }}" in made


def test_a_title_is_text_too() -> None:
    assert "<title>&lt;b&gt;</title>" in fleet_page(fleet_status(fleet(), GENERATED), "<b>")


def test_nothing_is_loaded_and_only_our_own_style_and_script_count() -> None:
    made = page()
    for attributes in (attributes for _tag, attributes in Elements(made).found):
        assert not {"src", "srcset", "action", "style"} & set(attributes)
        assert (attributes.get("href") or "#").startswith(("#", "data:image/svg+xml,"))
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org|gpu)", made.split("<body>", maxsplit=1)[0])
    (policy,) = [one["content"] for one in Elements(made).named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'; ")
    for name in ("style", "script"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", made, re.S)
        assert f"{name}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy


def test_ids_are_there_once_and_references_lead_somewhere() -> None:
    elements = Elements(page())
    ids = [str(attributes["id"]) for _tag, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    uses = {str(attributes["href"])[1:] for attributes in elements.named("use") + elements.named("a")}
    assert uses <= set(ids)


@pytest.mark.parametrize(
    "words",
    ["Generated", "2026-01-20 10:30 UTC", "27 of 40", "1 of 4", "Simulated GPUs.", "GPUs of gpu1 exist by name", "14 of 16", "resnet50-lr3", "not as asked"],
)
def test_what_there_is_to_read(words: str) -> None:
    assert words in re.sub(r"<[^>]+>", "", page(*fleet(simulated=True)))


def test_no_word_of_simulation_for_real_gpus() -> None:
    assert "imulated" not in re.sub(r"<style>.*?</style>", "", page())


def test_many_hosts_are_summed_up() -> None:
    made = page(*[host(f"gpu{number}", [node(f"gpu{number}", 2, number % 3)], runner(f"gpu{number}", "running", "")) for number in range(200)])
    assert "176 more hosts" in made
    assert len(Elements(made).named("tr")) == 201
    assert len(made) < 1_000_000


def test_what_a_drain_has_done_is_told() -> None:
    drained = runner("gpu1", "quiet", "", "DrainAndSuspend", enforced=["broker", "scale"])
    assert "New work is kept away by: broker, scale." in page(host("gpu1", [node("gpu1", 2)], drained))


def test_a_fleet_that_does_not_tell_its_gpus() -> None:
    made = re.sub(r"<[^>]+>", "", page(host("gpu1", [node("gpu1", 2, None)], runner("gpu1", "running", ""))))
    assert "? of 2" in made and "unknown of 2" in made and "not known" in made
