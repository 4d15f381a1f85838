"""Drain, resume and maintain on runners that really work on a queue. The tests of this file build on each other, in their order."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import time
import typing as t

import pytest
from site_runs import CLONE, Run, Site

pytestmark = pytest.mark.sandbox

KUBECTL = "/snap/bin/microk8s kubectl -n studioml"
DEPLOYMENT = "deployment/studioml-go-runner-deployment"
QUEUE = "rmq_drain_test"
DRAIN, RESUME, MAINTAIN = "playbooks/drain.yml", "playbooks/resume.yml", "playbooks/maintain.yml"
RUNNERS = ("gpu1", "gpu2")
# the stand-in's own switch is no variable of a runner
UNCHECKED = {"runner_env_unchecked": ["STAND_IN_*"]}


@pytest.fixture(scope="module")
def fleet(site: Site) -> t.Iterator[Site]:
    """A fleet in which gpu2 is kept off the queues, so that what is published is gpu1's."""
    run = site.play("-l", "hub,gpu1,gpu2")
    assert run.status == 0, run.output
    publish(site, 1)
    assert site.play("-l", "gpu1,gpu2", playbook=RESUME).status == 0
    assert site.play("-l", "gpu2", playbook=DRAIN).status == 0
    # a runner looks for new queues at its start, and then every five minutes
    site.on("gpu1", f"{KUBECTL} delete pod -l app=studioml-go-runner --wait=true")
    until(site, lambda found: found == (0, 0))
    yield site
    assert site.play(playbook=RESUME).status == 0  # while there is a queue: a runner without any never asks for work, and that is waited for
    site.on("hub", f"rabbitmqctl -q delete_queue {QUEUE}", check=False)


def publish(site: Site, seconds: float) -> None:
    site.sandbox("publish", "--queue", QUEUE, "--seconds", str(seconds))


def messages(site: Site) -> tuple[int, int]:
    """Ready and unacknowledged messages of the queue, from RabbitMQ itself and not from its statistics."""
    listed = site.on("hub", "rabbitmqctl -q --formatter json list_queues name messages_ready messages_unacknowledged")
    found = next((queue for queue in json.loads(listed) if queue["name"] == QUEUE), {"messages_ready": 0, "messages_unacknowledged": 0})
    return found["messages_ready"], found["messages_unacknowledged"]


def until(site: Site, wanted: t.Callable[[tuple[int, int]], bool], seconds: float = 300) -> tuple[int, int]:
    deadline = time.monotonic() + seconds
    while not wanted(found := messages(site)):
        assert time.monotonic() < deadline, f"ready and unacknowledged are {found}"
        time.sleep(0.5)
    return found


def read_permission(site: Site, host: str) -> str:
    listed = json.loads(site.on("hub", "rabbitmqctl -q --formatter json list_permissions"))
    return str(next(entry["read"] for entry in listed if entry["user"] == f"runner-{host}"))


def kept_off(site: Site, host: str, process: subprocess.Popen[str], seconds: float = 180) -> None:
    """Until the drain that this process runs has taken the runner's permission to read."""
    deadline = time.monotonic() + seconds
    while not read_permission(site, host).startswith("(?!)"):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"{host} is not kept off"


def replicas(site: Site, host: str) -> str:
    return site.on(host, f"{KUBECTL} get {DEPLOYMENT} -o jsonpath='{{.spec.replicas}}'")


def annotations(site: Site, host: str, thing: str) -> str:
    return site.on(host, f"{KUBECTL} get {thing} -o jsonpath='{{.metadata.annotations}}'")


def told(run: Run, host: str) -> list[str]:
    """The verdicts that a run named for a host while it waited, in order, each once; an API server that takes its time is none."""
    words = [word for word in re.findall(rf"^{host}: (\w+):", run.output, re.M) if word != "unreachable"]
    return [word for index, word in enumerate(words) if index == 0 or word != words[index - 1]]


def test_a_drain_waits_for_the_experiment_and_new_work_stays_in_the_queue(fleet: Site) -> None:
    publish(fleet, 60)  # long enough for a playbook that takes its time to begin
    until(fleet, lambda found: found == (0, 1))
    process = start(fleet, DRAIN, "-l", "gpu1")
    kept_off(fleet, "gpu1", process)
    publish(fleet, 2)
    output, _errors = process.communicate(timeout=600)
    assert process.returncode == 0, output
    run = Run(0, 0, output, {}, [])
    assert told(run, "gpu1") == ["busy", "quiet"], output
    assert re.search(r"gpu1: busy: 1 experiment \(stand-in-\w+\); \d+ min", output), "what, and how long is left"
    deadline = time.monotonic() + 60
    while (log := fleet.on("gpu1", f"{KUBECTL} logs {DEPLOYMENT} --tail=-1")).count("experiment started") != log.count("experiment completed"):
        assert time.monotonic() < deadline, f"it was not ended, it came to its end: {log}"  # a line comes through containerd's hands
        time.sleep(1)
    assert messages(fleet) == (1, 0), "what was published meanwhile waits"
    assert read_permission(fleet, "gpu1").startswith("(?!)")


def test_a_pod_that_is_replaced_while_drained_takes_nothing(fleet: Site) -> None:
    fleet.on("gpu1", f"{KUBECTL} delete pod -l app=studioml-go-runner --wait=true")
    fleet.on("gpu1", f"{KUBECTL} rollout status {DEPLOYMENT} --timeout=280s")
    time.sleep(25)  # a runner takes its first message 16 s after its start, before it has read its state
    assert messages(fleet) == (1, 0)


def test_a_second_drain_changes_nothing(fleet: Site) -> None:
    run = fleet.play("-l", "gpu1", playbook=DRAIN)
    assert run.status == 0 and run.changed == {"gpu1": 0}, run.output


def test_check_mode_of_a_resume_says_what_it_would_undo(fleet: Site) -> None:
    run = fleet.play("-l", "gpu1", "--check", "--diff", playbook=RESUME)
    assert run.status == 0 and run.changed == {"gpu1": 1}, run.output
    assert "broker runner-gpu1@/" in run.output and "STATE: Running" in run.output
    assert read_permission(fleet, "gpu1").startswith("(?!)")


def test_a_resume_brings_it_back_and_the_message_is_worked_on(fleet: Site) -> None:
    run = fleet.play("-l", "gpu1", playbook=RESUME)
    assert run.status == 0, run.output
    assert "running: It runs" in run.output
    assert read_permission(fleet, "gpu1") == ".*", "exactly what it was"
    assert read_permission(fleet, "gpu2").startswith("(?!)"), "another host's drain is not touched"
    assert "fleet.studioml.ai" not in annotations(fleet, "gpu1", DEPLOYMENT) + annotations(fleet, "gpu1", "configmap/studioml-go-runner")
    until(fleet, lambda found: found == (0, 0))


def test_ad_hoc_in_check_mode_and_for_real(fleet: Site) -> None:
    for options, state in ((["--check", "--diff"], "Running"), ([], "DrainAndSuspend")):
        said = ad_hoc(fleet, "gpu1", "studioml.fleet.runner_state", "state=DrainAndSuspend", *options)
        assert "gpu1 | CHANGED" in said, said
        assert fleet.on("gpu1", f"{KUBECTL} get configmap studioml-go-runner -o jsonpath='{{.data.STATE}}'") == state
    assert "STATE: Running" in ad_hoc(fleet, "gpu1", "studioml.fleet.runner_state", "state=Running", "--check", "--diff")
    assert "gpu1 | CHANGED" in ad_hoc(fleet, "gpu1", "studioml.fleet.runner_state", "state=Running")


@pytest.fixture(scope="module")
def deaf(fleet: Site) -> t.Iterator[Site]:
    """The runner of gpu1 is one that reads no map."""
    run = fleet.play("-l", "gpu1", "--tags", "runner", host_vars={"gpu1": {"runner_env": {**env(fleet), "STAND_IN_ERA": "none"}, **UNCHECKED}})
    assert run.status == 0, run.output
    yield fleet
    run = fleet.play("-l", "gpu1", "--tags", "runner")
    assert run.status == 0, run.output


def env(site: Site) -> dict[str, str]:
    found: dict[str, str] = json.loads(site.on("gpu1", f"{KUBECTL} get configmap studioml-env -o jsonpath='{{.data}}'"))
    return found


def test_a_runner_that_does_not_listen_is_called_so(deaf: Site) -> None:
    time.sleep(72)  # 30 s to the first watch, and 40 s more: until then its silence says nothing
    run = deaf.play("-l", "gpu1", "-e", "fleet_enforce=none", playbook=DRAIN)
    assert run.status == 2, run.output
    words = " ".join(run.output.split())
    assert "not_listening: " in words and "will go on taking work from the queues it has" in words, run.output
    assert "has named no state since its start" in words, run.output


def test_scale_drains_it_all_the_same(deaf: Site) -> None:
    run = deaf.play("-l", "gpu1", "-e", "fleet_enforce=scale", playbook=DRAIN)
    assert run.status == 0, run.output
    assert replicas(deaf, "gpu1") == "0"
    again = deaf.play("-l", "gpu1", "-e", "fleet_enforce=scale", playbook=DRAIN)
    assert again.status == 0 and again.changed == {"gpu1": 0}, again.output


def test_a_deployment_that_is_drained_stays_so_when_site_yml_runs(deaf: Site) -> None:
    run = deaf.play("-l", "gpu1", "--tags", "runner", host_vars={"gpu1": {"runner_env": {**env(deaf), "STAND_IN_ERA": "none"}, **UNCHECKED}})
    assert run.status == 0 and run.changed["gpu1"] == 0, run.output
    assert "is drained and stays scaled to 0" in " ".join(run.output.split())
    assert replicas(deaf, "gpu1") == "0"


def test_a_resume_brings_the_replicas_back(deaf: Site) -> None:
    run = deaf.play("-l", "gpu1", playbook=RESUME)
    assert run.status == 0, run.output
    assert replicas(deaf, "gpu1") == "1" and read_permission(deaf, "gpu1") == ".*"


def test_force_is_loud(fleet: Site) -> None:
    publish(fleet, 120)
    until(fleet, lambda found: found == (0, 1))
    run = fleet.play("-l", "gpu1", "-e", "fleet_enforce=evict fleet_force_after=3", playbook=DRAIN)
    assert run.status == 0, run.output
    words = " ".join(run.output.split())
    assert re.search(r"FORCED after 3 s: the runner was ended while it was busy with 1 (experiment|unacknowledged message)", words), run.output
    assert replicas(fleet, "gpu1") == "0"
    assert fleet.on("gpu1", f"{KUBECTL} get node gpu1 -o jsonpath='{{.spec.unschedulable}}'") == "true"
    until(fleet, lambda found: found == (1, 0))


def test_only_our_own_cordon_is_undone(fleet: Site) -> None:
    run = fleet.play("-l", "gpu1", playbook=RESUME)
    assert run.status == 0, run.output
    assert fleet.on("gpu1", f"{KUBECTL} get node gpu1 -o jsonpath='{{.spec.unschedulable}}'") == ""
    fleet.on("gpu1", f"{KUBECTL} cordon gpu1")
    for playbook in (DRAIN, RESUME):
        assert fleet.play("-l", "gpu1", "-e", "fleet_enforce=cordon fleet_wait_timeout=90 fleet_force_after=1", playbook=playbook).status in (0, 2)
    assert fleet.on("gpu1", f"{KUBECTL} get node gpu1 -o jsonpath='{{.spec.unschedulable}}'") == "true", "somebody else's cordon stays"
    fleet.on("gpu1", f"{KUBECTL} uncordon gpu1")
    fleet.on("hub", f"rabbitmqctl -q purge_queue {QUEUE}")
    assert fleet.play("-l", "gpu1", playbook=RESUME).status == 0


def test_a_controller_that_is_killed_leaves_nothing_that_a_resume_does_not_undo(fleet: Site) -> None:
    publish(fleet, 60)
    until(fleet, lambda found: found == (0, 1))
    process = start(fleet, DRAIN, "-l", "gpu1", "-e", "fleet_enforce=scale")
    kept_off(fleet, "gpu1", process)
    subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
    process.kill()
    process.communicate()
    run = fleet.play("-l", "gpu1", playbook=RESUME)
    assert run.status == 0, run.output
    assert (read_permission(fleet, "gpu1"), replicas(fleet, "gpu1")) == (".*", "1")
    until(fleet, lambda found: found == (0, 0))


def test_maintenance_stops_at_the_first_bad_batch_and_goes_on_from_there(fleet: Site, tmp_path: pathlib.Path) -> None:
    fleet.sandbox("up", "--hosts", "gpu3")
    try:
        assert fleet.play("-l", "hub,gpu3").status == 0
        assert fleet.play("-l", "gpu2", playbook=RESUME).status == 0
        work = tmp_path / "work.yml"
        fleet.on("gpu2", "touch /root/broken")
        work.write_text("- name: The work\n  ansible.builtin.command: test ! -e /root/broken\n  changed_when: true\n", encoding="utf-8")
        run = fleet.play("-e", f"fleet_maintenance={work}", playbook=MAINTAIN)
        words = " ".join(run.output.split())
        assert run.status == 2, run.output
        assert 'gpu2 failed in "The work" and is left as it is, not resumed' in words
        assert "with -l gpu2,gpu3" in words and "Not touched yet: gpu3." in words
        assert [read_permission(fleet, host).startswith("(?!)") for host in ("gpu1", "gpu2", "gpu3")] == [False, True, False]
        assert "gpu3" not in run.changed
        fleet.on("gpu2", "rm /root/broken")
        again = fleet.play("-e", f"fleet_maintenance={work}", "-l", "gpu2,gpu3", playbook=MAINTAIN)
        assert again.status == 0, again.output
        assert [read_permission(fleet, host) for host in ("gpu1", "gpu2", "gpu3")] == [".*"] * 3
    finally:
        fleet.sandbox("down", "--hosts", "gpu3")


def test_no_secret_is_in_any_output(fleet: Site) -> None:
    run = fleet.play("-vvvv", playbook=DRAIN)
    assert run.status == 0, run.output
    administrator = fleet.variables("gpu1")["sandbox_amqp_administrator_url"].split(":")[2].split("@")[0]
    for secret in (administrator, *(fleet.secret(host) for host in RUNNERS)):
        assert secret and secret not in run.output
    assert "PRIVATE KEY" not in run.output and "client-key-data" not in run.output


def start(site: Site, playbook: str, *options: str) -> subprocess.Popen[str]:
    """A run of a playbook that goes on while the test does something else; in a session of its own."""
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    words = [program, "-i", str(CLONE / "inventory/sandbox"), CLONE / playbook, *options]
    streams: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(words, env=site.environment, cwd=CLONE, text=True, start_new_session=True, **streams)


def ad_hoc(site: Site, hosts: str, module: str, arguments: str, *options: str) -> str:
    program = pathlib.Path(sys.executable).with_name("ansible")
    words = [program, "-i", str(CLONE / "inventory/sandbox"), hosts, "-m", module, "-a", arguments, *options]
    done = subprocess.run(words, env=site.environment, cwd=CLONE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
