# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the pictures of the documentation from the made-up fleet of the tests:

.build/venv/bin/python tests/integration/page/pictures.py

Needs Chromium; with the font Inter (Debian's package fonts-inter) they look as they do in docs/images.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile

CLONE = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(CLONE / "tests" / "unit" / "page")]

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder  # noqa: E402

_AnsibleCollectionFinder(paths=[str(CLONE / ".build" / "collections")])._install()

from browser import Browser  # noqa: E402
from sample_fleet import GENERATED, fleet  # noqa: E402

from ansible_collections.studioml.fleet.plugins.filter.fleet_status import fleet_page, fleet_status  # noqa: E402

# name: width, colour scheme, height (0: all of it)
PICTURES = {"status-light": (1280, "light", 0), "status-dark": (1280, "dark", 0), "status-phone": (360, "light", 1500)}


def main() -> int:
    program = shutil.which("chromium")
    if not program:
        print("Chromium is not there: apt-get install chromium", file=sys.stderr)
        return 1
    images = CLONE / "docs" / "images"
    images.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser(program, pathlib.Path(folder)) as browser:
        page = pathlib.Path(folder) / "fleet.html"
        page.write_text(fleet_page(fleet_status(fleet(), GENERATED)), encoding="utf-8")
        # the page says how old it is: here a minute
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=f"Date.now = () => Date.parse('{GENERATED}') + 60000;")
        for name, (width, scheme, height) in PICTURES.items():
            browser.open(page, width, scheme=scheme)
            (images / f"{name}.png").write_bytes(browser.picture(height))
            print(images / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
