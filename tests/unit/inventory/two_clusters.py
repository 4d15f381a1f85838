# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two real API servers with what an inventory tells apart. No kubelet runs: nodes, and pods of the runner, are simulated by their objects."""

from __future__ import annotations

import contextlib
import json
import pathlib
import time
import typing as t

import hands
from beats import call
from control_plane import ControlPlane
from faults import FaultServer
from metrics_server import MetricsServer

from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_state

NAMESPACE = "ml"
DEPLOYMENT = "studioml-go-runner-deployment"
ZONE = "topology.kubernetes.io/zone"
MICROK8S = {"microk8s.io/cluster": "true"}
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "nvidia.com/cuda.driver-version.full": "535.104.05"}
H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/cuda.driver-version.full": "550.54.15"}
# What releases of the feature discovery before 0.16 wrote.
FORMER_DRIVER = {"major": "525", "minor": "60", "rev": "13"}
FORMER = {"nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090", **{f"nvidia.com/cuda.driver.{key}": value for key, value in FORMER_DRIVER.items()}}
BUSY = 'runner_project_running{project="demo",experiment="exp-1",queue_name="amqp://hub:5672/%2f?rmq_demo"} 1\n'
IDLE = 'runner_project_running{project="demo",experiment="exp-1"} 0\n'


class TestsOwn(Api):
    """It names itself differently, so that it does not count."""

    def headers(self, content_type: str = "application/json") -> dict[str, str]:
        return {**super().headers(content_type), "User-Agent": "fleet-tests"}


class Cluster:
    """One API server with the namespace of the runners."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.kubeconfig = plane.kubeconfig("admin")
        self.admin = TestsOwn(load(str(self.kubeconfig)))
        self.given: dict[str, t.Any] = {"kubeconfig": str(self.kubeconfig), "namespace": NAMESPACE}
        self.admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": NAMESPACE}})
        deadline = time.monotonic() + 120
        while not self.admin.find("/api/v1/namespaces/kube-system"):  # a new API server makes it a moment after it is ready
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def node(self, name: str, labels: dict[str, str], version: str, gpus: int = 0, kubelet: FaultServer | None = None) -> None:
        hands.node(self.admin, name, kubelet, gpus)
        self.admin.request("PATCH", f"/api/v1/nodes/{name}", body={"metadata": {"labels": labels}}, content_type=hands.MERGE)
        status = {"nodeInfo": {"kubeletVersion": version}}
        self.admin.request("PATCH", f"/api/v1/nodes/{name}/status", body={"status": status}, content_type=hands.MERGE)

    def deploy(self, port: int, replicas: int) -> None:
        env = {"PROM_ADDRESS": f":{port}"}
        call(runner_deploy, **self.given, image="hub:5000/runner:0.14.2", wait=False, env=env, replicas=replicas)

    def ask(self, state: str, **more: t.Any) -> None:
        call(runner_state, **self.given, state=state, **more)

    def pod(self, name: str, node: str, metrics: MetricsServer) -> None:
        """A pod of the runner that runs and is ready, with its metrics at this address."""
        template = hands.read(self.admin, NAMESPACE, "deployments", DEPLOYMENT, "/apis/apps/v1")["spec"]["template"]
        (container,) = template["spec"]["containers"]
        env = [one for one in container.get("env") or [] if one["name"] != "PROM_ADDRESS"] + [{"name": "PROM_ADDRESS", "value": f":{metrics.port}"}]
        spec = {**template["spec"], "nodeName": node, "containers": [{**container, "env": env}]}
        body = {"metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": spec}
        self.admin.request("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", body=body)
        hands.report(self.admin, NAMESPACE, name, {**hands.running(), "podIP": metrics.address, "podIPs": [{"ip": metrics.address}]})

    def ready(self, count: int) -> None:
        """What the Deployment's controller does: say how many of its pods are ready."""
        status = {"status": {"replicas": count, "readyReplicas": count, "availableReplicas": count, "updatedReplicas": count}}
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}/status"
        self.admin.request("PATCH", path, body=status, content_type=hands.MERGE)

    @contextlib.contextmanager
    def stopped(self) -> t.Iterator[None]:
        """Its API server is dead meanwhile."""
        self.plane.stop_program("kube-apiserver")
        try:
            yield
        finally:
            self.plane.start_api()


class TwoClusters:
    """C(research) with three nodes, on two of which a runner's pod is; C(edge) with one of the same name, whose runner is drained and gone."""

    def __init__(self, research: Cluster, edge: Cluster, directory: pathlib.Path) -> None:
        self.research, self.edge, self.directory = research, edge, directory
        self.kubeconfig = merged(directory / "both.kubeconfig", {"research": research.kubeconfig, "edge": edge.kubeconfig})

    def set_up(self, kubelet: FaultServer, busy: MetricsServer, idle: MetricsServer) -> None:
        self.research.node("gpu1", {**MICROK8S, **A100, ZONE: "north"}, "v1.32.9", 8, kubelet)
        self.research.node("gpu2", {**MICROK8S, **H100, ZONE: "south"}, "v1.32.9", 4, kubelet)
        self.research.node("cpu1", MICROK8S, "v1.31.4")
        self.research.deploy(busy.port, 2)
        self.research.pod("runner-1", "gpu1", busy)
        self.research.pod("runner-2", "gpu2", idle)
        self.research.ready(2)
        self.research.ask("Running")
        self.research.ask("DrainAndSuspend", nodes=["gpu1"])
        self.edge.node("gpu1", FORMER, "v1.30.4-eks-1a2b3c", 1)
        self.edge.deploy(idle.port, 0)
        self.edge.ask("DrainAndTerminate")


def merged(path: pathlib.Path, contexts: dict[str, pathlib.Path], **changes: t.Any) -> pathlib.Path:
    """One kubeconfig of many, each under the name of its context; C(changes) are further keys of each context."""
    config: dict[str, t.Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, source in contexts.items():
        found = json.loads(source.read_text(encoding="utf-8"))
        config["clusters"].append({"name": name, "cluster": found["clusters"][0]["cluster"]})
        config["users"].append({"name": name, "user": found["users"][0]["user"]})
        config["contexts"].append({"name": name, "context": {"cluster": name, "user": name, **changes}})
    path.touch(0o600)
    path.write_text(json.dumps(config), encoding="utf-8")
    return path
