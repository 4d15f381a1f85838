# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rulebook drains a host of the sandbox on an alert that is posted, keeps its runner off the real broker, and brings it back when the alert is resolved."""

from __future__ import annotations

import json
import pathlib
import shutil
import socket
import sys
import tempfile
import typing as t
import urllib.parse

import pytest
from site_runs import CLONE, Site

sys.path.insert(0, str(CLONE / "tests" / "integration" / "events"))

from rulebook import TOKEN, Rulebook, alert, payload, rulebook_environment  # noqa: E402

pytestmark = pytest.mark.sandbox
QUEUE = "rmq_alert_test"
KUBECTL = "/snap/bin/microk8s kubectl -n studioml"
NOTE = r"jsonpath='{.data.STATE} {.metadata.annotations.fleet\.studioml\.ai/note}'"


@pytest.fixture(scope="module")
def fleet(site: Site) -> t.Iterator[Site]:
    """Both runners run, and find a queue."""
    run = site.play("-l", "hub,gpu1,gpu2")
    assert run.status == 0, run.output
    site.sandbox("publish", "--queue", QUEUE, "--seconds", "1")
    assert site.play(playbook="playbooks/resume.yml").status == 0
    yield site
    site.on("hub", f"rabbitmqctl -q delete_queue {QUEUE}", check=False)


@pytest.fixture(scope="module")
def rulebook(fleet: Site) -> t.Iterator[Rulebook]:
    with tempfile.TemporaryDirectory(prefix="fleet-events-") as folder:
        shutil.copytree(CLONE / "inventory" / "sandbox", pathlib.Path(folder) / "inventory")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with Rulebook(rulebook_environment(), pathlib.Path(folder), port, FLEET_SANDBOX=fleet.instance) as running:
            yield running


def stands(site: Site, host: str) -> tuple[str, str]:
    """The state that the runner's map asks for, with its note, and what its user may read at the broker."""
    listed = json.loads(site.on("hub", "rabbitmqctl -q --formatter json list_permissions"))
    said = site.on(host, f"{KUBECTL} get configmap studioml-go-runner -o {NOTE}")
    return said.strip(), str(next(entry["read"] for entry in listed if entry["user"] == f"runner-{host}"))


def test_an_alert_drains_one_host_and_its_end_brings_it_back(fleet: Site, rulebook: Rulebook) -> None:
    before = stands(fleet, "gpu1")
    assert before[0] == "Running" and not before[1].startswith("(?!)")
    both = [alert("GpuXid", Hostname="gpu1"), alert("GpuXid", Hostname="gpu2")]
    rulebook.post(payload(*both))
    rulebook.says("gpu1 is to be drained for GpuXid; then 1 of at most 1 are drained.")
    rulebook.says("gpu2 is left alone: 1 of at most 1 hosts are drained already: gpu1.")
    rulebook.settled()
    drained = stands(fleet, "gpu1")
    assert drained[0] == "DrainAndSuspend alert: GpuXid" and drained[1].startswith("(?!)")
    assert stands(fleet, "gpu2")[0] == "Running"

    rulebook.post(payload(alert("GpuXid", "resolved", Hostname="gpu1")))
    rulebook.says("gpu1 was drained for GpuXid, which is resolved: it is verified and brought back.")
    rulebook.settled()
    assert stands(fleet, "gpu1") == before
    assert "TASK [Look at the host's GPUs] ************************************************* ok: [gpu1]" in " ".join(rulebook.log.split())


def test_no_secret_is_in_the_log(fleet: Site, rulebook: Rulebook) -> None:
    administrator = urllib.parse.urlsplit(fleet.variables("gpu1")["sandbox_amqp_administrator_url"]).password
    for secret in (TOKEN, fleet.secret("gpu1"), str(administrator)):
        assert secret not in rulebook.log
