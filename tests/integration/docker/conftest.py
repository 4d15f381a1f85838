"""One bare host for the tests of Docker's modules: an instance of the sandbox of their own, removed at the end."""

from __future__ import annotations

import typing as t

import pytest
from instance import brought_up, given
from module_runs import Hosts


@pytest.fixture(scope="session")
def bare() -> t.Iterator[Hosts]:
    """A host without Docker. FLEET_DOCKER_SANDBOX names an instance that is there already and stays."""
    with brought_up("docker", "gpu1", make=Hosts) as hosts:
        if given("docker"):
            hosts.on("gpu1", "apt-get purge -y -qq docker.io >/dev/null 2>&1; rm -rf /etc/docker")
        yield hosts


@pytest.fixture(scope="session")
def hosts(bare: Hosts) -> Hosts:
    """The host with the distribution's Docker."""
    bare.on("gpu1", "apt-get install -y -qq docker.io >/dev/null 2>&1; docker info >/dev/null")
    return bare
