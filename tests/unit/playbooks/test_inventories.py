"""The sample inventories are read without a complaint, and agree with what they speak of."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
import yaml

CLONE = pathlib.Path(__file__).resolve().parents[3]


def inventory(name: str) -> dict[str, t.Any]:
    program = pathlib.Path(sys.executable).with_name("ansible-inventory")
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    outcome = subprocess.run(
        [program, "-i", CLONE / "inventory" / name, "--list"], env=environment, capture_output=True, text=True, timeout=300, check=True
    )
    assert "WARNING" not in outcome.stderr
    return t.cast("dict[str, t.Any]", json.loads(outcome.stdout))


@pytest.mark.parametrize(("name", "group", "host"), [("workstation", "runner_hosts", "workstation"), ("existing", "clusters", "research")])
def test_a_sample_names_what_the_roles_need(name: str, group: str, host: str) -> None:
    found = inventory(name)
    assert found[group]["hosts"] == [host]
    settings = found["_meta"]["hostvars"][host]
    assert {"fleet_kubeconfig", "fleet_namespace", "runner_image", "runner_secret_env"} <= set(settings)


def test_the_sandbox_deploys_the_image_that_its_labels_name() -> None:
    text = (CLONE / "tests/sandbox/runner/image/Dockerfile").read_text(encoding="utf-8")
    labels = dict(re.findall(r'(registry\.\w+)="([^"]+)"', text))
    settings = yaml.safe_load((CLONE / "inventory/sandbox/group_vars/runner_hosts.yml").read_text(encoding="utf-8"))
    assert settings["runner_image"].partition(":5000/")[2] == f"{labels['registry.repo']}:{labels['registry.version']}"
