"""status.yml on a converged fleet with real work: who is busy, who does not listen, and which queue holds a poisoned message."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from site_runs import Site

pytestmark = pytest.mark.sandbox

KUBECTL = "/snap/bin/microk8s kubectl -n studioml"
DEPLOYMENT = "deployment/studioml-go-runner-deployment"
WORK, POISON = "rmq_look_work", "rmq_look_poison"
STATUS = "playbooks/status.yml"
SECONDS = 420


@pytest.fixture(scope="module")
def fleet(site: Site) -> t.Iterator[Site]:
    """Both runners have work; that of gpu2 stands in for a version that reads no map."""
    assert site.play().status == 0
    for _experiment in range(3):  # a runner takes the next one 15 s after the last, whoever comes first
        site.sandbox("publish", "--queue", WORK, "--seconds", "600")
    site.sandbox("publish", "--queue", POISON, "--poison")
    # a runner looks for new queues at its start
    site.on("gpu1", f"{KUBECTL} delete pod -l app=studioml-go-runner --wait=true")
    site.on("gpu2", f"{KUBECTL} set env {DEPLOYMENT} STAND_IN_ERA=none")
    assert site.play("-e", "fleet_state=DrainAndSuspend", playbook="playbooks/state.yml").status == 0
    yield site
    for queue in (WORK, POISON):
        site.on("hub", f"rabbitmqctl -q delete_queue {queue}", check=False)
    site.on("gpu2", f"{KUBECTL} set env {DEPLOYMENT} STAND_IN_ERA-")
    for host in ("gpu1", "gpu2"):
        site.on(host, f"{KUBECTL} delete pod -l app=studioml-go-runner --wait=true")
    assert site.play("-e", "fleet_state=Running", playbook="playbooks/state.yml").status == 0


class Looked(t.NamedTuple):
    output: str
    report: dict[str, t.Any]
    page: str

    def row(self, host: str) -> dict[str, t.Any]:
        return next(row for row in self.report["rows"] if row["host"] == host)

    def runner(self, host: str) -> dict[str, t.Any]:
        return next(one for one in self.report["hosts"] if one["host"] == host)["runners"][0]


def look(site: Site) -> Looked:
    run = site.play("-e", f"fleet_page={site.folder / 'page.html'}", playbook=STATUS)
    assert run.status == 0, run.output
    report = json.loads((site.folder / "report.json").read_text(encoding="utf-8"))
    return Looked(run.output, report, (site.folder / "page.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def looked(fleet: Site) -> Looked:
    """The fleet once everything has shown itself: a runner that logs, but no state, is known after a good minute."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = look(fleet)
        poisoned = [queue["name"] for queue in found.runner("gpu1")["queues"] if queue["poisoned"]]
        row, counted = found.row("gpu1"), found.runner("gpu1")["unacknowledged"]  # which come from different places, each with a delay of its own
        at_work = (row["verdict"], row["effective"]) == ("busy", "DrainAndSuspend") and counted
        if at_work and found.row("gpu2")["verdict"] == "not_listening" and POISON in poisoned:
            return found
        assert time.monotonic() < deadline, (found.report["rows"], found.runner("gpu1")["queues"])
        time.sleep(5)


def test_a_runner_at_work_is_busy_with_its_experiment(looked: Looked) -> None:
    row, runner = looked.row("gpu1"), looked.runner("gpu1")
    assert (row["asked"], row["effective"], row["verdict"], row["pods"], row["gpus"]) == ("DrainAndSuspend", "DrainAndSuspend", "busy", "1/1", "2/2")
    assert runner["running"] == len(runner["experiments"]) >= 1 and {one["queue"] for one in runner["experiments"]} == {WORK}
    assert runner["unacknowledged"] >= 1 and runner["listens_reason"] == "Its log names the state that it follows."


def test_a_runner_that_does_not_listen_is_called_so_with_the_reason(looked: Looked) -> None:
    row, runner = looked.row("gpu2"), looked.runner("gpu2")
    assert (row["verdict"], row["effective"], runner["listens"]) == ("not_listening", "", False)
    assert "logs what it does, and has named no state since its start" in runner["listens_reason"]
    assert "enforce: broker or enforce: scale drains it all the same" in runner["listens_advice"]


def test_a_poisoned_message_is_told_from_work(looked: Looked) -> None:
    queues = {queue["name"]: queue for queue in looked.runner("gpu1")["queues"]}
    assert queues[POISON]["poisoned"] and not queues[WORK]["poisoned"]


def test_the_table_and_the_page(looked: Looked) -> None:
    for words in ("HOST", "VERDICT", "busy", "not_listening", "gpu2: "):
        assert words in looked.output
    assert "Simulated GPUs." in looked.page and "4 of 4" in looked.page


def test_versions_and_images(looked: Looked) -> None:
    (host,) = [one for one in looked.report["hosts"] if one["host"] == "gpu1"]
    assert host["version"].startswith("v1.") and host["nodes"][0]["kubelet"] == host["version"]
    assert "@sha256:" in host["runners"][0]["pods"][0]["image_id"]


def test_no_secret_in_anything(fleet: Site, looked: Looked) -> None:
    for host in ("gpu1", "gpu2"):
        for text in (looked.output, json.dumps(looked.report), looked.page):
            assert fleet.secret(host) not in text
