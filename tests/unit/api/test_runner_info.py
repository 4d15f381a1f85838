# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""runner_info to its depth on a real API server: verdict, experiments, GPUs, restarts; a kubelet and a pod's port of the test answer through it."""

from __future__ import annotations

import pathlib
import time
import typing as t

import hands
import pytest
from beats import Result, call
from certificates import Authority
from control_plane import ControlPlane
from faults import FaultServer, answer
from metrics_server import MetricsServer

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_info, runner_state

pytestmark = pytest.mark.apiserver
DEPLOYMENT = "studioml-go-runner-deployment"
RUNNING = 'runner_project_running{project="demo",experiment="exp-1",queue_name="amqp://hub:5672/%2f?rmq_demo"} 1\nrunner_project_completed{project="demo"} 12\n'
IDLE = 'runner_project_running{project="demo",experiment="exp-1"} 0\n'


class Stage:
    """A runner whose pod has a kubelet for its log and a port for its metrics."""

    def __init__(self, admin: Api, kubeconfig: pathlib.Path, namespace: str, kubelet: FaultServer, metrics: MetricsServer) -> None:
        self.admin, self.namespace, self.kubelet, self.metrics = admin, namespace, kubelet, metrics
        self.given: dict[str, t.Any] = {"kubeconfig": str(kubeconfig), "namespace": namespace, "request_timeout": 60}
        self.says("ERR runner nothing")

    def deploy(self, **more: t.Any) -> None:
        env = {"PROM_ADDRESS": f":{self.metrics.port}"}
        call(runner_deploy, **self.given, **{"image": "hub:5000/runner:0.14.2", "wait": False, "env": env, "gpus": 1, **more})

    def ask(self, state: str, **more: t.Any) -> None:
        call(runner_state, **self.given, state=state, **more)

    def pod(self, name: str = "pod-1", node: str = "look-node", ready: bool = True, **more: t.Any) -> None:
        """A pod that the kubelet reports as running since now."""
        template = hands.read(self.admin, self.namespace, "deployments", DEPLOYMENT, "/apis/apps/v1")["spec"]["template"]
        spec = {**template["spec"], "nodeName": node, **more}
        body = {"metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": spec}
        self.admin.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", body=body)
        status = {**hands.running(), "podIP": self.metrics.address, "podIPs": [{"ip": self.metrics.address}]}
        status["containerStatuses"][0]["imageID"] = "hub:5000/runner@sha256:6b1f"
        if not ready:
            status["conditions"] = [{"type": "Ready", "status": "False"}]
        hands.report(self.admin, self.namespace, name, status)

    def says(self, words: str) -> None:
        """What the runner's log says now."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        self.kubelet.behaviours = [answer(f"{now}.000000001Z {words}\n".encode())]

    def look(self, **more: t.Any) -> Result:
        return call(runner_info, **self.given, **more)

    def runner(self, **more: t.Any) -> Result:
        (runner,) = self.look(**more)["runners"]
        return t.cast("Result", runner)


@pytest.fixture(scope="module")
def kubelet(admin: Api, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[FaultServer]:
    server = FaultServer(tmp_path_factory.mktemp("kubelet"), Authority("kubelet").server(["127.0.0.1"]))
    for name in ("look-node", "look-other"):
        hands.node(admin, name, server, gpus=4)
    yield server
    for name in ("look-node", "look-other"):
        admin.request("DELETE", f"/api/v1/nodes/{name}")
    server.stop()


@pytest.fixture
def stage(admin: Api, kubeconfig: pathlib.Path, namespace: str, kubelet: FaultServer) -> t.Iterator[Stage]:
    with MetricsServer(IDLE) as metrics:
        stage = Stage(admin, kubeconfig, namespace, kubelet, metrics)
        yield stage
        for pod in hands.pods(admin, namespace):
            admin.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}", body={"gracePeriodSeconds": 0})


def node_of(result: Result, name: str) -> Result:
    return next(node for node in result["nodes"] if node["name"] == name)


def test_a_runner_that_works(stage: Stage) -> None:
    stage.deploy()
    stage.pod()
    stage.metrics.text = RUNNING
    stage.says("INF runner k8s state is Runningstack[cluster.go:93]")
    result = stage.look()
    (runner,) = result["runners"]
    assert (runner["verdict"], runner["verdict_reason"]) == ("running", "It runs, with 1 experiment.")
    assert (runner["running"], runner["experiments"]) == (1, [{"project": "demo", "experiment": "exp-1", "queue": "rmq_demo"}])
    assert (runner["era"], runner["listens"], runner["listens_reason"]) == ("state", True, "Its log names the state that it follows.")
    assert (runner["effective_state"], runner["unacknowledged"], runner["restarted_since_asked"]) == ("Running", None, 0)
    (pod,) = runner["pods"]
    assert (pod["running"], pod["completed"], pod["effective_state"], pod["image_id"]) == (1, 12, "Running", "hub:5000/runner@sha256:6b1f")
    assert (pod["asked_by"], pod["holds"], pod["node_map"]) == ("studioml-go-runner", True, "studioml-go-runner-look-node")
    assert result["warnings"] == []


@pytest.mark.parametrize(
    ("metrics", "verdict", "reason"),
    [(RUNNING, "busy", "It is to drain, with 1 experiment."), (IDLE, "quiet", "No experiment runs, by its metrics; the broker was not asked.")],
)
def test_a_drain_that_is_busy_and_one_that_is_quiet(stage: Stage, metrics: str, verdict: str, reason: str) -> None:
    stage.deploy(replicas=1)
    stage.pod()
    stage.ask("DrainAndSuspend")
    stage.metrics.text = metrics
    runner = stage.runner()
    assert (runner["verdict"], runner["verdict_reason"]) == (verdict, reason)
    assert runner["asked_state"] == "DrainAndSuspend" and runner["asked_since"]


def test_a_drain_that_nobody_can_vouch_for(stage: Stage) -> None:
    stage.deploy()
    stage.pod()
    stage.ask("DrainAndSuspend")
    stage.metrics.text = "<html>\n"
    result = stage.look()
    (runner,) = result["runners"]
    assert (runner["verdict"], runner["running"]) == ("asked", None)
    assert runner["verdict_reason"] == "Its metrics cannot be read, so nobody knows whether an experiment runs."
    assert len(result["warnings"]) == 1 and "The metrics of pod pod-1 could not be read" in result["warnings"][0]


def test_metrics_that_nobody_serves(stage: Stage) -> None:
    stage.deploy(env={"PROM_ADDRESS": ":9"})
    stage.pod()
    runner = stage.runner()
    assert (runner["running"], runner["listens"]) == (None, True), "it has just started"
    stage.says("ERR runner nothing")
    hands.report(stage.admin, stage.namespace, "pod-1", started_long_ago())
    runner = stage.runner()
    assert (runner["listens"], runner["verdict"]) == (None, "running") and "nobody serves them" in runner["listens_reason"]


def started_long_ago() -> Result:
    container = {**hands.running()["containerStatuses"][0], "state": {"running": {"startedAt": "2026-01-20T10:00:00Z"}}}
    return {"containerStatuses": [container]}


def test_a_log_that_cannot_be_had_is_a_warning(stage: Stage) -> None:
    stage.deploy()
    stage.pod()
    stage.kubelet.behaviours = [answer(b"no", 404)]
    result = stage.look()
    assert result["runners"][0]["verdict"] == "running"
    assert len(result["warnings"]) == 1 and "The logs of pod pod-1 could not be read" in result["warnings"][0]


def test_a_broker_that_does_not_tell(stage: Stage) -> None:
    stage.deploy()
    stage.pod()
    stage.ask("DrainAndSuspend")
    broker = {"url": "http://127.0.0.1:1", "username": "runner", "password": "geheim-0815", "vhost": "/", "runner_username": "runner", "via": "direct"}
    result = stage.look(broker=broker)
    (runner,) = result["runners"]
    assert (runner["verdict"], runner["unacknowledged"], runner["queues"]) == ("asked", None, [])
    assert runner["verdict_reason"] == "No experiment runs; whether the broker waits for a message is not known."
    (warning,) = result["warnings"]
    assert warning.startswith("The broker of studioml-go-runner-deployment does not tell: ") and "geheim-0815" not in str(result)
    assert stage.runner(broker=broker, gather=["metrics"])["verdict"] == "quiet", "it is not asked"


def test_one_that_does_not_listen(stage: Stage) -> None:
    stage.deploy(image="hub:5000/runner:0.15.1")
    stage.pod()
    stage.ask("DrainAndSuspend")
    stage.metrics.text = RUNNING
    runner = stage.runner()
    assert (runner["verdict"], runner["verdict_reason"]) == ("not_listening", "It does not read its state, with 1 experiment.")
    assert (runner["era"], runner["listens"]) == ("none", False)
    assert runner["listens_advice"] == "Only 0.9 to 0.14 read STATE; enforce: broker or enforce: scale drains it all the same."


def test_restarted_since_it_was_asked(stage: Stage) -> None:
    stage.deploy()
    stage.ask("DrainAndSuspend")
    time.sleep(1.1)  # the API server records whole seconds
    stage.pod()
    runner = stage.runner()
    assert runner["restarted_since_asked"] == 1 and runner["pods"][0]["restarted_since_asked"] is True
    stage.ask("Running")
    assert stage.runner()["restarted_since_asked"] == 0, "who was asked to run may restart"


def test_a_node_map_beside_the_global_one(stage: Stage) -> None:
    stage.deploy(replicas=2)
    stage.pod()
    stage.pod("pod-2", "look-other")
    stage.ask("DrainAndSuspend", nodes=["look-node"])
    runner = stage.runner()
    assert [(pod["asked_state"], pod["asked_by"]) for pod in runner["pods"]] == [
        ("DrainAndSuspend", "studioml-go-runner-look-node"),
        ("Running", "studioml-go-runner"),
    ]
    assert runner["verdict"] == "quiet", "of a pod that drains and one that runs, the drain is what is asked about"
    assert stage.runner(nodes=["look-other"])["verdict"] == "running"


def test_a_node_map_that_loses(stage: Stage, admin: Api) -> None:
    stage.deploy()
    env = [{"name": "HOSTNAME", "value": "gpu-node"}]
    stage.pod(containers=[{"name": "studioml-go-runner", "image": "hub:5000/runner:0.14.2", "env": env}])
    hands.configmap(admin, stage.namespace, "gpu-node", {"STATE": "DrainAndSuspend"})
    (pod,) = stage.runner()["pods"]
    assert (pod["node_map"], pod["holds"], pod["asked_state"], pod["asked_by"]) == ("gpu-node", False, "Running", "studioml-go-runner")


def test_only_one_node(stage: Stage) -> None:
    stage.deploy(replicas=2)
    stage.pod()
    stage.pod("pod-2", "look-other", ready=False)
    result = stage.look(nodes=["look-node"])
    (runner,) = result["runners"]
    assert [node["name"] for node in result["nodes"]] == ["look-node"]
    assert ([pod["name"] for pod in runner["pods"]], runner["replicas"], runner["ready"]) == (["pod-1"], 1, 1)
    assert stage.look(nodes=["look-third"])["runners"] == [], "both pods are elsewhere"


def test_scaled_to_nothing(stage: Stage) -> None:
    stage.deploy(replicas=0)
    stage.ask("DrainAndTerminate")
    assert (stage.runner()["verdict"], stage.runner()["verdict_reason"]) == ("quiet", "It is scaled to 0 and has no pod.")


def test_gpus_that_pods_have(stage: Stage, admin: Api) -> None:
    before = node_of(stage.look(), "look-node")["gpu_allocated"]
    stage.deploy(gpus=2)
    stage.pod()
    other = {"name": "c", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    for name, phase in (("guest", "Running"), ("gone", "Succeeded")):
        spec = {"nodeName": "look-node", "containers": [other], "serviceAccountName": "studioml-account"}
        admin.request("POST", f"/api/v1/namespaces/{stage.namespace}/pods", body={"metadata": {"name": name}, "spec": spec})
        hands.report(admin, stage.namespace, name, {"phase": phase})
    result = stage.look()
    assert before == 0 and node_of(result, "look-node")["gpu_allocated"] == 3, "two of the runner, one of a guest, none of a pod that has ended"
    assert node_of(result, "look-other")["gpu_allocated"] == 0
    assert node_of(stage.look(gather=[]), "look-node")["gpu_allocated"] is None


def test_a_user_who_may_see_little(control_plane: ControlPlane, admin: Api, stage: Stage) -> None:
    stage.deploy()
    stage.pod()
    hands.grant(admin, stage.namespace, "few", ["get", "list"], ["", "apps"], ["pods", "configmaps", "deployments"])
    stage.given["kubeconfig"] = str(control_plane.kubeconfig("few", "few", []))
    result = stage.look()
    (runner,) = result["runners"]
    assert (runner["verdict"], runner["running"], runner["listens"], result["nodes"]) == ("running", None, True, [])
    words = " ".join(result["warnings"])
    for part in ("the cluster's id", "the nodes", "The metrics of pod pod-1", "The logs of pod pod-1", "may watch configmaps is not known", "verb 'get'"):
        assert part in words, part


def test_it_only_reads(control_plane: ControlPlane, stage: Stage) -> None:
    stage.deploy()
    stage.pod()
    mark = control_plane.mark()
    stage.look()
    made = [request for request in control_plane.requests(mark) if request["verb"] not in ("get", "list")]
    assert [request["objectRef"]["resource"] for request in made] == ["subjectaccessreviews"], "which the API server answers and does not keep"
