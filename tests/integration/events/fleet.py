# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet on one real API server: each host is a namespace with a runner and a node of its own. Scheduler, kubelet and the runner's metrics are stand-ins."""

from __future__ import annotations

import json
import pathlib
import typing as t
import uuid

import hands
from beats import Result, call
from metrics_server import MetricsServer

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_info, runner_state

RUNNER = "studioml-go-runner"
IDLE = 'runner_project_running{project="demo",experiment="exp-1"} 0\nrunner_queue_checked{queue_name="q"} 1\n'


class Host:
    """One host of the inventory, which calls it C(name); its node is called C(node), which is what an alert calls it."""

    def __init__(self, admin: Api, kubeconfig: pathlib.Path, name: str, metrics: MetricsServer) -> None:
        self.admin, self.name = admin, name
        self.namespace = self.node = f"{name}-{uuid.uuid4().hex[:6]}"
        self.given: dict[str, t.Any] = {"kubeconfig": str(kubeconfig), "namespace": self.namespace, "request_timeout": 10}
        admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": self.namespace}})
        hands.node(admin, self.node, gpus=2)
        env = {"PROM_ADDRESS": f":{metrics.port}"}
        call(runner_deploy, **self.given, image="hub:5000/runner:0.14.2", env=env, gpus=1, node_name=self.node, wait=False)
        template = hands.read(admin, self.namespace, "deployments", f"{RUNNER}-deployment", "/apis/apps/v1")["spec"]["template"]
        body = {"metadata": {"name": "pod-1", "labels": template["metadata"]["labels"]}, "spec": {**template["spec"], "nodeName": self.node}}
        admin.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", body=body)
        hands.report(admin, self.namespace, "pod-1", {**hands.running(), "podIP": metrics.address, "podIPs": [{"ip": metrics.address}]})

    def variables(self) -> dict[str, str]:
        """What the inventory says of it."""
        return {"fleet_kubeconfig": self.given["kubeconfig"], "fleet_namespace": self.namespace, "fleet_node_name": self.node}

    def ask(self, state: str, **more: t.Any) -> None:
        """What a person does by hand."""
        call(runner_state, **self.given, state=state, nodes=[self.node], **more)

    def look(self) -> Result:
        """The runner as runner_info shows it."""
        (runner,) = call(runner_info, **self.given, nodes=[self.node], gather=["metrics"])["runners"]
        return t.cast("Result", runner)

    @property
    def state(self) -> str:
        """What its pod is asked to do."""
        return str(self.look()["pods"][0]["asked_state"])

    @property
    def note(self) -> str:
        return next((str(one["note"]) for one in self.look()["maps"] if one["scope"] == "node"), "")

    def breaks(self) -> None:
        """The kubelet reports that the node is not ready."""
        condition = {"type": "Ready", "status": "False", "reason": "KubeletNotReady"}
        self.admin.request("PATCH", f"/api/v1/nodes/{self.node}/status", body={"status": {"conditions": [condition]}}, content_type=hands.MERGE)

    def remove(self) -> None:
        self.admin.request("DELETE", f"/api/v1/namespaces/{self.namespace}/pods/pod-1", body={"gracePeriodSeconds": 0})
        self.admin.request("DELETE", f"/api/v1/nodes/{self.node}")


def inventory(folder: pathlib.Path, hosts: t.Iterable[Host], **variables: t.Any) -> None:
    """The directory inventory, with these hosts and variables for all of them."""
    entries = {host.name: host.variables() for host in hosts}
    place = folder / "inventory"
    place.mkdir()
    content = {"all": {"vars": variables, "children": {"clusters": {"hosts": entries}, "runner_hosts": {}}}}
    (place / "hosts.yml").write_text(json.dumps(content), encoding="utf-8")
