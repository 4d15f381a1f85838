# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner of a test's own, with a faulty way to its API server and to its broker, and all places of a run together."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
import typing as t
import uuid

import hands
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from control_plane import ControlPlane
from fault_proxy import Proxy
from stand_ins import OURS, Work
from tenant import ALL, QUEUE, Tenant

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_state

Result = dict[str, t.Any]
RUNNER = "studioml-go-runner"
DEPLOYMENTS = "/apis/apps/v1"
# What a resume must bring back exactly, so it is nothing that one would guess.
READ, REPLICAS = "^(rmq|sqs)_.*$", 2
MUTATING = ("POST", "PUT", "PATCH", "DELETE")
# For tasks in which something never answers, which last at least as long: still long for what does answer.
SHORT = {"connect_timeout": 5, "request_timeout": 10}


class Site:
    """One API server, one RabbitMQ, and what stands in for kubelets and runners."""

    def __init__(self, plane: ControlPlane, admin: Api, tenant: Tenant, work: Work, node: str) -> None:
        self.plane, self.admin, self.tenant, self.work, self.node = plane, admin, tenant, work, node
        self.places: list[Place] = []
        self._near = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._near.load_cert_chain(plane.directory / "server.crt", plane.directory / "server.key")
        self._far = ssl.create_default_context(cadata=plane.authority.pem.decode())
        self._far.load_cert_chain(plane.directory / "admin.crt", plane.directory / "admin.key")

    def api_proxy(self, tls: ssl.SSLContext | None = None) -> Proxy:
        return Proxy(lambda: http.client.HTTPSConnection("127.0.0.1", self.plane.port, context=self._far), tls or self._near)

    def broker_proxy(self) -> Proxy:
        return Proxy(lambda: http.client.HTTPConnection("127.0.0.1", self.tenant.rabbitmq.management_port))

    def place(self, name: str, pods: bool = True) -> Place:
        self.places.append(Place(self, name, pods))
        return self.places[-1]

    def ready(self, places: t.Sequence[Place]) -> None:
        """Wait until every runner is up."""
        until("the runners are up", lambda: all(place.replicas_ready() == REPLICAS for place in places))

    def stop(self) -> None:
        """The ways to the places that there are so far."""
        for place in self.places:
            place.api.stop()
            place.broker.stop()


class Place:
    """One namespace with a runner of two pods, a map that somebody has made, and a broker's user. Without C(pods) it has them on paper only."""

    def __init__(self, site: Site, name: str, pods: bool = True) -> None:
        self.site, self.name, self.pods = site, name, pods
        self.namespace = f"{OURS}{uuid.uuid4().hex[:8]}"
        self.api, self.broker = site.api_proxy(), site.broker_proxy()
        self.user = site.tenant.user(permissions={**ALL, "read": READ})
        self.path = site.plane.kubeconfig(self.namespace, server=self.api.url, namespace=self.namespace)
        self.make()
        self.before = self.snapshot()

    def make(self) -> None:
        """The namespace and what is in it."""
        self.site.admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": self.namespace}})
        hands.configmap(self.site.admin, self.namespace, RUNNER, {"STATE": "Running", "OTHER": "kept"}, "kubectl-create")
        address = f"127.0.0.1:{self.site.tenant.rabbitmq.amqp_port}/{self.site.tenant.place}"
        env = {"AMQP_URL": f"amqp://{self.user}:{self.site.tenant.passwords[self.user]}@{address}", "K8S_NAMESPACE": self.namespace}
        container = {"name": RUNNER, "image": "hub:5000/runner:0.14.2", "env": [{"name": key, "value": value} for key, value in env.items()]}
        labels = {"app": RUNNER}
        spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}
        spec["paused"] = not self.pods
        body = {"metadata": {"name": RUNNER, "annotations": {"somebody": "else"}}, "spec": spec}
        self.site.admin.request("POST", f"{DEPLOYMENTS}/namespaces/{self.namespace}/deployments", body=body)

    def entry(self, **more: t.Any) -> Result:
        """How the task names it."""
        rabbitmq = self.site.tenant.rabbitmq
        broker = {"url": self.broker.url, "username": "administrator", "password": rabbitmq.password, "via": "direct"}
        return {"name": self.name, "kubeconfig": str(self.path), "namespace": self.namespace, "broker": {**broker, **more}}

    def deployment(self) -> Result:
        return hands.read(self.site.admin, self.namespace, "deployments", RUNNER, DEPLOYMENTS)

    def replicas_ready(self) -> int:
        return int((self.deployment().get("status") or {}).get("readyReplicas", 0))

    def read_permission(self) -> str:
        return str(self.site.tenant.rabbitmq.call("GET", f"/permissions/{self.site.tenant.place}/{self.user}")["read"])

    def snapshot(self) -> Result:
        """Everything that a drain may change, or must not."""
        deployment = self.deployment()
        notes = {key: value for key, value in deployment["metadata"]["annotations"].items() if not key.startswith("deployment.kubernetes.io")}
        state = hands.read(self.site.admin, self.namespace, "configmaps", RUNNER)
        node = self.site.admin.request("GET", f"/api/v1/nodes/{self.site.node}")
        return {
            "replicas": deployment["spec"]["replicas"],
            "notes": notes,
            "map": state["data"],
            "notes of the map": state["metadata"].get("annotations") or {},
            "permission": self.site.tenant.rabbitmq.call("GET", f"/permissions/{self.site.tenant.place}/{self.user}"),
            "cordoned": bool(node["spec"].get("unschedulable")),
        }

    def is_drained(self) -> bool:
        state = hands.read(self.site.admin, self.namespace, "configmaps", RUNNER)["data"]
        closed = self.read_permission().startswith("(?!)")
        return closed and self.deployment()["spec"]["replicas"] == 0 and state == {"STATE": "DrainAndSuspend", "OTHER": "kept"}

    def works(self, experiments: int) -> None:
        self.site.work.running[self.namespace] = experiments

    def holds_a_message(self) -> t.Any:
        """What a runner at work has: a message that it has not acknowledged."""
        self.site.tenant.publish()
        client = self.site.tenant.connect(self.user)
        assert client.get(QUEUE)
        return client

    def wrote(self) -> list[str]:
        """What has arrived at both proxies and changes something."""
        found = [str(one) for one in [*self.api.requests, *self.broker.requests] if one.method in MUTATING]
        return [one for one in found if "subjectaccessreviews" not in one]

    def heal(self) -> None:
        for proxy in (self.api, self.broker):
            proxy.heal()
            if not proxy.listening:
                proxy.up()

    def forget(self) -> None:
        """What has arrived so far does not count."""
        self.api.requests, self.broker.requests = [], []


def parameters(site: Site, targets: t.Sequence[Place | Result], state: str, **options: t.Any) -> Result:
    """The module's parameters as its own specification makes them."""
    entries = [one.entry() if isinstance(one, Place) else one for one in targets]
    # long enough for a loaded machine where all goes well; tests of what never answers give less
    patience = {"connect_timeout": 30, "request_timeout": 60, "target_timeout": 300, "wait_timeout": 240}
    given = {**patience, "metrics_port": site.work.port, "wait": True, **options}
    checked = ArgumentSpecValidator(runner_state.ARGUMENTS).validate({"targets": entries, "state": state, **given})
    assert not checked.error_messages, checked.error_messages
    made: Result = checked.validated_parameters
    return made


class Task:
    """One task over several places, in a thread; C(lines) is what it reports, C(entries) the result of each place by its name."""

    def __init__(self, site: Site, targets: t.Sequence[Place | Result], state: str, check: bool = False, **options: t.Any) -> None:
        self.lines: list[str] = []
        self._parameters, self._check = parameters(site, targets, state, **options), check
        self.result: Result = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.result = runner_state.perform(self._parameters, self._check, self.lines.append)

    def done(self) -> dict[str, Result]:
        """The results, when it has ended."""
        self._thread.join(600)
        assert self.result, "the task has not ended, or has raised"
        return {entry["target"]: entry for entry in self.result["targets"]}

    def until_busy(self, names: t.Iterable[str], seconds: float = 240) -> None:
        """Until each of these was told to be busy."""
        end, silent = time.monotonic() + seconds, set(names)
        while silent := {name for name in silent if "busy" not in self.said(name)}:
            assert time.monotonic() < end, f"not busy: {silent}, {self.lines}, {[one for one in self.result.get('targets', []) if one['target'] in silent]}"
            time.sleep(0.1)

    def said(self, name: str) -> list[str]:
        """The verdicts that it told of one target so far."""
        return [line.split(":")[1].strip() for line in list(self.lines) if line.startswith(f"{name}: ")]


def drain(site: Site, targets: t.Sequence[Place | Result], **options: t.Any) -> Task:
    return Task(site, targets, "DrainAndSuspend", **{"enforce": "scale", **options})


def resume(site: Site, targets: t.Sequence[Place | Result], **options: t.Any) -> Task:
    return Task(site, targets, "Running", **options)


def until(what: str, check: t.Callable[[], t.Any], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
