# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both doors through the real C(ansible) command: the controller's own process, and the module on the host. No secret in any output."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import typing as t

import hands
import pytest
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.apiserver
CLONE = pathlib.Path(__file__).resolve().parents[3]
INVENTORY = """
all:
  hosts:
    gpu1: {fleet_node_name: ""}
    node7: {fleet_node_name: node7}
  vars:
    ansible_connection: local
    ansible_python_interpreter: "%(python)s"
    fleet_kubeconfig: "{{ place }}/admin.kubeconfig"
    place: "%(place)s"
    fleet_namespace: "%(namespace)s"
"""


class Ansible:
    """Runs ad hoc commands from the clone, with an inventory in the way of the collection's users."""

    def __init__(self, plane: ControlPlane, directory: pathlib.Path, namespace: str) -> None:
        self.plane = plane
        self.inventory = directory / "hosts.yml"
        self.inventory.write_text(INVENTORY % {"python": sys.executable, "place": plane.directory, "namespace": namespace})
        self.output = self.diff = ""

    def __call__(self, host: str, module: str, options: dict[str, t.Any], *flags: str, **environment: str) -> dict[str, t.Any]:
        settings = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_LOCAL_TEMP": str(self.inventory.parent)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_", "HTTPS_PROXY"))}
        command = [str(pathlib.Path(sys.executable).with_name("ansible")), host, "-i", str(self.inventory), "-m", f"studioml.fleet.{module}"]
        command += ["-a", json.dumps(options), *flags]
        done = subprocess.run(command, cwd=CLONE, env={**kept, **settings, **environment}, capture_output=True, text=True, timeout=300, check=False)
        self.output = done.stdout + done.stderr
        self.diff, found, result = done.stdout.partition(f"{host} | ")
        assert found, self.output
        shown = json.JSONDecoder().raw_decode(result[result.index("{"):])[0]
        return {**shown, "failed": result.startswith("FAILED")}


@pytest.fixture
def ansible(control_plane: ControlPlane, kubeconfig: pathlib.Path, tmp_path: pathlib.Path, namespace: str) -> Ansible:
    return Ansible(control_plane, tmp_path, namespace)


def state(admin: Api, namespace: str, name: str) -> str:
    return hands.read(admin, namespace, "configmaps", name)["data"]["STATE"]


def test_ad_hoc_finds_the_cluster_of_its_host(ansible: Ansible, control_plane: ControlPlane, admin: Api, namespace: str) -> None:
    wanted = {"state": "DrainAndSuspend"}
    predicted = ansible("gpu1", "runner_state", wanted, "--check", "--diff")
    diff = ansible.diff
    mark = control_plane.mark()
    made = ansible("gpu1", "runner_state", wanted, "--diff")
    assert len(control_plane.requests(mark)) == 2
    assert predicted == made and predicted["changed"] and '"STATE": "DrainAndSuspend"' in diff and ansible.diff == diff
    assert state(admin, namespace, "studioml-go-runner") == "DrainAndSuspend"
    mark = control_plane.mark()
    assert not ansible("gpu1", "runner_state", wanted)["changed"]
    assert len(control_plane.requests(mark)) == 1


def test_a_host_that_is_one_node_means_its_own_runner(ansible: Ansible, admin: Api, namespace: str) -> None:
    made = ansible("node7", "runner_state", {"state": "DrainAndSuspend"})
    assert [one["name"] for one in made["maps"]] == ["studioml-go-runner-node7"]
    assert [one["scope"] for one in ansible("node7", "runner_state", {"state": "Running", "global": True})["maps"]] == ["global"]


@pytest.mark.parametrize("door", ["controller", "target"])
def test_both_doors_do_the_same_and_show_no_secret(ansible: Ansible, namespace: str, door: str) -> None:
    options = {"image": "hub:5000/runner:1", "wait": False, "secret_env": {"AMQP_URL": "amqp://runner:geheim-wort@hub", "B": "zweites-wort"}}
    options.update(env={"CPU_ONLY": True}, resources={"limits": {"cpu": 1}}, kubeconfig_on=door)
    if door == "target":
        options["kubeconfig"] = f"{ansible.plane.directory}/admin.kubeconfig"
    changes, outputs = [], ""
    for flags in (["--check"], [], ["--check"], []):
        changes.append(ansible("gpu1", "runner_deploy", options, "--diff", *flags)["changed"])
        outputs += ansible.output
    assert changes == [True, True, False, False]
    shown = ansible("gpu1", "runner_info", {"kubeconfig_on": door, "kubeconfig": f"{ansible.plane.directory}/admin.kubeconfig"})
    assert [one["deployment"] for one in shown["runners"]] == ["studioml-go-runner-deployment"]
    assert "geheim-wort" not in outputs and "zweites-wort" not in outputs


def test_very_verbose_output_has_no_credentials(ansible: Ansible, tmp_path: pathlib.Path) -> None:
    options = tmp_path / "task.yml"
    options.write_text(
        "- hosts: gpu1\n  gather_facts: false\n  tasks:\n    - studioml.fleet.runner_deploy:\n        image: 'hub:5000/runner:1'\n        wait: false\n"
        "        secret_env: {AMQP_URL: \"{{ lookup('ansible.builtin.env', 'BROKER') }}\"}\n"
    )
    config = json.loads((ansible.plane.directory / "admin.kubeconfig").read_text())
    key = config["users"][0]["user"]["client-key-data"]
    environment = {**os.environ, "BROKER": "amqp://runner:geheim-wort@hub", "ANSIBLE_LOCAL_TEMP": str(tmp_path)}
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-vvvv", "--diff", "-i", str(ansible.inventory), str(options)]
    done = subprocess.run(command, cwd=CLONE, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "geheim" not in done.stdout + done.stderr and key[:40] not in done.stdout


def test_the_environment_names_the_kubeconfig(ansible: Ansible, tmp_path: pathlib.Path) -> None:
    ansible.inventory.write_text("all: {hosts: {gpu1: {ansible_connection: local}}}\n")
    refused = ansible("gpu1", "runner_info", {"connect_timeout": 5})
    assert refused["failed"] and "No kubeconfig is given, and none is guessed" in refused["msg"]
    assert ansible("gpu1", "runner_info", {"connect_timeout": 5}, K8S_AUTH_KUBECONFIG=f"{ansible.plane.directory}/admin.kubeconfig")["version"]


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("runner_state", {"state": "running", "stat": 1}, "stat. Supported parameters include"),
        ("runner_state", {"state": "running"}, "value of state must be one of: Running, DrainAndSuspend, DrainAndTerminate, got: running"),
        ("runner_deploy", {"image": "x", "secret_env": "geheimes-wort"}, "secret_env"),
    ],
)
def test_options_of_a_wrong_kind(ansible: Ansible, module: str, options: dict[str, t.Any], message: str) -> None:
    result = ansible("gpu1", module, options)
    assert result["failed"] and re.search(message, result["msg"])
    assert "Traceback" not in ansible.output and "geheimes-wort" not in result["msg"]


def test_a_credential_plugin(ansible: Ansible, control_plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    plugin, path = tmp_path / "plugin", tmp_path / "exec.kubeconfig"
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "plugin-token"}}
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    config = json.loads((control_plane.directory / "admin.kubeconfig").read_text())
    call = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "args": [], "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": call}
    path.write_text(json.dumps(config))
    assert ansible("gpu1", "runner_info", {"kubeconfig": str(path)})["version"]
    assert "plugin-token" not in ansible.output
    plugin.write_text("#!/bin/sh\necho 'please sign in' >&2\nexit 1\n")
    refused = ansible("gpu1", "runner_info", {"kubeconfig": str(path)})
    assert "please sign in" in refused["msg"] and "Run the command that the kubeconfig names by hand" in refused["msg"]
