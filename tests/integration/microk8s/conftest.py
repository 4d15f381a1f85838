"""Two bare hosts for the tests of MicroK8s' modules: an instance of the sandbox of their own, removed at the end."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest
from instance import brought_up

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from microk8s_machines import OPTIONS, Machines  # noqa: E402


@pytest.fixture(scope="session")
def machines() -> t.Iterator[Machines]:
    """FLEET_MICROK8S_SANDBOX names an instance that is there already and stays."""
    with brought_up("microk8s", "gpu1", "gpu2", make=Machines) as found:
        yield found


@pytest.fixture(scope="module")
def bare(machines: Machines) -> Machines:
    """gpu1 without MicroK8s."""
    machines.renew("gpu1")
    return machines


@pytest.fixture(scope="module")
def ready(machines: Machines) -> Machines:
    """gpu1 with MicroK8s, ready, and nothing special asked of the stand-in."""
    machines.on("gpu1", f"rm -f {OPTIONS}")
    machines.install("gpu1", allow_refresh=True)  # another module's tests may have left another file's snap
    return machines
