# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runner_secrets stores, used for real: a kubelet pulls with it from a registry that wants a user, and a pod finds each file byte for byte."""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import sys
import time
import typing as t
import uuid

import pytest
from module_runs import Hosts

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "registry"))
from secure_registry import HASH, PASSWORD, USER  # noqa: E402

pytestmark = pytest.mark.sandbox
# on the node itself, where containerd speaks plain HTTP to a registry without being told
REGISTRY = "localhost:5055"
IMAGE = f"{REGISTRY}/test/busybox:1"
CONFIG = f"""
version: 0.1
storage: {{filesystem: {{rootdirectory: /var/lib/pull-registry}}}}
auth: {{htpasswd: {{realm: site, path: /etc/pull-registry/users}}}}
http: {{addr: "{REGISTRY}"}}
"""
START = f"""
systemctl stop pull-registry 2>/dev/null
systemd-run --collect --unit pull-registry /usr/bin/docker-registry serve /etc/pull-registry/config.yml 2>/dev/null
for try in $(seq 500); do curl -s http://{REGISTRY}/ >/dev/null && break; sleep 0.2; done
microk8s ctr images export /tmp/pull.tar sandbox.local/busybox:1
skopeo copy --quiet --dest-tls-verify=false --dest-creds '{USER}:{PASSWORD}' oci-archive:/tmp/pull.tar docker://{IMAGE}
rm /tmp/pull.tar
"""
MOUNTS = {
    "/runner/certs/message/encryption": "studioml-runner-key-secret",
    "/runner/certs/message/passphrase": "studioml-runner-passphrase-secret",
    "/runner/certs/queues/signing": "studioml-signing",
    "/runner/certs/queues/response-encrypt": "studioml-report-keys",
    "/runner/certs/aws-sqs/default": "studioml-runner-aws-sqs",
}
AWS = {"credentials": "[default]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n", "config": "[default]\nregion = us-west-2\n"}


@pytest.fixture(scope="module")
def registry(hosts: Hosts) -> t.Iterator[str]:
    """A registry with a user, and an image in it that the node may only have by signing in."""
    hosts.on("gpu1", "mkdir -p /etc/pull-registry")
    hosts.on("gpu1", "cat > /etc/pull-registry/config.yml", stdin=CONFIG.encode())
    hosts.on("gpu1", "cat > /etc/pull-registry/users", stdin=f"{USER}:{HASH}\n".encode())
    hosts.on("gpu1", START)
    yield IMAGE
    hosts.on("gpu1", "systemctl stop pull-registry; rm -rf /etc/pull-registry /var/lib/pull-registry")


@pytest.fixture
def given(hosts: Hosts, kubeconfig: str) -> t.Iterator[dict[str, t.Any]]:
    namespace = f"secrets-{uuid.uuid4().hex[:8]}"
    yield {"kubeconfig": kubeconfig, "namespace": namespace, "key_bits": 2048, "aws": AWS}
    hosts.on("gpu1", f"microk8s kubectl delete namespace {namespace} --ignore-not-found --wait=false")


def pod(namespace: str, name: str, script: str) -> bytes:
    volumes = [{"name": f"v{number}", "secret": {"secretName": secret}} for number, secret in enumerate(MOUNTS.values())]
    mounts = [{"name": f"v{number}", "mountPath": path, "readOnly": True} for number, path in enumerate(MOUNTS)]
    container = {"name": "main", "image": IMAGE, "imagePullPolicy": "Always", "command": ["/bin/busybox", "sh", "-c", script], "volumeMounts": mounts}
    spec = {"containers": [container], "volumes": volumes, "restartPolicy": "Never", "imagePullSecrets": [{"name": "studioml-go-docker-key"}]}
    spec["terminationGracePeriodSeconds"] = 0
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}).encode()


def kubectl(hosts: Hosts, given: dict[str, t.Any], words: str, stdin: bytes | None = None) -> str:
    return hosts.on("gpu1", f"microk8s kubectl -n {given['namespace']} {words}", **({"stdin": stdin} if stdin else {}))


def test_a_kubelet_pulls_with_it_and_a_runner_finds_its_files(hosts: Hosts, given: dict[str, t.Any], registry: str) -> None:
    entry = {"host": REGISTRY, "username": USER, "password": "a wrong one"}
    hosts.passes("gpu1", "runner_secrets", **given, registries=[entry])
    script = "cd /runner/certs; for file in */*/*; do md5sum $file; done"
    kubectl(hosts, given, "apply -f -", pod(given["namespace"], "refused", script))
    refused = "wait pod/refused --timeout=240s --for=jsonpath='{.status.containerStatuses[0].state.waiting.reason}'="
    kubectl(hosts, given, f"{refused}ErrImagePull >/dev/null || microk8s kubectl -n {given['namespace']} {refused}ImagePullBackOff")
    deadline = time.monotonic() + 60
    while "401" not in (told := kubectl(hosts, given, "get events --field-selector involvedObject.name=refused -o jsonpath='{.items[*].message}'")):
        assert time.monotonic() < deadline, told  # events come by a way of their own

    changed = hosts.passes("gpu1", "runner_secrets", **given, registries=[{**entry, "password": PASSWORD}])
    assert [one["name"] for one in changed["objects"] if one["action"] != "unchanged"] == ["studioml-go-docker-key"]
    kubectl(hosts, given, "apply -f -", pod(given["namespace"], "runner", script))
    kubectl(hosts, given, "wait pod/runner --timeout=240s --for=jsonpath='{.status.phase}'=Succeeded")
    found = dict(reversed(line.split()) for line in kubectl(hosts, given, "logs runner").splitlines())
    stored = json.loads(kubectl(hosts, given, "get secrets -o json"))["items"]
    data = {one["metadata"]["name"]: one["data"] for one in stored}
    expected = {
        f"{path.removeprefix('/runner/certs/')}/{key}": hashlib.md5(base64.b64decode(value)).hexdigest()
        for path, name in MOUNTS.items()
        for key, value in data[name].items()
    }
    assert found == expected and {"message/encryption/ssh-privatekey", "message/passphrase/ssh-passphrase", "aws-sqs/default/config"} <= set(found)


def test_a_running_pod_holds_back_the_end_of_a_rotation(hosts: Hosts, given: dict[str, t.Any], registry: str) -> None:
    given = {**given, "registries": [{"host": REGISTRY, "username": USER, "password": PASSWORD}]}
    hosts.passes("gpu1", "runner_secrets", **given)
    kubectl(hosts, given, "apply -f -", pod(given["namespace"], "runner", "sleep 600"))
    kubectl(hosts, given, "wait pod/runner --timeout=240s --for=condition=Ready")
    assert hosts.passes("gpu1", "runner_secrets", **given, rotate=True)["changed"]
    message = hosts.fails("gpu1", "runner_secrets", **given, drop_previous=True)["msg"]
    assert "drop_previous: runner in namespace" in message and "began before the new pair was written" in message
    kubectl(hosts, given, "delete pod runner --wait")
    kubectl(hosts, given, "apply -f -", pod(given["namespace"], "runner", "sleep 600"))
    kubectl(hosts, given, "wait pod/runner --timeout=240s --for=condition=Ready")
    assert hosts.passes("gpu1", "runner_secrets", **given, drop_previous=True)["changed"]
