# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/status.yml on a real API server: table, JSON and page, a host that does not answer among them, and no secret anywhere."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import hands
import pytest
from beats import call
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_state

pytestmark = pytest.mark.apiserver
CLONE = pathlib.Path(__file__).resolve().parents[3]
SECRET = "geheim-4711"


class Run(t.NamedTuple):
    output: str
    status: int
    report: dict[str, t.Any]
    page: str


@pytest.fixture(scope="module")
def namespaces(admin: Api, kubeconfig: pathlib.Path) -> t.Iterator[list[str]]:
    """One with a runner that is to drain and has no pod, one with nothing."""
    names = ["status-drained", "status-empty"]
    for name in names:
        admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    given = {"kubeconfig": str(kubeconfig), "namespace": names[0]}
    secret = {"AMQP_URL": f"amqp://runner:{SECRET}@hub:5672/%2f"}
    call(runner_deploy, **given, image="hub:5000/leafai/studio-go-runner:0.14.2", secret_env=secret, replicas=0, wait=False)
    call(runner_state, **given, state="DrainAndSuspend")
    hands.node(admin, "status-node", gpus=2)
    yield names
    admin.request("DELETE", "/api/v1/nodes/status-node")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, kubeconfig: pathlib.Path, namespaces: list[str]) -> Run:
    folder = tmp_path_factory.mktemp("status")
    missing = str(folder / "missing.yaml")
    hosts = {name: {"fleet_kubeconfig": str(kubeconfig), "fleet_namespace": name} for name in namespaces}
    hosts["status-drained"].update(sandbox_simulated=True, fleet_node_name="status-node")
    inventory = {"all": {"children": {"clusters": {"hosts": {**hosts, "gone": {"fleet_kubeconfig": missing}}}, "runner_hosts": {}}}}
    (folder / "hosts.yml").write_text(json.dumps(inventory), encoding="utf-8")
    wanted = ["-e", f"fleet_report={folder / 'report.json'}", "-e", f"fleet_page={folder / 'page.html'}"]
    outcome = subprocess.run(
        [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-vvvv", "-i", folder / "hosts.yml", CLONE / "playbooks/status.yml", *wanted],
        env={**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = outcome.stdout + outcome.stderr
    assert (folder / "page.html").exists(), output
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return Run(output, outcome.returncode, report, (folder / "page.html").read_text(encoding="utf-8"))


def test_looking_at_a_host_that_does_not_answer_is_no_failure(run: Run) -> None:
    assert run.status == 0 and "failed=0" in run.output


def test_the_table(run: Run) -> None:
    table = run.output[run.output.index("TASK [Show the table]"):].splitlines()
    shown = {line.split()[1]: line.split()[2:] for line in table if line.strip().startswith("- ")}
    assert shown["HOST"] == ["CLUSTER", "ASKED", "EFFECTIVE", "VERDICT", "PODS", "GPUS", "IMAGE", "SINCE"]
    assert shown["status-drained"][1:-1] == ["DrainAndSuspend", "-", "quiet", "0/0", "0/2", "studio-go-runner:0.14.2"]
    assert shown["gone"] == ["-", "-", "-", "unreachable", "-", "-", "-", "-"]
    assert "status-empty: no runner in its namespace" in run.output


def test_the_report(run: Run) -> None:
    rows = {row["host"]: row for row in run.report["rows"]}
    assert {host: row["verdict"] for host, row in rows.items()} == {"status-drained": "quiet", "status-empty": "", "gone": "unreachable"}
    assert "missing.yaml does not exist" in rows["gone"]["notes"][0]
    summary = run.report["summary"]
    assert (summary["hosts"], summary["clusters"], summary["gpus_total"], summary["simulated"]) == (3, 1, 2, ["status-drained"])
    (drained,) = [host for host in run.report["hosts"] if host["host"] == "status-drained"]
    assert drained["version"].startswith("v1.") and drained["runners"][0]["deployment"] == "studioml-go-runner-deployment"


def test_the_page(run: Run) -> None:
    assert run.page.startswith("<!DOCTYPE html>") and "status-drained" in run.page and "Simulated GPUs." in run.page


def test_no_secret_anywhere(run: Run, control_plane: ControlPlane) -> None:
    user = json.loads((control_plane.directory / "admin.kubeconfig").read_text())["users"][0]["user"]
    for secret in (SECRET, user["client-key-data"][:60], user["client-certificate-data"][:60]):
        for text in (run.output, json.dumps(run.report), run.page):
            assert secret not in text
