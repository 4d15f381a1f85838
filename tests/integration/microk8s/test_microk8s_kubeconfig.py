"""microk8s_kubeconfig: the file on the controller, and nothing of its credential anywhere else."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from microk8s_machines import Machines
from module_runs import CLONE

pytestmark = pytest.mark.sandbox

HOST = "gpu1"


def test_written_for_its_owner_alone(ready: Machines, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "new" / "gpu1.yaml"
    arguments = {"dest": str(file), "context": "gpu1"}
    predicted = ready.passes(HOST, "microk8s_kubeconfig", check=True, **arguments)
    assert predicted["changed"] and not file.parent.exists()
    real = ready.passes(HOST, "microk8s_kubeconfig", **arguments)
    assert real["changed"] and real["diff"] == predicted["diff"]
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    written = (file.stat().st_ino, file.stat().st_mtime_ns)
    assert not ready.passes(HOST, "microk8s_kubeconfig", check=True, **arguments)["changed"]
    assert not ready.passes(HOST, "microk8s_kubeconfig", **arguments)["changed"]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == written
    found = yaml.safe_load(file.read_text())
    assert found["current-context"] == "gpu1" and found["clusters"][0]["cluster"]["server"] == real["server"] == f"https://{ready.address(HOST)}:16443"
    asked = subprocess.run(["curl", "-sk", f"{real['server']}/readyz"], capture_output=True, text=True, check=True).stdout
    assert asked == "ok" or "Unauthorized" in asked


def test_mode_address_and_credential_are_drift(ready: Machines, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "config"
    ready.passes(HOST, "microk8s_kubeconfig", dest=str(file))
    file.chmod(0o644)
    assert ready.passes(HOST, "microk8s_kubeconfig", dest=str(file))["changed"] and file.stat().st_mode & 0o777 == 0o600
    assert ready.passes(HOST, "microk8s_kubeconfig", dest=str(file), address="gpu1.example.com:443")["server"] == "https://gpu1.example.com:443"
    document = yaml.safe_load(file.read_text())
    document["users"][0]["user"] = {"token": "old"}
    file.write_text(yaml.safe_dump(document))
    result = ready.passes(HOST, "microk8s_kubeconfig", dest=str(file), address="gpu1.example.com:443")
    assert result["changed"] and (result["diff"]["before"]["credential"], result["diff"]["after"]["credential"]) == ("another", "current")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("just text\n", "is no kubeconfig"),
        ("clusters: [{name: a, cluster: {}}, {name: b, cluster: {}}]\nusers: []\ncontexts: []\n", "holds several clusters"),
        ("a: [\n", "is no kubeconfig"),
    ],
)
def test_somebody_elses_file_is_left(ready: Machines, tmp_path: pathlib.Path, text, words) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    for check in (True, False):
        assert words in ready.fails(HOST, "microk8s_kubeconfig", check, dest=str(file))["msg"]
    assert file.read_text() == text


def test_the_credential_is_in_no_output_and_no_log(ready: Machines, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "config"
    program = pathlib.Path(sys.executable).with_name("ansible")
    command = [str(program), HOST, "-i", str(CLONE / "inventory/sandbox"), "-m", "studioml.fleet.microk8s_kubeconfig", "-a", f"dest={file}", "-vvvvv", "--diff"]
    printed = subprocess.run(command, env={**ready.environment, "ANSIBLE_LOG_PATH": str(tmp_path / "log")}, cwd=CLONE, capture_output=True, check=True)
    user = yaml.safe_load(file.read_text())["users"][0]["user"]
    secrets = [value.encode() for key, value in user.items() if key in ("client-key-data", "token", "password")]
    assert secrets and b"censored due to no log" in printed.stdout
    journal = ready.on(HOST, "journalctl --no-pager --since=-5min || true").encode()
    for secret in secrets:
        assert secret[:64] not in printed.stdout + printed.stderr + (tmp_path / "log").read_bytes() + journal
    assert os.listdir(tmp_path) and not ready.on(HOST, "ls -A ~/.ansible/tmp 2>/dev/null || true").strip()
