"""The inventory plugin on a converged fleet: two clusters, beside the inventory of their machines, and one of them stopped."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
from site_runs import CLONE, Site

pytestmark = pytest.mark.sandbox

KUBECTL = "/snap/bin/microk8s kubectl"
# GPUs of the sandbox are simulated, and so is what a feature discovery would write about them.
LABELS = {"gpu1": "nvidia.com/gpu.product=Simulated-A nvidia.com/cuda.driver-version.full=550.54.15", "gpu2": "nvidia.com/gpu.product=Simulated-B"}
API = "microk8s.daemon-kubelite"


@pytest.fixture(scope="module")
def fleet(site: Site) -> t.Iterator[Site]:
    """Both runners run, and nodes have labels."""
    run = site.play("-l", "hub,gpu1,gpu2")
    assert run.status == 0, run.output
    assert site.play("-e", "fleet_state=Running", playbook="playbooks/state.yml").status == 0
    for host, labels in LABELS.items():
        site.on(host, f"{KUBECTL} label --overwrite node {host} {labels}")
    yield site
    for host, labels in LABELS.items():
        site.on(host, f"{KUBECTL} label node {host} {' '.join(label.split('=')[0] + '-' for label in labels.split())}")


def listed(site: Site, folder: pathlib.Path, *sources: pathlib.Path, **options: t.Any) -> dict[str, t.Any]:
    """What C(ansible-inventory --list) says of it."""
    path = folder / "clusters.fleet.yml"
    files = [site.variables(host)["fleet_kubeconfig"] for host in LABELS]
    given = {"plugin": "studioml.fleet.fleet", "kubeconfig": files, "context_names": "file", "namespace": "studioml", **options}
    path.write_text(json.dumps(given), encoding="utf-8")
    program = pathlib.Path(sys.executable).with_name("ansible-inventory")
    command = [program, "--list", *(word for source in (*sources, path) for word in ("-i", source))]
    return t.cast("dict[str, t.Any]", json.loads(subprocess.run(command, env=site.environment, cwd=CLONE, capture_output=True, text=True, check=True).stdout))


def groups(found: dict[str, t.Any], *without: str) -> dict[str, list[str]]:
    return {name: sorted(group["hosts"]) for name, group in found.items() if name not in ("_meta", *without) and group.get("hosts")}


def test_two_clusters(fleet: Site, tmp_path: pathlib.Path) -> None:
    both = ["gpu1", "gpu2"]
    assert groups(listed(fleet, tmp_path)) == {
        "clusters": both,
        "fleet_asked_Running": both,
        "fleet_driver_550_54_15": ["gpu1"],
        "fleet_gpu_Simulated_A": ["gpu1"],
        "fleet_gpu_Simulated_B": ["gpu2"],
        "fleet_kubelet_1_36": both,
        "fleet_track_1_36": both,
        "fleet_verdict_running": both,
    }


def test_nodes_of_clusters_that_are_all_called_microk8s(fleet: Site, tmp_path: pathlib.Path) -> None:
    found = listed(fleet, tmp_path, hosts="nodes", gather=["allocations"])
    assert groups(found)["clusters"] == ["gpu1.gpu1", "gpu2.gpu2"]
    observed = found["_meta"]["hostvars"]["gpu1.gpu1"]["fleet_observed"]
    assert (observed["gpus"], observed["gpus_allocated"]) == (2, 2)


def test_beside_the_inventory_of_the_machines(fleet: Site, tmp_path: pathlib.Path) -> None:
    found = listed(fleet, tmp_path, CLONE / "inventory/sandbox", group="runner_hosts", connection="")
    variables = found["_meta"]["hostvars"]["gpu1"]
    assert groups(found)["runner_hosts"] == ["gpu1", "gpu2"] and "clusters" not in groups(found)
    assert variables["ansible_host"] == fleet.variables("gpu1")["ansible_host"] and "ansible_connection" not in variables
    assert variables["fleet_observed"]["verdict"] == "running"


def test_one_of_them_stops(fleet: Site, tmp_path: pathlib.Path) -> None:
    fleet.on("gpu2", f"snap stop {API}")
    try:
        found = listed(fleet, tmp_path)
    finally:
        fleet.on("gpu2", f"snap start {API} && /snap/bin/microk8s status --wait-ready")
    assert groups(found)["fleet_unreachable"] == ["gpu2"]
    assert groups(found)["fleet_verdict_running"] == ["gpu1"] and groups(found)["fleet_gpu_Simulated_A"] == ["gpu1"]
    reason = found["_meta"]["hostvars"]["gpu2"]["fleet_observed"]["reason"]["__ansible_unsafe"]
    assert "failed: connection refused" in reason
