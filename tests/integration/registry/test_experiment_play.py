"""Experiments and submissions from end to end: built by a real Docker, pushed to a real registry, run by a real kubelet with a real volume.

What people type today (kubectl get, logs, delete by label) is asked of the real kubectl's stand-in, C(microk8s kubectl).
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import typing as t
import uuid

import pytest
from experiment_base import FOLDER, PREPARE
from experiment_base import build as build_base
from module_runs import CLONE, Hosts

pytestmark = pytest.mark.sandbox

HOST = "gpu1"
PAYLOAD = ["printf '%s\\n' \"it's a \\\"test\\\"\" 'two  words'", "echo zero=$0 sum=$((40 + 2))", "test $$ -gt 0 && echo $(cat /storage/runs | wc -l) runs"]


@pytest.fixture(scope="module")
def project() -> str:
    return f"Vision_{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def namespace(project: str) -> str:
    return project.lower().replace("_", "-")


@pytest.fixture(scope="module")
def given(hosts: Hosts, project: str, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[dict[str, t.Any]]:
    """A cluster with storage whose containerd trusts the hub, as the host's Docker does; and an experiment."""
    hub = {"host": f"{hosts.address('hub')}:5000", "scheme": "http"}
    hosts.passes(HOST, "registry_trust_entry", registries=[hub])
    hosts.on(HOST, "microk8s enable hostpath-storage")
    hosts.on(HOST, PREPARE)
    build_base(hosts, HOST, hub)
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "kubeconfig").touch(0o600)
    (folder / "kubeconfig").write_text(hosts.on(HOST, "microk8s config"), encoding="utf-8")
    (folder / "mnist").mkdir()
    (folder / "mnist" / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    (folder / "mnist" / "train.sh").write_text('echo "$@" >> $STORAGE_DIR/runs; echo trained with "$@"\n', encoding="utf-8")
    yield {
        "fleet_hosts": HOST,
        "fleet_kubeconfig": str(folder / "kubeconfig"),
        "experiment_contexts": {"name": "gpu", "type": "kubernetes", "storage": "/storage", "registry_url": f"http://{hub['host']}", "resources": "mem=64M"},
        "experiment_project": project,
        "experiment_sources": str(folder / "mnist"),
        "experiment_base_image": f"{hub['host']}/base/python:3.12",
        "experiment_command": "sh train.sh",
        "experiment_params": "--epochs 3",
        "experiment_build_host": HOST,
        "experiment_storage_class": "microk8s-hostpath",
        "experiment_storage_size": "10M",
        "experiment_follow": True,
        "submission_image": f"{hub['host']}/base/python:3.12",
        "submission_volume_claim": "storage",
        "submission_mount_path": "/storage",
        "submission_memory": 32,
        "submission_cores": 0.1,
        "submission_registry_secret": "",
        "fleet_namespace": namespace,
    }
    hosts.on(HOST, f"microk8s kubectl delete namespace {namespace} --wait=false", check=False)
    hosts.passes(HOST, "registry_trust_entry", registries=[{"host": hub["host"], "state": "absent"}])
    hosts.on(HOST, f"rm -rf {FOLDER} /var/lib/studioml-fleet/experiments; docker image prune -af >/dev/null")


def play(hosts: Hosts, folder: pathlib.Path, name: str, variables: dict[str, t.Any]) -> str:
    (folder / "given.json").write_text(json.dumps(variables), encoding="utf-8")
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    command = [program, "-i", CLONE / "inventory/sandbox", CLONE / f"playbooks/{name}.yml", "-e", f"@{folder / 'given.json'}"]
    settings = {key: value for key, value in hosts.environment.items() if "CALLBACK" not in key}
    done = subprocess.run(command, env=settings, cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def changed(output: str) -> int:
    return int(re.findall(rf"{HOST} +: .*changed=(\d+)", output)[-1])


def images(hosts: Hosts, namespace: str) -> list[str]:
    """The images of the project's Jobs, oldest first."""
    shown = "--sort-by=.metadata.creationTimestamp -o jsonpath='{.items[*].spec.template.spec.containers[0].image}'"
    return hosts.on(HOST, f"microk8s kubectl -n {namespace} get jobs -l experiment=mnist {shown}").split()


def test_an_experiment_is_built_once_and_run_once(hosts: Hosts, given: dict[str, t.Any], namespace: str, tmp_path: pathlib.Path) -> None:
    first = play(hosts, tmp_path, "experiment", given)
    assert "trained with --epochs 3" in first and re.search(r"mnist-\w{6} +complete", first)
    assert "folders of one node" in " ".join(first.split()), "what hostpath cannot do is told"
    assert changed(play(hosts, tmp_path, "experiment", given)) == 0
    (image,) = images(hosts, namespace)

    (pathlib.Path(given["experiment_sources"]) / "train.sh").write_text('echo "$@" >> $STORAGE_DIR/runs; echo again with "$@"\n', encoding="utf-8")
    assert "again with --epochs 3" in play(hosts, tmp_path, "experiment", given)
    before, after = images(hosts, namespace)
    assert before == image and after > before, "another tag of the time"
    grid = {**given, "experiment_grid": {"lr": [0.1, 0.01]}, "experiment_max_running": 1}
    assert play(hosts, tmp_path, "experiment", grid).count(" complete ") == 2
    assert images(hosts, namespace).count(after) == 3, "parameters are no reason to build"


def test_a_payload_with_quotes_and_lines(hosts: Hosts, given: dict[str, t.Any], namespace: str, tmp_path: pathlib.Path) -> None:
    submission = {**given, "submission_identifier": "quotes", "submission_payloads": [PAYLOAD], "submission_wait": True}
    play(hosts, tmp_path, "submission", submission)
    logs = play(hosts, tmp_path, "submission", {**submission, "submission_do": "logs"})
    spoken = hosts.on(HOST, f"microk8s kubectl -n {namespace} logs -l app=submission-helper")
    assert [line for line in spoken.splitlines() if line] == ['it\'s a "test"', "two  words", "zero=bash sum=42", "4 runs"]
    assert "zero=bash sum=42" in logs and "4 runs" in logs
    listed = hosts.on(HOST, f"microk8s kubectl -n {namespace} get jobs -l app=submission-helper")
    assert "shj-quotes-00001" in listed and "Complete" in listed
    assert "shj-quotes-00001" in play(hosts, tmp_path, "submission", {**submission, "submission_do": "status"})
    hosts.on(HOST, f"microk8s kubectl -n {namespace} delete jobs -l app=submission-helper")
    assert "No resources found" in hosts.on(HOST, f"microk8s kubectl -n {namespace} get jobs -l app=submission-helper")
