"""The sandbox that the tests of site.yml work on: its own instance, brought up bare and removed at the end."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest
from instance import brought_up

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from site_runs import Site  # noqa: E402


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    """Bare hosts. FLEET_SITE_SANDBOX names an instance that is there already and stays."""
    with brought_up("site", "hub", "gpu1", "gpu2", make=lambda instance: Site(instance, tmp_path_factory.mktemp("site"))) as site:
        yield site
