"""The documentation builds: modules' and roles' docs pass antsibull's linter, and links between our pages lead somewhere."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
PAGES = [CLONE / "README.md", *(CLONE / "docs").rglob("*.md"), *(CLONE / "roles").glob("*/README.md"), *(CLONE / "tests").rglob("*.md")]


@pytest.mark.slow
def test_collection_docs() -> None:
    command = [BIN / "antsibull-docs", "--config-file", CLONE / "tests" / "tools" / "antsibull.cfg"]
    command += ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", "--skip-rstcheck", CLONE]
    settings = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg")}
    outcome = subprocess.run(command, cwd=CLONE, env=settings, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout[-6000:] + outcome.stderr[-3000:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CLONE).as_posix())
def test_links_between_pages(page: pathlib.Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    broken = [target for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
              if "://" not in target and not (page.parent / target).exists()]
    assert not broken
