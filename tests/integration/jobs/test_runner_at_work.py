# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A runner with all of its Secrets, on a real kubelet: it is pulled with the pull secret, opens what was encrypted for its key and signed, works on a
queue of the RabbitMQ in the cluster, and stores the result in the MinIO there, while runner_info sees it busy and then quiet.

The runner is the stand-in; RabbitMQ, MinIO, registry, kubelet, ssh-keygen, openssl, libsodium (which encrypts) and curl (which reads the result) are real.
That a wrong secret is refused before it is stored: tests/unit/secrets and tests/unit/api/test_runner_secrets.py.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import time
import typing as t

import cluster_services
import node_ports
import pytest
from cluster_services import PASSWORD, REGISTRY, RUNNER, USER
from job_runs import module, play, pods
from module_runs import CLONE, Hosts

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

sys.path.insert(0, str(CLONE / "tests" / "tools"))
import environments  # noqa: E402

pytestmark = pytest.mark.sandbox

PUBLISHER = CLONE / "tests" / "sandbox" / "runner"
QUEUE, REFUSED = "rmq_full_work", "rmq_full_refused"
BUCKET = "results"
RUNNER_VARIABLES: dict[str, t.Any] = {
    "runner_profile": "local",
    "runner_image": RUNNER,
    "runner_image_pull_policy": "Always",
    "runner_image_pull_secrets": ["studioml-go-docker-key"],
    "runner_resources": {"limits": {"cpu": "500m", "memory": "256Mi"}},
    "runner_secret_mounts": [{"mount": "aws-sqs", "account": "default"}],
    "runner_env": {"CPU_ONLY": True, "QUEUE_MATCH": "^rmq_full_.*$", "LOGXI": "*=INF", "STAND_IN_TIME_SCALE": "0.2"},
    "runner_env_unchecked": ["STAND_IN_*"],
    "runner_env_secrets": ["rabbitmq-runner"],
}


class Site:
    """What a person has at hand: playbooks, the values of the Secrets, and the publisher of experiments."""

    def __init__(self, inventory: pathlib.Path, hosts: Hosts, api: Api, namespace: str, folder: pathlib.Path) -> None:
        self.inventory, self.hosts, self.api, self.namespace, self.folder = inventory, hosts, api, namespace, folder
        self.told: list[str] = []

    def roles(self, *names: str, **variables: t.Any) -> None:
        """Run roles of ours at the first host; the variables are in a file that nobody else may read."""
        book, values = self.folder / "play.yml", self.folder / "values.yml"
        book.write_text(json.dumps([{"hosts": "gpu1", "gather_facts": False, "roles": [f"studioml.fleet.{name}" for name in names]}]))
        values.touch(0o600)
        values.write_text(json.dumps(variables))
        done = play(self.inventory, str(book), "-vvvv", "--diff", "-e", f"@{values}")
        self.told.append(done.stdout + done.stderr)
        assert done.returncode == 0, self.told[-1][-5000:]

    def secret(self, name: str) -> dict[str, str]:
        data = self.api.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{name}")["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def url(self, service: str, port: str) -> str:
        """A Service's port from outside of the cluster."""
        return node_ports.url(self.api, self.hosts.address("gpu1"), self.namespace, service, port)

    def publish(self, queue: str, *words: str | pathlib.Path) -> str:
        """The sandbox's publisher, in an environment that can encrypt; what it said."""
        lines = (PUBLISHER / "requirements.txt").read_text().splitlines()
        python = environments.environment(pathlib.Path(sys.executable), [line for line in lines if not line.startswith("#")], name="stand-in-messages")
        login = self.secret("rabbitmq-credentials")
        url = self.url("rabbitmq-service", "management")
        command = [python / "bin" / "python", PUBLISHER / "publish.py", "--url", url, "--user", login["username"], "--queue", queue, *words]
        environment = {**os.environ, "RABBITMQ_PASSWORD": login["password"]}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180, check=False)
        return done.stdout

    def s3(self, method: str, path: str) -> bytes:
        """What curl, which signs by itself, gets from MinIO; the keys reach it in its standard input."""
        login = self.secret("minio-credentials")
        settings = f'user = "{login["username"]}:{login["password"]}"\nurl = "{self.url("minio-service", "s3")}{path}"\n'
        command = f"curl --silent --show-error --fail-with-body --request {method} --aws-sigv4 aws:amz:us-east-1:s3 --config -"
        return self.hosts.on("gpu1", command, stdin=settings.encode()).encode()

    def running(self, kubeconfig: str) -> int | None:
        """Experiments at work, as runner_info sees them in the metrics."""
        (runner,) = module("runner_info", kubeconfig=kubeconfig, namespace=self.namespace, gather=["metrics"])["runners"]
        return runner["running"]

    def log(self) -> str:
        (pod,) = pods(self.api, self.namespace, "app=studioml-go-runner")
        return self.hosts.on("gpu1", f"microk8s kubectl -n {self.namespace} logs {pod['metadata']['name']}")


@pytest.fixture
def site(inventory: pathlib.Path, hosts: Hosts, api: Api, namespace: str, tmp_path: pathlib.Path) -> t.Iterator[Site]:
    cluster_services.prepare(hosts, "gpu1")
    yield Site(inventory, hosts, api, namespace, tmp_path)
    hosts.on("gpu1", cluster_services.STOP_REGISTRY)


def signing_key(folder: pathlib.Path, name: str) -> pathlib.Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return folder / name


def openssl(*words: str | pathlib.Path) -> str:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=True).stdout


def until(what: str, check: t.Callable[[], t.Any], seconds: float = 240) -> t.Any:
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.5)
    return found


def test_it_works_with_all_its_secrets(site: Site, kubeconfig: str) -> None:
    folder = site.folder
    ours, strangers, public = signing_key(folder, "ours"), signing_key(folder, "strangers"), folder / "public.pem"
    site.roles("companions", **cluster_services.COMPANIONS)
    login = site.secret("minio-credentials")
    aws = {
        "credentials": f"[default]\naws_access_key_id = {login['username']}\naws_secret_access_key = {login['password']}\n",
        "config": "[default]\nregion = us-east-1\n",
    }
    secrets = {
        "runner_secrets_public_key_file": str(public),
        "runner_secrets_signing_keys": {"rmq_full_": ours.with_suffix(".pub").read_text()},
        "runner_secrets_aws": aws,
        "runner_secrets_registries": [{"host": REGISTRY, "username": USER, "password": PASSWORD}],
    }
    site.roles("runner_secrets", **secrets)
    decoded_by_openssl(site, public)

    site.s3("PUT", f"/{BUCKET}")
    for queue in (QUEUE, REFUSED):
        assert "is declared" in site.publish(queue, "--count", "0")
    site.roles("runner_secrets", "runner", **secrets, **RUNNER_VARIABLES)
    assert site.running(kubeconfig) == 0
    assert "is not such a key" in site.publish(REFUSED, "--public-key", ours)
    for words in ([], ["--public-key", public], ["--public-key", public, "--signing-key", strangers]):
        assert "published" in site.publish(REFUSED, *words)
    sealed = ["--public-key", public, "--signing-key", ours, "--store", f"s3://minio-service:9000/{BUCKET}"]
    (experiment,) = (line.split()[1] for line in site.publish(QUEUE, *sealed, "--seconds", "25").splitlines())
    until("the experiment at work", lambda: site.running(kubeconfig) == 1)
    until("the end of the experiment", lambda: site.running(kubeconfig) == 0)

    with tarfile.open(fileobj=io.BytesIO(site.s3("GET", f"/{BUCKET}/experiments/{experiment}/output.tar"))) as archive:
        (file,) = archive.getmembers()
        content = archive.extractfile(file)
        assert content and file.name == "output"
        text = content.read().decode()
    assert "This is the stand-in runner" in text and f"experiment: {experiment}\n" in text
    counts = json.loads(until("the acknowledgement", lambda: '"ready": 0, "unacknowledged": 0' in (said := site.publish(QUEUE, "--status")) and said))
    assert counts["queue"] == QUEUE
    # what was not signed with the key of the queue was never opened, and waits
    log = site.log()
    assert log.count("experiment started") == log.count("experiment completed") == 1, log
    assert "the message has no signature of the key that covers rmq_full_" in log
    until("the refused ones", lambda: sum(json.loads(site.publish(REFUSED, "--status"))[kind] for kind in ("ready", "unacknowledged")) == 3)
    nothing_told(site, log)


def decoded_by_openssl(site: Site, public: pathlib.Path) -> None:
    """The stored pair is one, in the forms that the runner reads, and the file for experimenters is its public half."""
    pair = site.secret("studioml-runner-key-secret")
    files = {name: site.folder / name for name in ("private", "phrase")}
    for path, text in ((files["private"], pair["ssh-privatekey"]), (files["phrase"], site.secret("studioml-runner-passphrase-secret")["ssh-passphrase"])):
        path.touch(0o600)
        path.write_text(text)
    opened = openssl("rsa", "-in", files["private"], "-passin", f"file:{files['phrase']}", "-RSAPublicKey_out")
    assert opened == public.read_text() == pair["ssh-publickey"]
    assert pair["ssh-privatekey"].startswith("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n")
    assert "Public-Key: (4096 bit)" in openssl("rsa", "-RSAPublicKey_in", "-in", public, "-noout", "-text")
    assert site.secret("studioml-signing")["rmq_full_"].strip() == (site.folder / "ours.pub").read_text().strip()


def nothing_told(site: Site, log: str) -> None:
    """No secret was in what Ansible told with -vvvv, nor in the runner's log."""
    words = [site.secret(name)["password"] for name in ("minio-credentials", "rabbitmq-credentials")]
    words += [site.secret("studioml-runner-passphrase-secret")["ssh-passphrase"], PASSWORD]
    assert all(len(word) > 8 for word in words)
    assert not [number for number, word in enumerate(words) if word in log or word in "".join(site.told)], "a secret was told"
