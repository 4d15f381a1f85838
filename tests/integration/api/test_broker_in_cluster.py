# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A RabbitMQ that is a Service of the cluster, reached through the API server's port-forward, with a real kubelet and containerd at its end."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import secrets
import subprocess
import sys
import threading
import time
import typing as t
import uuid
from urllib.parse import quote

import pytest
import rabbitmq_pod
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_runs import CLONE, Hosts

from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker
from ansible_collections.studioml.fleet.plugins.module_utils._broker_target import from_environment, given_only
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._work import is_ready
from ansible_collections.studioml.fleet.plugins.modules import broker_user

pytestmark = pytest.mark.sandbox
PASSWORD = secrets.token_hex(8)


@pytest.fixture(scope="module")
def api(kubeconfig: str) -> Api:
    return Api(load(kubeconfig))


@pytest.fixture(scope="module")
def namespace(api: Api) -> t.Iterator[str]:
    """With RabbitMQ in a pod, and its Service."""
    name = f"broker-{uuid.uuid4().hex[:8]}"
    api.request("POST", "/api/v1/namespaces", body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    until("the account", lambda: api.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
    api.request("POST", f"/api/v1/namespaces/{name}/services", body=rabbitmq_pod.service(name))
    start(api, name)
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


def start(api: Api, namespace: str) -> None:
    api.request("POST", f"/api/v1/namespaces/{namespace}/pods", body=rabbitmq_pod.pod(namespace, PASSWORD))
    until("RabbitMQ in its pod", lambda: is_ready(api.request("GET", f"/api/v1/namespaces/{namespace}/pods/rabbitmq")))


def until(what: str, check: t.Callable[[], t.Any], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.2)


def options(port: int = 8080) -> dict[str, t.Any]:
    return {"url": f"http://{rabbitmq_pod.NAME}:{port}", "username": "administrator", "password": PASSWORD}


@pytest.fixture
def broker(api: Api, namespace: str) -> t.Iterator[Broker]:
    made = given_only(api, namespace, options()).connect(api)
    yield made
    made.close()


def test_a_runners_environment_leads_there(api: Api, namespace: str) -> None:
    container = {"name": "runner", "env": [{"name": "AMQP_URL", "value": f"amqp://administrator:{PASSWORD}@$(PLACE):5672/%2f"}]}
    container["env"] = [{"name": "PLACE", "value": "${RABBITMQ_SERVICE_SERVICE_HOST}"}, *container["env"]]
    deployment = {"metadata": {"name": "runner"}, "spec": {"template": {"spec": {"containers": [container]}}}}
    target = from_environment(api, namespace, deployment)
    assert target.way and target.way.service == rabbitmq_pod.NAME
    # the Service does not offer 15672, but its pod does
    assert target.connect(api).queues("/") == []


def test_much_goes_both_ways_and_the_connection_is_kept(broker: Broker) -> None:
    value = "x" * 1_000_000
    broker.request("PUT", "global-parameters/much", {"value": value})
    assert broker.request("GET", "global-parameters/much")["value"] == value
    until("the end of what other tests have opened", lambda: len(forwards()) == 1)
    broker.close()
    until("the end of the thread", lambda: not forwards())


def test_many_at_once(broker: Broker) -> None:
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda _number: broker.permissions("/", "administrator"), range(64)))


def forwards() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("port-forward")]


def test_no_descriptor_is_left(api: Api, namespace: str) -> None:
    def look() -> int:
        broker = given_only(api, namespace, options()).connect(api)
        broker.whoami()
        broker.close()
        until("the end of the thread", lambda: not forwards())
        return len(os.listdir("/proc/self/fd"))

    first = look()
    assert [look() for _attempt in range(5)] == [first] * 5


def test_the_module_goes_through_the_cluster(kubeconfig: str, namespace: str) -> None:
    def call(check: bool, **more: t.Any) -> dict[str, t.Any]:
        given = {"kubeconfig": kubeconfig, "namespace": namespace, "broker": options(), "name": "runner", "password": "s3cret", **more}
        checked = ArgumentSpecValidator(broker_user.ARGUMENTS).validate(given)
        assert not checked.error_messages
        return broker_user.perform(checked.validated_parameters, check)

    assert [call(check)["changed"] for check in (True, False, True, False)] == [True, True, False, False]
    with pytest.raises(FleetError, match="leads to another cluster than the one that is meant"):
        call(False, state="absent", cluster_id=str(uuid.uuid4()))
    assert [call(check, state="absent")["changed"] for check in (True, False, True, False)] == [True, True, False, False]


def test_both_doors(hosts: Hosts, kubeconfig: str, namespace: str) -> None:
    given = {"kubeconfig": kubeconfig, "namespace": namespace, "broker": options(), "name": "other", "password": "s3cret"}
    assert hosts.passes("gpu1", "broker_user", **given)["changed"]
    remote = hosts.on("gpu1", "f=$(mktemp); microk8s kubectl config view --raw -o json > $f; echo $f").strip()
    again = hosts.passes("gpu1", "broker_user", **{**given, "kubeconfig": remote, "kubeconfig_on": "target"})
    assert not again["changed"] and "s3cret" not in json.dumps(again)


def test_the_role_gives_a_runner_its_own_user(hosts: Hosts, kubeconfig: str, api: Api, namespace: str, tmp_path: pathlib.Path) -> None:
    word = "s3cret/:@%"
    variables = {
        "runner_kubeconfig": kubeconfig,
        "runner_namespace": namespace,
        "runner_image": hosts.on("gpu1", "microk8s ctr images ls -q | grep pause: | head -n 1").strip(),
        "runner_broker_user": "runner-{{ inventory_hostname }}",
        "runner_broker_password": word,
        "runner_broker_address": f"{rabbitmq_pod.NAME}:5672",
        "runner_broker_permissions": {"read": "^rmq_.*$"},
        "fleet_broker": options(),
    }

    def play(**more: t.Any) -> tuple[int, str]:
        book = [{"hosts": "localhost", "gather_facts": False, "roles": ["studioml.fleet.runner"], "vars": {**variables, **more}}]
        (tmp_path / "play.json").write_text(json.dumps(book))
        command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "-vvv", "--diff", tmp_path / "play.json"]
        done = subprocess.run(command, cwd=CLONE, env=hosts.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        assert not [secret for secret in (word, quote(word, safe=""), PASSWORD) if secret in done.stdout], "a secret in the output"
        return done.returncode, done.stdout

    status, output = play()
    assert status == 0 and "changed=2" in output, output
    status, output = play()
    assert status == 0 and "changed=0" in output, output
    deployment = api.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/studioml-go-runner-deployment")
    target = from_environment(api, namespace, deployment, {"url": options()["url"]})
    assert (target.runner_username, target.password, target.vhost) == ("runner-localhost", word, "/")
    assert target.connect(api).whoami().tags == ("management",)
    allowed = given_only(api, namespace, options()).connect(api).permissions("/", "runner-localhost")
    assert allowed == {"configure": ".*", "write": ".*", "read": "^rmq_.*$"}
    for missing in ({"runner_broker_address": ""}, {"runner_broker_password": ""}, {"fleet_broker": {}}):
        status, output = play(**missing)
        assert status != 0 and "runner_broker_user asks for a user of the runner's own at RabbitMQ, and something for it is missing." in output


def test_nothing_listens_in_the_pod(api: Api, namespace: str) -> None:
    with pytest.raises(FleetError, match=f"port 9999 of pod {namespace}/rabbitmq could not be reached: .*connection refused"):
        given_only(api, namespace, options(9999)).connect(api).whoami()


def test_without_the_permission_to_forward(hosts: Hosts, kubeconfig: str, api: Api, namespace: str, tmp_path: pathlib.Path) -> None:
    group = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [{"apiGroups": [""], "resources": ["services", "pods"], "verbs": ["get", "list"]}]
    token = hosts.on("gpu1", f"microk8s kubectl create token default -n {namespace}").strip()
    config = json.loads(hosts.on("gpu1", "microk8s kubectl config view --raw -o json --kubeconfig <(microk8s config)"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    (tmp_path / "account.json").write_text(json.dumps(config))
    account = Api(load(str(tmp_path / "account.json")))
    place = given_only(api, namespace, options())

    def grant(extra: list[dict[str, t.Any]]) -> None:
        role = {"metadata": {"name": "look"}, "rules": rules + extra}
        for kind, body in (("roles", role), ("rolebindings", binding)):
            if not api.find(f"{group}/{kind}/look", namespace):
                api.request("POST", f"{group}/{kind}", body=body)
        api.request("PUT", f"{group}/roles/look", body=role)

    subject = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    binding = {"metadata": {"name": "look"}, "subjects": subject, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"}}
    forwards = {"apiGroups": [""], "resources": ["pods/portforward"]}
    for some in ([], [{**forwards, "verbs": ["get"]}], [{**forwards, "verbs": ["create"]}]):
        grant(some)
        for kind in ("services", "pods"):
            until(f"the permission to look at {kind}", lambda kind=kind: not refusal(lambda: account.request("GET", f"/api/v1/namespaces/{namespace}/{kind}")))
        with pytest.raises(FleetError, match=f"may not forward ports of pods in namespace {namespace}.*Grant get and create on pods/portforward"):
            place.connect(account).whoami()
    grant([{**forwards, "verbs": ["get", "create"]}])
    until("the new permission", lambda: not refusal(lambda: place.connect(account).whoami()))


def refusal(act: t.Callable[[], t.Any]) -> str:
    try:
        act()
    except FleetError as error:
        return str(error)
    return ""


def test_another_pod_takes_over(api: Api, namespace: str, broker: Broker) -> None:
    broker.whoami()
    api.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/rabbitmq", body={"gracePeriodSeconds": 0})
    until("the pod's end", lambda: api.find(f"/api/v1/namespaces/{namespace}/pods/rabbitmq") is None)
    nobody = f"No pod behind the broker's Service {namespace}/{rabbitmq_pod.NAME} is ready. Look at it with kubectl get pods."
    until("the pod's end", lambda: refusal(lambda: broker.queues("/")) == nobody)
    start(api, namespace)
    assert broker.queues("/") == []
