"""K8S_AUTH_KUBECONFIG is one cluster: machines that are clusters of their own must not all be taken for it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]
ENVIRONMENT = "/nowhere/of-the-environment.yaml"
ROLES = ("runner", "companions", "runner_secrets", "submission", "experiment")
KUBECONFIGS = {**{role: f"{role}_kubeconfig" for role in ROLES}, "experiment": "__experiment_cluster"}
INVENTORY = """
runner_hosts:
  hosts:
    gpu1:
    with_context: {fleet_context: rack2}
    with_file: {fleet_kubeconfig: /nowhere/of-its-own.yaml}
clusters:
  hosts:
    research:
local:
  hosts:
    localhost:
all:
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""
PLAY = """
- hosts: all
  gather_facts: false
  vars_files: {files}
  tasks:
    - ansible.builtin.copy:
        content: '{{{{ {found} | to_json }}}}'
        dest: '{folder}/{{{{ inventory_hostname }}}}.json'
        mode: "0600"
    - ansible.builtin.include_role: {{name: studioml.fleet.runner, tasks_from: preflight, rolespec_validate: false}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, str]], str]:
    """The kubeconfig of each role by host, and what the run printed."""
    folder = tmp_path_factory.mktemp("environment")
    files = [str(CLONE / f"roles/{role}/defaults/main.yml") for role in ROLES] + [str(CLONE / "roles/experiment/vars/main.yml")]
    found = "{" + ", ".join(f'"{role}": {variable}' for role, variable in KUBECONFIGS.items()) + "}"
    (folder / "hosts.yml").write_text(INVENTORY, encoding="utf-8")
    (folder / "play.yml").write_text(PLAY.format(files=json.dumps(files), found=found, folder=folder), encoding="utf-8")
    outcome = subprocess.run(
        [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", folder / "hosts.yml", folder / "play.yml", "-e", "runner_image=hub:5000/runner:1"],
        env={**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "K8S_AUTH_KUBECONFIG": ENVIRONMENT},
        cwd=CLONE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = outcome.stdout + outcome.stderr
    hosts = ("gpu1", "with_context", "with_file", "research", "localhost")
    assert all((folder / f"{host}.json").exists() for host in hosts), output
    return {host: json.loads((folder / f"{host}.json").read_text(encoding="utf-8")) for host in hosts}, output


@pytest.mark.parametrize(
    ("host", "kubeconfig"),
    [("gpu1", ""), ("with_context", ENVIRONMENT), ("with_file", "/nowhere/of-its-own.yaml"), ("research", ENVIRONMENT), ("localhost", ENVIRONMENT)],
)
def test_it_counts_where_one_cluster_can_be_meant(run: tuple[dict[str, dict[str, str]], str], host: str, kubeconfig: str) -> None:
    assert run[0][host] == dict.fromkeys(ROLES, kubeconfig)


def test_any_other_host_is_refused(run: tuple[dict[str, dict[str, str]], str]) -> None:
    output = run[1]
    assert output.count("fatal: ") == output.count("fatal: [gpu1]: FAILED!") == 1
    assert "No kubeconfig is named for this host, and none is guessed." in output
    assert output.count(" failed=0 ") == 4
