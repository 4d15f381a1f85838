"""Looks at the docs site in a headless Chromium: pictures, and a judgement of what people would stumble over.

`docs_look.py [--site DIRECTORY] [--pictures]`, after `make docs`. Chosen pages are opened in the light, in the dark and as wide as a
phone: axe-core finds nothing to complain about, nothing has to be scrolled sideways, and nothing is loaded but the site's own files.
The pictures lie in .build/docs-look; `--pictures` also makes those of docs/images. Needs Chromium, and npm once (Debian: chromium, npm).
"""

from __future__ import annotations

import argparse
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[2]
PAGE_TESTS = CLONE / "tests" / "integration" / "page"
sys.path[:0] = [str(PAGE_TESTS), str(CLONE / "tests" / "tools")]

from browser import Browser  # noqa: E402
from environments import cache_directory  # noqa: E402

PAGES = [
    "index.html",
    "guides/quick-start.html",
    "guides/by-hand.html",
    "guides/draining.html",
    "guides/troubleshooting.html",
    "guides/status.html",
    "playbooks.html",
    "roles/runner.html",
    "reference/index.html",
    "reference/runner_state_module.html",
    "reference/runner_role.html",
    "reference/fleet_table_filter.html",
    "search.html",
]
VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
#: Pictures of the documentation: name, page, width, colours, height.
PICTURES = {
    "docs-start": ("index.html", 1280, "light", 900),
    "docs-module-dark": ("reference/runner_state_module.html", 1280, "dark", 900),
}
JUDGE = """
axe.run(document).then((found) => found.violations.map(
  (one) => [one.id, one.impact, one.nodes.length, one.nodes.slice(0, 3).map((node) => node.html)]
))
"""


def program(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if not found:
        sys.exit(f"error: {name} is not there. Install it (Debian: apt-get install {name}).")
    return found


def axe() -> str:
    """The text of axe-core, fetched once as the tests of the status page do, with the same lock file."""
    lock = PAGE_TESTS / "package-lock.json"
    place = cache_directory() / f"page-judges-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(PAGE_TESTS / name, place)
        subprocess.run([program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)
        (place / "complete").touch()
    return (place / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def complaints(browser: Browser, judge: str, width: int) -> list[str]:
    """What is wrong with the page that is open."""
    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    found = [f"loads {url}" for url in asked if not url.startswith(("file:", "data:"))]
    found += [f"the browser says {event['params']}" for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    wide = browser.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"is {wide} pixels wide and has to be scrolled sideways")
    browser.evaluate(judge + "\n;1")
    violations: list[list[t.Any]] = browser.evaluate(JUDGE)
    return found + [f"{name} ({impact}), {count} times: {html}" for name, impact, count, html in violations]


def main() -> int:
    """Looks at all pages; 0 when there is nothing to complain about."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=pathlib.Path, default=CLONE / ".build" / "docs")
    parser.add_argument("--pictures", action="store_true", help="also make the pictures of docs/images")
    asked = parser.parse_args()
    site = asked.site.resolve()
    if not (site / "index.html").exists():
        sys.exit(f"error: there is no site in {site}. Build it first: make docs.")
    looks = CLONE / ".build" / "docs-look"
    looks.mkdir(parents=True, exist_ok=True)
    judge, wrong, seen = axe(), 0, 0
    with tempfile.TemporaryDirectory() as folder, Browser(program("chromium"), pathlib.Path(folder)) as browser:
        for page in PAGES:
            for width, scheme in VIEWS:
                browser.open(site / page, width, scheme=scheme)
                found = complaints(browser, judge, width)
                name = page.removesuffix(".html").replace("/", "-")
                (looks / f"{name}-{width}-{scheme}.png").write_bytes(browser.picture(1400))
                seen += 1
                wrong += len(found)
                for complaint in found:
                    print(f"{page}, {width} pixels, {scheme}: {complaint}", flush=True)
        for name, (page, width, scheme, height) in PICTURES.items() if asked.pictures else ():
            browser.open(site / page, width, scheme=scheme)
            (CLONE / "docs" / "images" / f"{name}.png").write_bytes(browser.picture(height))
    print(f"{seen} views of {len(PAGES)} pages, {wrong} complaints; pictures in {looks}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
