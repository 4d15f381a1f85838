# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""companion on a real API server: four beats, credentials that stay, data that outlives it. Real RabbitMQ and MinIO run in tests/integration/api."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import pathlib
import threading
import typing as t

import hands
import pytest
from beats import Beats, Result, call
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils import _companion
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import companion, runner_deploy

pytestmark = pytest.mark.apiserver


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace, "image": "hub:5000/it:1", "wait": False}


def secret(admin: Api, namespace: str, name: str) -> dict[str, str]:
    data = hands.read(admin, namespace, "secrets", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def actions(result: Result) -> dict[str, str]:
    return {f"{one['kind']}/{one['name']}": one["action"] for one in result["objects"] if one["action"] != "unchanged"}


@pytest.mark.parametrize(
    ("kind", "more", "requests"),
    [
        ("rabbitmq", {}, [11, 13, 6, 6]),
        ("minio", {}, [9, 11, 5, 5]),
        ("rabbitmq", {"username": "me", "password": "geheim-wort", "size": "1Gi", "storage_class": "fast", "service_type": "NodePort"}, [11, 13, 6, 6]),
        ("minio", {"username": "minio", "password": "geheim-wort", "resources": {"limits": {"memory": "1024Mi"}}}, [9, 11, 5, 5]),
    ],
)
def test_four_beats(
    control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, kind: str, more: dict[str, t.Any], requests: list[int]
) -> None:
    beats = Beats(control_plane, companion, **given, kind=kind, **more)
    assert beats.counts() == requests, "what makes the password claims it first, and gives the claim up after"
    word = secret(admin, namespace, f"{kind}-credentials")["password"]
    assert len(word) > 8 and word not in json.dumps(beats.results)


def test_credentials_are_made_once_and_reach_the_runner(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    made = call(companion, **given, kind="rabbitmq")
    before = secret(admin, namespace, made["credentials_secret"])
    call(companion, **{**given, "image": "hub:5000/it:2"}, kind="rabbitmq")
    assert secret(admin, namespace, made["credentials_secret"]) == before
    url = secret(admin, namespace, made["runner_secret"])["AMQP_URL"]
    assert url == f"amqp://{before['username']}:{before['password']}@rabbitmq-service.{namespace}.svc:5672/%2f"
    call(runner_deploy, **given, env={"CLEAR_TEXT_MESSAGES": True}, env_secrets=["rabbitmq-runner"])
    deployment = hands.read(admin, namespace, "deployments", "studioml-go-runner-deployment", "/apis/apps/v1")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"][0] == {"secretRef": {"name": "rabbitmq-runner"}}


def test_two_namespaces_have_two_passwords(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(companion, **given, kind="minio")
    call(companion, **{**given, "namespace": f"{namespace}-b"}, kind="minio")
    assert secret(admin, namespace, "minio-credentials") != secret(admin, f"{namespace}-b", "minio-credentials")


def test_a_broker_s_credentials_are_not_changed_behind_its_back(admin: Api, given: dict[str, t.Any]) -> None:
    call(companion, **given, kind="rabbitmq")
    for check in (True, False):
        with pytest.raises(FleetError, match="RabbitMQ has its users in its own store"):
            call(companion, check, **given, kind="rabbitmq", username="me", password="another")
    call(companion, **given, kind="minio")
    changed = call(companion, **given, kind="minio", username="minio", password="geheim-wort")
    assert set(actions(changed)) == {"Secret/minio-credentials", "Deployment/minio-deployment"}, "it reads them at its start"


def test_minio_follows_its_credentials_and_shows_no_hash_of_them(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    """The same change has the same marks whatever the words are, and whoever has written them."""

    def marks() -> dict[str, str]:
        deployment = hands.read(admin, namespace, "deployments", "minio-deployment", "/apis/apps/v1")
        return dict(deployment["spec"]["template"]["metadata"]["annotations"])

    path = f"/api/v1/namespaces/{namespace}/secrets/minio-credentials"
    seen = []
    for word in ("geheim-wort", "anderes-wort"):
        call(companion, **given, kind="minio", username="minio", password=word)
        seen.append(marks())
        admin.request("DELETE", path)
        admin.request("DELETE", f"/apis/apps/v1/namespaces/{namespace}/deployments/minio-deployment")
    assert seen[0] == seen[1]
    call(companion, **given, kind="minio")
    beats = Beats(control_plane, companion, **given, kind="minio", username="minio", password="geheim-wort")
    assert "Deployment/minio-deployment" in actions(beats.results[1])
    assert not call(companion, **given, kind="minio")["changed"], "those that are there are kept"
    admin.request("DELETE", path)
    by_hand = {"password": base64.b64encode(b"von-hand-wort").decode()}
    assert "Deployment/minio-deployment" in actions(call(companion, **given, kind="minio", username="minio", password="drittes-wort"))
    admin.request("PATCH", path, {"fieldManager": "kubectl-edit"}, {"data": by_hand}, hands.MERGE)
    taken = Beats(control_plane, companion, **given, kind="minio", username="minio", password="von-hand-wort")
    assert "Deployment/minio-deployment" in actions(taken.results[1])


@pytest.mark.parametrize("kind", ["rabbitmq", "minio"])
def test_hosts_of_one_cluster_at_the_same_moment(admin: Api, given: dict[str, t.Any], namespace: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has made a password of its own before any of them is written; what starts with the first would be locked away by the second."""
    together, settle = threading.Barrier(5), _companion._credentials
    settled: list[str] = []

    def made(_size: int) -> str:
        return f"wort-{together.wait(120)}"

    def noted(*values: t.Any) -> t.Any:
        username, password, outcome = settle(*values)
        settled.append(password)
        return username, password, outcome

    monkeypatch.setattr(_companion.secrets, "token_urlsafe", made)
    monkeypatch.setattr(_companion, "_credentials", noted)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _number: call(companion, **given, kind=kind), range(5)))
    passwords = {*settled, secret(admin, namespace, f"{kind}-credentials")["password"]}
    assert len(settled) == 5 and len(passwords) == 1
    if kind == "rabbitmq":
        assert f":{passwords.pop()}@" in secret(admin, namespace, "rabbitmq-runner")["AMQP_URL"]
    again = call(companion, **given, kind=kind)
    assert not again["changed"], again["diff"]
    fields = hands.read(admin, namespace, "secrets", f"{kind}-credentials")["metadata"]["managedFields"]
    assert {entry["manager"] for entry in fields} == {"studioml.fleet"}, "no claim is left"


def test_data_outlives_it_until_told(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(companion, **given, kind="rabbitmq")
    before = secret(admin, namespace, "rabbitmq-credentials")
    beats = Beats(control_plane, companion, **given, kind="rabbitmq", state="absent")
    assert set(actions(beats.results[1])) == {"Deployment/rabbitmq-deployment", "Service/rabbitmq-service"}
    names = ["PersistentVolumeClaim/{}/rabbitmq-pv-claim", "Secret/{}/rabbitmq-credentials", "Secret/{}/rabbitmq-runner"]
    assert beats.results[1]["kept"] == [name.format(namespace) for name in names]
    call(companion, **given, kind="rabbitmq")
    assert secret(admin, namespace, "rabbitmq-credentials") == before, "or its data would be locked away"
    gone = Beats(control_plane, companion, **given, kind="rabbitmq", state="absent", remove_data=True)
    assert len(actions(gone.results[1])) == 5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image": None}, "image: there is none"),
        ({"size": "big"}, "size: 'big' is not a quantity"),
        ({"resources": {"limits": {"cpu": "lots"}}}, "resources: limits: cpu: 'lots'"),
        ({"username": "me"}, "username and password go together"),
        ({"kind": "minio", "username": "me", "password": "geheim-wort"}, "MinIO does not start with this"),
        ({"namespace": "A"}, "namespace: 'A' is not a valid name"),
        ({"env": {"a b": "1"}}, "env: 'a b' is not a valid name"),
    ],
)
def test_bad_input(given: dict[str, t.Any], wrong: dict[str, t.Any], message: str) -> None:
    for check in (True, False):
        with pytest.raises(FleetError, match=message) as caught:
            call(companion, check, **{**given, "kind": "rabbitmq", **wrong})
        assert "geheim" not in caught.value.text()
