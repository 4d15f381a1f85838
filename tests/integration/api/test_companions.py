# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real RabbitMQ and a real MinIO as companions, on a real kubelet: their data outlives their pods, and a stand-in runner with its secrets works for them.

The programs lie on the host (Debian's package, MinIO built from its module) and run in the pods of an image that has nothing but a shell.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.error
import urllib.request
import uuid

import node_ports
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_runs import CLONE, Hosts
from programs_of_the_host import FOLDERS, PATH, RABBITMQ

from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import companion, runner_deploy, runner_info

sys.path.insert(0, str(CLONE / "tests/sandbox"))
from fleetbox import image_tar, programs  # noqa: E402
from fleetbox.progress import Progress  # noqa: E402

pytestmark = pytest.mark.sandbox
SHELL, RUNNER = "sandbox.local/busybox:1", "sandbox.local/stand-in-runner:0.14.3"
PROGRAMS = {
    "rabbitmq": {**RABBITMQ, "size": "1Gi"},
    "minio": {"command": ["/usr/local/bin/minio", "server", "/storage"], "env": PATH, "size": "1Gi"},
}


@pytest.fixture(scope="module")
def api(kubeconfig: str) -> Api:
    return Api(load(kubeconfig))


@pytest.fixture(scope="module")
def node(hosts: Hosts) -> str:
    """The host's address; it has storage, names, and the stand-in runner's image."""
    hosts.on("gpu1", "microk8s enable dns; microk8s enable hostpath-storage")
    quiet = Progress(quiet=True)
    with tempfile.TemporaryDirectory() as folder:
        layer = image_tar.write_layer(pathlib.Path(folder, "layer.tar"), [("/runner/runner", programs.ensure("runner", quiet))])
        archive = io.BytesIO()
        image_tar.write_archive(archive, image_tar.Image(RUNNER, [layer], ["/runner/runner"]))
        hosts.on("gpu1", "microk8s ctr images import -", stdin=archive.getvalue())
    return hosts.address("gpu1")


@pytest.fixture(scope="module")
def minio(hosts: Hosts) -> None:
    """The program on the host."""
    program = programs.ensure("minio", Progress(quiet=True))
    hosts.on("gpu1", "cd /usr/local/bin && cat > minio.new && chmod 755 minio.new && mv minio.new minio", stdin=program.read_bytes())


@pytest.fixture(scope="module")
def namespace(api: Api) -> t.Iterator[str]:
    name = f"companions-{uuid.uuid4().hex[:8]}"
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def given(kubeconfig: str, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": kubeconfig, "namespace": namespace}


def call(module: t.Any, **options: t.Any) -> dict[str, t.Any]:
    checked = ArgumentSpecValidator(module.ARGUMENTS).validate(options)
    assert not checked.error_messages, checked.error_messages
    return module.perform(checked.validated_parameters, False)


def deploy(given: dict[str, t.Any], kind: str) -> dict[str, t.Any]:
    return call(companion, **given, kind=kind, image=SHELL, image_pull_policy="Never", host_paths=FOLDERS, service_type="NodePort", **PROGRAMS[kind])


def secret(api: Api, namespace: str, name: str) -> dict[str, str]:
    data = api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def replace_pod(api: Api, given: dict[str, t.Any], namespace: str, kind: str, label: str) -> None:
    """Its pod goes, and another one comes."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (before,) = api.request("GET", path, {"labelSelector": f"app={label}"})["items"]
    api.request("DELETE", f"{path}/{before['metadata']['name']}", body={"gracePeriodSeconds": 1})
    until("another pod", lambda: [one for one in api.request("GET", path, {"labelSelector": f"app={label}"})["items"] if _is_new(one, before)])
    made = deploy(given, kind)
    assert made["ready"] and not made["changed"]


def _is_new(pod: dict[str, t.Any], before: dict[str, t.Any]) -> bool:
    ready = [one for one in (pod.get("status") or {}).get("conditions") or [] if one["type"] == "Ready" and one["status"] == "True"]
    return bool(ready) and pod["metadata"]["uid"] != before["metadata"]["uid"]


def until(what: str, check: t.Callable[[], t.Any], seconds: float = 300) -> t.Any:
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.3)
    return found


def publish(api: Api, node: str, namespace: str, *words: str) -> str:
    """The sandbox's own publisher, at the management API from outside of the cluster."""
    login = secret(api, namespace, "rabbitmq-credentials")
    url = node_ports.url(api, node, namespace, "rabbitmq-service", "management")
    program = [sys.executable, CLONE / "tests/sandbox/runner/publish.py", "--url", url, "--user", login["username"], *words]
    environment = {**os.environ, "RABBITMQ_PASSWORD": login["password"]}
    return subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, timeout=180, check=True).stdout


def test_rabbitmq_keeps_its_messages_and_a_runner_takes_them(api: Api, node: str, given: dict[str, t.Any], namespace: str) -> None:
    made = deploy(given, "rabbitmq")
    assert made["ready"] and made["changed"] and not deploy(given, "rabbitmq")["changed"]
    publish(api, node, namespace, "--queue", "rmq_companion", "--seconds", "25")
    replace_pod(api, given, namespace, "rabbitmq", "taskQueue")
    for name in ("studioml-runner-key-secret", "studioml-runner-passphrase-secret", "studioml-signing", "studioml-report-keys"):
        data = {key: base64.b64encode(b"a test's").decode() for key in ("ssh-privatekey", "ssh-publickey", "ssh-passphrase", "info")}
        api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body={"metadata": {"name": name}, "data": data})
    options = {"image": RUNNER, "image_pull_policy": "Never", "profile": "local", "cache": {"size": "1Gi", "claim": "cache"}, "wait_timeout": 300}
    env = {"CPU_ONLY": True, "CLEAR_TEXT_MESSAGES": True, "QUEUE_MATCH": "^rmq_.*$", "LOGXI": "*=INF"}
    options["resources"] = {"limits": {"memory": "512Mi"}}
    done = call(runner_deploy, **given, **options, env=env, env_secrets=["rabbitmq-runner"])
    assert done["rollout"]["ready"] and not done["warnings"]
    until("the experiment at work", lambda: _experiments(given))
    until("the end of the experiment", lambda: not _experiments(given))
    gone = call(runner_deploy, **given, state="absent")
    assert gone["kept"] == [f"PersistentVolumeClaim/{namespace}/cache"], "secrets that others have made are none of ours"


def _experiments(given: dict[str, t.Any]) -> int:
    """What runner_info sees in the runner's metrics."""
    (runner,) = call(runner_info, **given, gather=["metrics"])["runners"]
    return int(runner["running"] or 0)


def test_minio_keeps_its_objects(minio: None, api: Api, node: str, given: dict[str, t.Any], namespace: str) -> None:
    made = deploy(given, "minio")
    assert made["ready"] and not deploy(given, "minio")["changed"]
    login = secret(api, namespace, "minio-credentials")
    url = node_ports.url(api, node, namespace, "minio-service", "s3")
    s3(url, login, "PUT", "/results")
    s3(url, login, "PUT", "/results/model", b"weights")
    replace_pod(api, given, namespace, "minio", "minio")
    assert s3(url, login, "GET", "/results/model") == b"weights"
    kept = call(companion, **given, kind="minio", state="absent")["kept"]
    assert kept == [f"PersistentVolumeClaim/{namespace}/minio-pv-claim", f"Secret/{namespace}/minio-credentials"]
    deploy(given, "minio")
    assert s3(node_ports.url(api, node, namespace, "minio-service", "s3"), login, "GET", "/results/model") == b"weights"


def s3(url: str, login: dict[str, str], method: str, path: str, body: bytes = b"") -> bytes:
    """One request, signed as S3 wants it (version 4)."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope, digest = f"{now[:8]}/us-east-1/s3/aws4_request", hashlib.sha256(body).hexdigest()
    headers = {"host": url.partition("//")[2], "x-amz-content-sha256": digest, "x-amz-date": now}
    names = ";".join(headers)
    canonical = "\n".join([method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, digest])
    key = f"AWS4{login['password']}".encode()
    for word in scope.split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={login['username']}/{scope}, SignedHeaders={names}, Signature={signature}"
    request = urllib.request.Request(url + path, data=body or None, method=method, headers=headers)
    answers: list[bytes] = []

    def answered() -> bool:
        """The node's port leads to a new pod a moment after that is ready."""
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answers.append(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            return False
        return True

    until(f"{method} {path}", answered)
    return answers[0]


def test_the_role(hosts: Hosts, node: str, given: dict[str, t.Any], api: Api, tmp_path: pathlib.Path) -> None:
    namespace = f"{given['namespace']}-role"
    variables = {
        "companions_kubeconfig": given["kubeconfig"],
        "companions_namespace": namespace,
        "companions_rabbitmq_image": SHELL,
        "companions_image_pull_policy": "Never",
        "companions_rabbitmq_size": "1Gi",
        "companions_more": {"rabbitmq": {"command": PROGRAMS["rabbitmq"]["command"], "env": PATH, "host_paths": FOLDERS}},
    }
    play = [{"hosts": "localhost", "gather_facts": False, "roles": [{"role": "studioml.fleet.companions", **variables}]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    outputs = [_play(hosts, tmp_path / "play.yml") for _run in range(2)]
    word = secret(api, namespace, "rabbitmq-credentials")["password"]
    assert "changed=1" in outputs[0] and "changed=0" in outputs[1] and word not in "".join(outputs)
    api.request("DELETE", f"/api/v1/namespaces/{namespace}")


def _play(hosts: Hosts, path: pathlib.Path) -> str:
    command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "-vvv", "--diff", path]
    done = subprocess.run(command, env=hosts.environment, cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout
