"""The stand-in runner at a real RabbitMQ and a real API server does what the real studio-go-runner 0.14 was seen doing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from stand_in_broker import VirtualHost, wait_for
from stand_in_cluster import NAMESPACE, Cluster
from stand_in_process import Runner

pytestmark = pytest.mark.sandbox
Run = Callable[..., Runner]
GLOBAL, NODE, QUEUE = "studioml-go-runner", "studioml-go-runner-gpu1", "rmq_gpu1_demo"
LATE = 12  # seconds; less than what lies between a message and the first watch


def test_fixed_times_and_work_before_the_first_watch(run: Run, cluster: Cluster, vhost: VirtualHost) -> None:
    """At full speed: a restarted runner takes a message although its map asks for a drain."""
    cluster.state(GLOBAL, "DrainAndSuspend")
    (key,) = vhost.send(QUEUE, seconds=16)
    runner = run(cluster, scale=1)
    runner.says("k8s state is DrainAndSuspend")
    seen = {text: runner.moments(text)[0] for text in ("queue runner processing", "added queue", f"experiment_id: {key}", "k8s watcher starting")}
    assert in_time(list(seen.values()), [1, 2, 16, 30]), seen
    assert list(seen.values()) == sorted(seen.values()), "work comes before the first watch"
    assert in_time([runner.moments("k8s state is DrainAndSuspend")[0]], [seen["k8s watcher starting"]])
    assert "This is the stand-in runner of studioml.fleet's sandbox" in runner.lines[0][1]
    (done,) = runner.says("experiment completed")
    assert in_time([done], [seen[f"experiment_id: {key}"] + 16])
    began = time.monotonic()
    runner.send(signal.SIGINT)
    assert runner.wait() == 0
    assert in_time([time.monotonic() - began], [1.5])


def in_time(moments: list[float], expected: list[float]) -> bool:
    """Nothing is early; how late it may be is the machine's affair. The exact times are tested in Go, with a clock of their own."""
    return all(wanted - 1 <= moment <= wanted + LATE for moment, wanted in zip(moments, expected, strict=True))


def test_one_watch_request(run: Run, cluster: Cluster) -> None:
    before = len(cluster.requests())
    runner = run(cluster)
    runner.says("k8s watcher starting in namespace runners")
    cluster.state(GLOBAL, "Running")
    runner.takes("Running")
    (request,) = cluster.requests()[before:]
    assert (request["verb"], request["requestURI"]) == ("watch", f"/api/v1/namespaces/{NAMESPACE}/configmaps?watch=true")
    assert request["userAgent"] == "Go-http-client/2.0"


def test_last_event_of_either_map_wins(run: Run, cluster: Cluster) -> None:
    before = len(cluster.requests())
    runner = run(cluster)
    cluster.watched(before)
    cluster.state(GLOBAL, "Running")
    cluster.state(NODE, "DrainAndSuspend")
    cluster.state(GLOBAL, "Unknown")
    cluster.state(GLOBAL, "Running")
    runner.takes("Running", "DrainAndSuspend", "Unknown", "Running")
    cluster.write(GLOBAL, {"note": "an event with an equal state is dropped"})
    cluster.state("somebody-else", "DrainAndTerminate")
    cluster.write(NODE, {"note": "any change of the other map is an event"})
    runner.takes("Running", "DrainAndSuspend", "Unknown", "Running", "DrainAndSuspend")


def test_deleted_map_applies_its_state_once_more(run: Run, cluster: Cluster) -> None:
    cluster.state(NODE, "DrainAndSuspend")
    runner = run(cluster)
    runner.takes("DrainAndSuspend")
    cluster.state(GLOBAL, "Running")
    cluster.delete(NODE)
    runner.takes("DrainAndSuspend", "Running", "DrainAndSuspend")


def test_wrong_words(run: Run, cluster: Cluster) -> None:
    runner = run(cluster)
    runner.says("k8s watcher starting")
    cluster.state(GLOBAL, "Running")
    runner.takes("Running")
    cluster.state(GLOBAL, "")
    cluster.state(GLOBAL, None)
    cluster.state(GLOBAL, "running")
    runner.says("running does not belong to K8sState values")
    runner.takes("Running", "Unknown")


def test_replay_when_the_watch_ends_and_crash_without_api(run: Run, make_cluster: Callable[..., Cluster]) -> None:
    """A node map that sorts before the global one loses at the next watch; without an API the runners crash."""
    cluster = make_cluster(watch_seconds=12)  # what is written below is to come within the first watch
    flips, holds = run(cluster, HOSTNAME="gpu1"), run(cluster, HOSTNAME=NODE)
    cluster.watched(watches=2)
    cluster.state(GLOBAL, "Running")
    cluster.state("gpu1", "DrainAndSuspend")
    cluster.state(NODE, "DrainAndSuspend")
    for runner in (flips, holds):
        runner.says("k8s watch ended")
    wait_for("the replays", lambda: len(flips.states()) >= 3 and len(holds.states()) >= 4)
    assert flips.states()[:3] == ["Running", "DrainAndSuspend", "Running"]
    assert holds.states()[:4] == ["Running", "DrainAndSuspend", "Running", "DrainAndSuspend"]
    cluster.stop()
    for runner in (flips, holds):
        assert runner.wait() == 2
        assert "the watch could not be opened again" in runner.output


def test_first_watch_that_fails_only_warns(run: Run, cluster: Cluster, vhost: VirtualHost) -> None:
    vhost.send(QUEUE, seconds=0.1)
    runner = run(cluster, K8S_NAMESPACE="default")
    runner.says("k8s monitoring offline", times=2)
    assert 'cannot watch resource "configmaps"' in runner.output
    runner.says("experiment completed")


def test_metrics_of_an_experiment(run: Run, vhost: VirtualHost) -> None:
    (key,) = vhost.send(QUEUE, seconds=30, project="demo")  # longer than the broker's statistics lag
    runner = run(scale=1)  # with time between its first look at the queues and its first experiment
    wait_for("metrics", lambda: "runner_queue_checked" in runner.metrics())
    assert not [name for name in runner.metrics() if name.startswith("runner_project")]
    wait_for("the gauge", runner.busy)
    ((labels, value),) = runner.metrics()["runner_project_running"]
    broker = vhost.url.split("@")[1]
    assert value == 1
    assert set(labels) == {"host", "queue_type", "queue_name", "project", "experiment"}
    assert (labels["queue_type"], labels["project"], labels["experiment"]) == ("rmq", "demo", key)
    assert labels["queue_name"] == f"amqp://{broker}{vhost.name}?{QUEUE}"
    ((checked, _count),) = runner.metrics()["runner_queue_checked"]
    assert (checked["queue_type"], checked["queue_name"]) == ("rabbitMQ", f"amqp://{broker}")
    vhost.expect(QUEUE, ready=0, unacknowledged=1)
    runner.says("experiment completed")
    vhost.expect(QUEUE, ready=0, unacknowledged=0)
    assert runner.metrics()["runner_project_running"] == [(labels, 0)]
    assert runner.metrics()["runner_project_completed"] == [(labels, 1)]


def test_adopted_broker_gives_work_whatever_the_state(run: Run, cluster: Cluster, vhost: VirtualHost) -> None:
    cluster.state(GLOBAL, "Running")
    vhost.send(QUEUE, seconds=0.1)
    runner = run(cluster)
    runner.says("experiment completed")
    for number, state in enumerate(("DrainAndSuspend", "DrainAndTerminate"), 2):
        cluster.state(GLOBAL, state)
        runner.says(f"k8s state is {state}")
        vhost.send(QUEUE, seconds=0.1)
        runner.says("experiment completed", times=number)
    assert runner.process.poll() is None
    ((labels, _count),) = wait_for("what was ignored", lambda: runner.metrics().get("runner_queue_ignored"))
    assert labels["queue_name"] == "*"


def test_drain_keeps_off_a_broker_that_is_not_adopted(run: Run, cluster: Cluster, vhost: VirtualHost) -> None:
    cluster.state(GLOBAL, "DrainAndSuspend")
    runner = run(cluster, STAND_IN_FIRST_WATCH=0)
    runner.takes("DrainAndSuspend")
    vhost.send(QUEUE, seconds=0.1)
    wait_for("ignored twice", lambda: sum(value for _labels, value in runner.metrics().get("runner_queue_ignored", [])) >= 2)
    assert not runner.moments("queue runner processing")
    cluster.state(GLOBAL, "Running")
    runner.says("experiment completed")


def test_read_permission_is_the_true_drain(run: Run, vhost: VirtualHost) -> None:
    vhost.send(QUEUE, seconds=3)
    runner = run()
    runner.says("experiment started")
    vhost.allow_read(False)
    runner.says("experiment completed")
    vhost.expect(QUEUE, ready=0, unacknowledged=0)
    vhost.send(QUEUE, seconds=0.1)
    runner.says("ACCESS_REFUSED", times=2)
    vhost.expect(QUEUE, ready=1, unacknowledged=0)
    vhost.allow_read(True)
    runner.says("experiment completed", times=2)


def test_sigterm_is_lost_and_sigkill_drops_the_work_back(run: Run, vhost: VirtualHost) -> None:
    vhost.send(QUEUE, seconds=600)
    runner = run()
    runner.says("experiment started")
    runner.send(signal.SIGTERM)
    vhost.expect(QUEUE, ready=0, unacknowledged=1)
    assert runner.process.poll() is None
    runner.send(signal.SIGKILL)
    assert runner.wait() == -signal.SIGKILL
    vhost.expect(QUEUE, ready=1, unacknowledged=0)


def test_sigterm_by_switch_returns_the_message(run: Run, vhost: VirtualHost) -> None:
    vhost.send(QUEUE, seconds=600)
    runner = run(STAND_IN_SIGTERM="exit")
    runner.says("experiment started")
    runner.send(signal.SIGTERM)
    assert runner.wait() == 0
    assert runner.moments("CTRL-C Seen")
    vhost.expect(QUEUE, ready=1, unacknowledged=0)


@pytest.mark.parametrize("poison", [True, False])
def test_poison_and_failed_messages_come_back_for_ever(run: Run, vhost: VirtualHost, poison: bool) -> None:
    if poison:
        vhost.administrator.declare(QUEUE)
        vhost.administrator.publish(QUEUE, "no JSON")
    else:
        vhost.send(QUEUE, seconds=0, fail=True)
    runner = run()
    runner.says("backing off, retry experiment", times=3)
    vhost.expect(QUEUE, ready=1, unacknowledged=0)
    assert ("runner_project_completed" in runner.metrics()) is not poison
