# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of the rulebook by hand, as a person or AWX runs them, with a host among the others that does not answer."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from fleet import Host, inventory

pytestmark = pytest.mark.apiserver
CLONE = pathlib.Path(__file__).resolve().parents[3]


class Gone:
    """A host whose kubeconfig is not there."""

    name = "gone"

    def variables(self) -> dict[str, str]:
        return {"fleet_kubeconfig": "/nonexistent/gone.yaml"}


@pytest.fixture(scope="module")
def host(make_host: t.Callable[[str], Host]) -> Host:
    return make_host("alone")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, host: Host) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("playbooks")
    inventory(folder, [host, t.cast("Host", Gone())])
    return folder


def play(place: pathlib.Path, name: str, *more: str) -> tuple[int, str]:
    """The status and the words of one run; line breaks do not count."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory", f"studioml.fleet.{name}", *more]
    settings = {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    outcome = subprocess.run(command, cwd=place, env=settings, capture_output=True, text=True, timeout=600, check=False)
    return outcome.returncode, " ".join((outcome.stdout + outcome.stderr).split())


def test_a_host_that_does_not_answer_counts(place: pathlib.Path, host: Host) -> None:
    status, said = play(place, "alert", "-e", "fleet_alert_host=alone", "-e", "fleet_alert_names=GpuXid")
    assert status == 0 and "alone is left alone: 1 of at most 1 hosts are drained already: gone (does not answer)." in said
    assert host.state == "Running"


def test_check_mode_predicts_and_changes_nothing(place: pathlib.Path, host: Host) -> None:
    given = ["-e", "fleet_alert_host=alone.example.org", "-e", "fleet_alert_names=GpuXid", "-e", "fleet_alert_limit=2", "-e", "fleet_alert_wait=5"]
    status, said = play(place, "alert", "--check", *given)
    assert status == 0 and "alone is to be drained for GpuXid; then 2 of at most 2 are drained." in said and "changed=1" in said
    assert host.state == "Running"


def test_what_a_form_leaves_empty_is_not_given(place: pathlib.Path, host: Host) -> None:
    empty = [word for name in ("hosts", "wait", "whole") for word in ("-e", f"fleet_alert_{name}=")]
    given = ["-e", "fleet_alert_host=alone", "-e", "fleet_alert_names=A,B", "-e", "fleet_alert_limit=2", "-e", "fleet_enforce="]
    status, said = play(place, "alert", *given, *empty)
    assert status == 0 and (host.state, host.note) == ("DrainAndSuspend", "alert: A, B"), said
    status, said = play(place, "recovered", "-e", "fleet_alert_host=alone", "-e", "fleet_alert_names=A", *empty)
    assert status == 0 and "alone is left alone: A is resolved, and it is drained for B." in said
    status, said = play(place, "recovered", "-e", "fleet_alert_host=alone", "-e", "fleet_alert_names=A", "-e", "fleet_alert_whole=true")
    assert status == 0 and (host.state, host.note) == ("Running", ""), said


@pytest.mark.parametrize(
    ("playbook", "called", "words"),
    [
        ("alert", "gone", "gone cannot be drained for GpuXid: "),
        ("recovered", "gone", "gone cannot be brought back after GpuXid: "),
        ("alert", "", "Name the host as the alert does, such as -e fleet_alert_host=gpu1."),
        ("recovered", "elsewhere", "No host of this inventory is called elsewhere"),
    ],
)
def test_what_cannot_be_done_fails(place: pathlib.Path, playbook: str, called: str, words: str) -> None:
    status, said = play(place, playbook, "-e", f"fleet_alert_host={called}", "-e", "fleet_alert_names=GpuXid")
    assert status != 0 and words in said, said
