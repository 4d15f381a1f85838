# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status page in a headless Chromium: it is accessible in the light, in the dark and on a phone, works by keyboard, and loads nothing."""

from __future__ import annotations

import json
import pathlib
import subprocess
import typing as t

import pytest
from browser import Browser
from sample_fleet import GENERATED, fleet, host, lost, node, runner

from ansible_collections.studioml.fleet.plugins.filter.fleet_status import fleet_page, fleet_status

pytestmark = pytest.mark.slow

EVIL = "</td></script><script>window.broken=1</script><img src=http://192.0.2.1/x onerror=window.broken=1><svg onload=window.broken=1>"
HOSTS = "[...document.querySelectorAll('tbody tr:not([hidden]) th .name')].map((name) => name.textContent)"
FOCUS = "document.activeElement.textContent"
ENTER = {"key": "Enter", "code": 13, "text": "\r"}
VIEWS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return written(tmp_path_factory.mktemp("page") / "fleet.html", *fleet(simulated=True))


def written(path: pathlib.Path, *hosts: dict[str, t.Any]) -> pathlib.Path:
    path.write_text(fleet_page(fleet_status(list(hosts), GENERATED)), encoding="utf-8")
    return path


def complaints(browser: Browser) -> list[str]:
    """What the browser has logged, and every request but the one for the page itself."""
    heard = [json.dumps(event) for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")]
    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    return heard + [url for url in asked[1:] if not url.startswith("data:")]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_is_accessible(browser: Browser, judges: pathlib.Path, page: pathlib.Path, width: int, scheme: str) -> None:
    browser.open(page, width, scheme=scheme)
    browser.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    browser.evaluate((judges / "axe-core" / "axe.min.js").read_text(encoding="utf-8") + "\n;1")
    short = "result.violations.map((one) => [one.id, one.nodes.map((node) => node.html)])"
    passed, violations = browser.evaluate(f"axe.run(document).then((result) => [result.passes.length, {short}])")
    assert violations == []
    assert passed > 30, "axe-core has judged something"


def test_it_is_valid(judges: pathlib.Path, page: pathlib.Path) -> None:
    settings = page.parent / ".htmlvalidate.json"
    # A table that is laid out as blocks on a phone is one to a screen reader only because its roles are written down.
    rules = {"root": True, "extends": ["html-validate:standard", "html-validate:a11y"], "rules": {"no-redundant-role": "off"}}
    settings.write_text(json.dumps(rules), encoding="utf-8")
    outcome = subprocess.run([judges / ".bin" / "html-validate", page], cwd=page.parent, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(("width", "scheme"), [*VIEWS, (320, "light"), (900, "light")])
def test_it_fits_and_loads_nothing(browser: Browser, page: pathlib.Path, width: int, scheme: str) -> None:
    browser.open(page, width, scheme=scheme)
    assert browser.evaluate("document.documentElement.scrollWidth") == width, "nothing has to be scrolled sideways"
    assert browser.evaluate("document.querySelector('.table-box').scrollWidth <= document.querySelector('.table-box').clientWidth") or 820 < width < 1200
    assert complaints(browser) == []


def test_light_and_dark_differ_and_can_be_chosen(browser: Browser, page: pathlib.Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    browser.open(page, scheme="light")
    light = browser.evaluate(colour)
    browser.open(page, scheme="dark")
    dark = browser.evaluate(colour)
    assert light != dark
    seen = []
    for _press in range(3):
        browser.evaluate("document.getElementById('theme').click()")
        seen.append((browser.evaluate("document.getElementById('theme').textContent"), browser.evaluate(colour)))
    assert seen == [("Theme: light", light), ("Theme: dark", dark), ("Theme: automatic", dark)]


def test_the_worst_come_first(browser: Browser, page: pathlib.Path) -> None:
    browser.open(page)
    assert browser.evaluate(HOSTS) == ["gpu7", "gpu5", "spare", "gpu3", "gpu6", "gpu4", "cpu1", "gpu1", "gpu2", "rack2"]
    assert browser.evaluate("[...document.querySelectorAll('[aria-sort]')].map((one) => one.textContent)") == ["Verdict"]


def test_columns_are_sorted_by_keyboard(browser: Browser, page: pathlib.Path) -> None:
    browser.open(page)
    browser.evaluate("document.getElementById('filter').focus()")
    browser.press("Tab", 9)
    assert browser.evaluate(FOCUS) == "Host"
    assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "one sees where one is"
    browser.press(**ENTER)
    by_name = ["cpu1", "gpu1", "gpu2", "gpu3", "gpu4", "gpu5", "gpu6", "gpu7", "rack2", "spare"]
    assert browser.evaluate(HOSTS) == by_name
    assert browser.evaluate("document.activeElement.parentElement.getAttribute('aria-sort')") == "ascending"
    assert browser.evaluate("document.getElementById('count').textContent") == "10 rows, sorted by host, ascending"
    browser.press(**ENTER)
    assert browser.evaluate(HOSTS) == by_name[::-1]
    assert browser.evaluate("document.activeElement.parentElement.getAttribute('aria-sort')") == "descending"
    for _column in range(6):
        browser.press("Tab", 9)
    assert browser.evaluate(FOCUS) == "GPUs"
    browser.press(**ENTER)
    browser.press(**ENTER)
    assert browser.evaluate(HOSTS)[:3] == ["rack2", "gpu5", "gpu2"], "by number, and the most first"
    assert browser.evaluate("document.querySelectorAll('[aria-sort]').length") == 1


def test_a_verdict_opens_by_keyboard(browser: Browser, page: pathlib.Path) -> None:
    browser.open(page)
    browser.evaluate("document.querySelector('tr.busy summary').focus()")
    assert browser.evaluate("document.querySelector('tr.busy details').open") is False
    browser.press(**ENTER)
    assert browser.evaluate("document.querySelector('tr.busy details').open") is True
    assert "vit-l16-02 from rmq_vision" in browser.evaluate("document.querySelector('tr.busy .why').innerText")


def test_rows_are_filtered(browser: Browser, page: pathlib.Path) -> None:
    browser.open(page)
    browser.evaluate("document.getElementById('filter').focus()")
    browser.call("Input.insertText", text="DRAIN 0.14.2")
    assert browser.evaluate(HOSTS) == ["gpu3", "gpu6", "gpu4"]
    assert browser.evaluate("document.getElementById('count').textContent") == "3 of 10 rows"
    browser.call("Input.insertText", text=" nothing")
    assert browser.evaluate(HOSTS) == [] and browser.evaluate("document.getElementById('empty').hidden") is False


def test_on_a_phone_rows_are_cards_that_a_list_sorts(browser: Browser, page: pathlib.Path) -> None:
    browser.open(page, 360)
    assert browser.evaluate("getComputedStyle(document.querySelector('thead')).display") == "none"
    assert browser.evaluate("getComputedStyle(document.querySelector('tbody td'), '::before').content") == '"Cluster"'
    browser.evaluate("(() => { const list = document.getElementById('sort'); list.value = '0'; list.dispatchEvent(new Event('change')); })()")
    assert browser.evaluate(HOSTS)[0] == "cpu1"
    heights = browser.evaluate("[...document.querySelectorAll('summary, button, select, input')].map((one) => one.offsetHeight).filter(Boolean)")
    assert min(heights) >= 24, "a finger hits what can be pressed"


def test_without_its_script_it_can_be_read(browser: Browser, page: pathlib.Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        seen = browser.call("DOMSnapshot.captureSnapshot", computedStyles=[])["strings"]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    for words in ("Fleet status", "gpu5", "not listening", "27 of 40"):
        assert any(words in text for text in seen), words


def test_what_hosts_say_is_never_run(browser: Browser, tmp_path: pathlib.Path) -> None:
    evil = runner(EVIL, "busy", EVIL, EVIL, image=EVIL, effective=EVIL, experiments=[{"project": EVIL, "experiment": EVIL, "queue": EVIL}])
    browser.open(written(tmp_path / "evil.html", host(EVIL, [node(EVIL, 2, 1)], evil, simulated=True, cluster=EVIL), lost(EVIL, EVIL)), 360)
    assert browser.evaluate("window.broken") is None
    assert browser.evaluate("document.scripts.length + document.images.length") == 1
    assert EVIL in browser.evaluate("document.querySelector('tbody .name').textContent")
    assert browser.evaluate("document.documentElement.scrollWidth") == 360, "a long name does not push the page apart"
    assert complaints(browser) == []


def test_a_thousand_hosts(browser: Browser, tmp_path: pathlib.Path) -> None:
    hosts = [host(f"gpu{number}", [node(f"gpu{number}", 4, number % 5)], runner(f"gpu{number}", "running", "It runs.")) for number in range(1000)]
    browser.open(written(tmp_path / "many.html", *hosts))
    browser.evaluate("document.querySelector('thead button').click()")
    names = browser.evaluate(HOSTS)
    assert len(names) == 1000 and names[:3] == ["gpu0", "gpu1", "gpu2"] and names[-1] == "gpu999", "numbers in names count as numbers"
