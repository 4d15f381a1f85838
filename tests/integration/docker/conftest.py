"""One bare host for the tests of Docker's modules: an instance of the sandbox of their own, removed at the end."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from module_runs import Hosts  # noqa: E402


@pytest.fixture(scope="session")
def bare() -> t.Iterator[Hosts]:
    """A host without Docker. FLEET_DOCKER_SANDBOX names an instance that is there already and stays."""
    kept = os.environ.get("FLEET_DOCKER_SANDBOX", "")
    hosts = Hosts(kept or "test-docker")
    try:
        if kept:
            hosts.on("gpu1", "apt-get purge -y -qq docker.io >/dev/null 2>&1; rm -rf /etc/docker")
        else:
            hosts.sandbox("down")
            hosts.sandbox("up", "--hosts", "gpu1")
        yield hosts
    finally:
        if not kept:
            hosts.sandbox("down")


@pytest.fixture(scope="session")
def hosts(bare: Hosts) -> Hosts:
    """The host with the distribution's Docker."""
    bare.on("gpu1", "apt-get install -y -qq docker.io >/dev/null 2>&1; docker info >/dev/null")
    return bare
