"""site.yml reports every host, also one that cannot be reached and one whose cluster is not there, and its exit status follows."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]
INVENTORY = """
all:
  vars: {ansible_python_interpreter: auto_silent, runner_image: "hub:5000/runner:1"}
  children:
    runner_hosts:
      hosts:
        gone: {ansible_host: 127.0.0.1, ansible_port: 1, ansible_ssh_common_args: -o ConnectTimeout=2}
    build_hosts:
    clusters:
      vars: {ansible_connection: local}
      hosts:
        unnamed:
        missing: {fleet_kubeconfig: /nowhere/kubeconfig.yaml}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, t.Any]]:
    """The exit status and the verdicts of one run, by host."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "hosts.yml").write_text(INVENTORY, encoding="utf-8")
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    outcome = subprocess.run(
        [program, "-i", folder / "hosts.yml", CLONE / "site.yml", "-e", f"fleet_report={folder / 'report.json'}"],
        env={**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (folder / "report.json").exists(), outcome.stdout + outcome.stderr
    verdicts = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return outcome.returncode, {verdict["host"]: verdict for verdict in verdicts}


def test_every_host_is_reported_and_the_status_follows(report: tuple[int, dict[str, t.Any]]) -> None:
    status, verdicts = report
    assert status == 2
    assert sorted(verdicts) == ["gone", "missing", "unnamed"]
    assert not [host for host, verdict in verdicts.items() if verdict["ok"]]


@pytest.mark.parametrize(
    ("host", "words"),
    [("gone", "Connection refused"), ("unnamed", "Set fleet_kubeconfig"), ("missing", "/nowhere/kubeconfig.yaml")],
)
def test_each_says_what_is_wrong(report: tuple[int, dict[str, t.Any]], host: str, words: str) -> None:
    failures = report[1][host]["failures"]
    assert len(failures) == 1
    assert words in failures[0]["message"]
