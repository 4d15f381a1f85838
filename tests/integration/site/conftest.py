"""The sandbox that the tests of site.yml work on: its own instance, brought up bare and removed at the end."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from site_runs import Site  # noqa: E402

HOSTS = "hub,gpu1,gpu2"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    """Bare hosts. FLEET_SITE_SANDBOX names an instance that is there already and stays."""
    kept = os.environ.get("FLEET_SITE_SANDBOX", "")
    site = Site(kept or "test-site", tmp_path_factory.mktemp("site"))
    if not kept:
        site.sandbox("down")
        site.sandbox("up", "--hosts", HOSTS)
    yield site
    if not kept:
        site.sandbox("down")
