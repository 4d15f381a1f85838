# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with MicroK8s, whose kubelet and containerd are real: an instance of the sandbox of these tests' own, removed at the end."""

from __future__ import annotations

import typing as t

import pytest
from instance import brought_up
from module_runs import Hosts


@pytest.fixture(scope="session")
def hosts() -> t.Iterator[Hosts]:
    """FLEET_API_SANDBOX names an instance that is there already and stays."""
    with brought_up("api", "gpu1", make=Hosts) as hosts:
        hosts.with_microk8s("gpu1")
        yield hosts


@pytest.fixture(scope="session")
def kubeconfig(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The cluster's own kubeconfig, on the controller."""
    path = tmp_path_factory.mktemp("api") / "gpu1.yaml"
    path.touch(0o600)
    path.write_text(hosts.on("gpu1", "microk8s config"))
    return str(path)
