# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two hosts with a cluster each, whose kubelets and containerds are real: an instance of the sandbox for all tests of Jobs, removed at the end.

The GPUs are stand-ins: two by name on each node, as a device plugin would report them.
"""

from __future__ import annotations

import json
import pathlib
import typing as t
import uuid

import pytest
from instance import brought_up
from module_runs import Hosts

from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

NAMES = ("gpu1", "gpu2")
GPUS = {"status": {"capacity": {"nvidia.com/gpu": "2"}, "allocatable": {"nvidia.com/gpu": "2"}}}


@pytest.fixture(scope="session")
def hosts() -> t.Iterator[Hosts]:
    """FLEET_JOBS_SANDBOX names an instance that is there already and stays."""
    with brought_up("jobs", *NAMES, make=Hosts) as hosts:
        hosts.with_microk8s(*NAMES)
        yield hosts


@pytest.fixture(scope="session")
def kubeconfigs(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each host's name to its cluster's own kubeconfig, on the controller."""
    found = {}
    for name in NAMES:
        path = tmp_path_factory.mktemp("jobs") / f"{name}.yaml"
        path.touch(0o600)
        path.write_text(hosts.on(name, "microk8s config"))
        found[name] = str(path)
    return found


@pytest.fixture(scope="session")
def kubeconfig(kubeconfigs: dict[str, str]) -> str:
    """That of the first host."""
    return kubeconfigs["gpu1"]


@pytest.fixture(scope="session")
def apis(kubeconfigs: dict[str, str]) -> t.Iterator[dict[str, Api]]:
    """The tests' own clients; the nodes have GPUs, by name."""
    found = {name: Api(load(path)) for name, path in kubeconfigs.items()}
    for api in found.values():
        for node in api.request("GET", "/api/v1/nodes")["items"]:
            api.request("PATCH", f"/api/v1/nodes/{node['metadata']['name']}/status", body=GPUS, content_type="application/merge-patch+json")
    yield found
    for api in found.values():
        api.close()


@pytest.fixture(scope="session")
def api(apis: dict[str, Api]) -> Api:
    """That of the first host's cluster."""
    return apis["gpu1"]


@pytest.fixture
def namespace(apis: dict[str, Api]) -> t.Iterator[str]:
    """A fresh namespace in both clusters, gone at the end."""
    name = f"jobs-{uuid.uuid4().hex[:8]}"
    for api in apis.values():
        api.request("POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    for api in apis.values():
        if api.find(f"/api/v1/namespaces/{name}"):
            api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def image() -> str:
    """On every node: a busybox, which is a shell, tar and the rest of it."""
    return "sandbox.local/busybox:1"


@pytest.fixture
def inventory(kubeconfigs: dict[str, str], namespace: str, tmp_path: pathlib.Path) -> pathlib.Path:
    """Both hosts as a fleet's inventory has them, for playbooks that reach clusters only."""
    each = {name: {"fleet_kubeconfig": path, "fleet_namespace": namespace, "ansible_connection": "local"} for name, path in kubeconfigs.items()}
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps({"runner_hosts": {"hosts": each}, "clusters": {"hosts": {}}}))
    return path
