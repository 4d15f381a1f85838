# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new version of a runner that works on a queue of a real RabbitMQ: it is kept off its queues until its message is acknowledged, and gets them back."""

from __future__ import annotations

import threading
import typing as t
import uuid

import hands
import pytest
from beats import call
from place import Site, until
from stand_ins import OURS
from tenant import QUEUE

from ansible_collections.studioml.fleet.plugins.module_utils import _deploy, _workload
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy

pytestmark = [pytest.mark.apiserver, pytest.mark.rabbitmq]
RUNNER, READ = "studioml-go-runner", "^(rmq|sqs)_.*$"


def test_what_runs_comes_to_its_end_before_a_new_version(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workload, "MIN_READY_SECONDS", 1)
    namespace, tenant = f"{OURS}{uuid.uuid4().hex[:8]}", site.tenant
    user = tenant.user(permissions={"configure": ".*", "write": ".*", "read": READ})
    site.admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": namespace}})
    given: dict[str, t.Any] = {
        "kubeconfig": str(site.plane.kubeconfig("admin")),
        "namespace": namespace,
        "image": "hub:5000/leafai/studio-go-runner:0.14.1",
        "env": {"PROM_ADDRESS": f":{site.work.port}"},
        "secret_env": {"AMQP_URL": f"amqp://{user}:{tenant.passwords[user]}@127.0.0.1:{tenant.rabbitmq.amqp_port}/{tenant.place}"},
        "broker": {
            "url": f"http://127.0.0.1:{tenant.rabbitmq.management_port}",
            "username": "administrator",
            "password": tenant.rabbitmq.password,
            "via": "direct",
        },
        "drain_first": True,
        "drain_timeout": 240,
    }
    call(runner_deploy, **given)
    tenant.publish(2)
    client = tenant.connect(user)
    tag = client.get(QUEUE)
    assert tag
    made: list[dict[str, t.Any]] = []
    new = {**given, "image": "hub:5000/leafai/studio-go-runner:0.14.2"}
    thread = threading.Thread(target=lambda: made.append(call(runner_deploy, **new)), daemon=True)
    thread.start()
    until("it is kept off its queues", lambda: read(site, user) != READ)
    assert image(site, namespace).endswith(":0.14.1"), "while it works, nothing is changed"
    client.ack(tag)
    thread.join(600)
    assert made and made[0]["drain"]["verdict"] == "quiet" and [one["step"] for one in made[0]["drain"]["enforced"]] == ["broker"]
    assert image(site, namespace).endswith(":0.14.2") and read(site, user) == READ, "exactly what it was"
    there = hands.read(site.admin, namespace, "deployments", f"{RUNNER}-deployment", "/apis/apps/v1")
    assert _deploy.DRAINED not in there["metadata"]["annotations"]
    assert hands.read(site.admin, namespace, "configmaps", RUNNER)["data"]["STATE"] == "Running"
    assert not call(runner_deploy, **new)["changed"]
    site.admin.request("DELETE", f"/api/v1/namespaces/{namespace}")


def read(site: Site, user: str) -> str:
    return str(site.tenant.rabbitmq.call("GET", f"/permissions/{site.tenant.place}/{user}")["read"])


def image(site: Site, namespace: str) -> str:
    there = hands.read(site.admin, namespace, "deployments", f"{RUNNER}-deployment", "/apis/apps/v1")
    return str(there["spec"]["template"]["spec"]["containers"][0]["image"])
