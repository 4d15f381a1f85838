"""What the hub serves: a registry over plain HTTP, RabbitMQ with a user for each runner host, and by option an S3 server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from .errors import SandboxError
from .paths import Instance
from .state import Host, State, secret

REGISTRY_PORT = 5000
AMQP_PORT = 5672
MANAGEMENT_PORT = 15672
S3_PORT = 9000
ADMINISTRATOR = "administrator"
READY_SECONDS = 300.0
# content, mode, link
Files = dict[str, tuple[bytes, int, str]]

REGISTRY = f"""\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: /var/lib/docker-registry}}
  delete: {{enabled: true}}
http:
  addr: ":{REGISTRY_PORT}"
"""
BROKER = f"""\
listeners.tcp.default = {AMQP_PORT}
management.tcp.port = {MANAGEMENT_PORT}
management.rates_mode = basic
load_definitions = /etc/rabbitmq/definitions.json
"""
S3_UNIT = f"""\
[Unit]
Description=S3 server of the sandbox (MinIO)
After=network.target

[Service]
EnvironmentFile=/etc/minio.env
ExecStartPre=/bin/mkdir -p /var/lib/minio
ExecStart=/usr/local/bin/minio server --quiet --address :{S3_PORT} /var/lib/minio
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def files(instance: Instance, host: Host) -> Files:
    """The files that make a bare host the hub, units enabled by their links."""
    wants = "/etc/systemd/system/multi-user.target.wants"
    made: Files = {
        "/etc/docker/registry/config.yml": (REGISTRY.encode(), 0o644, ""),
        f"{wants}/docker-registry.service": (b"", 0o777, "/lib/systemd/system/docker-registry.service"),
    }
    if host.broker:
        made["/etc/rabbitmq/rabbitmq.conf"] = (BROKER.encode(), 0o644, "")
        made["/etc/rabbitmq/enabled_plugins"] = (b"[rabbitmq_management].\n", 0o644, "")
        # it holds a salted hash, not a password
        made["/etc/rabbitmq/definitions.json"] = (json.dumps(_definitions(instance)).encode(), 0o644, "")
        made[f"{wants}/rabbitmq-server.service"] = (b"", 0o777, "/lib/systemd/system/rabbitmq-server.service")
    if host.s3:
        environment = f"MINIO_ROOT_USER={ADMINISTRATOR}\nMINIO_ROOT_PASSWORD={secret(instance, 's3')}\n"
        made["/etc/minio.env"] = (environment.encode(), 0o600, "")
        made["/etc/systemd/system/minio.service"] = (S3_UNIT.encode(), 0o644, "")
        made[f"{wants}/minio.service"] = (b"", 0o777, "../minio.service")
    return made


def wait_ready(instance: Instance, host: Host) -> None:
    """Until what the hub serves answers."""
    _wait(f"http://{host.address}:{REGISTRY_PORT}/v2/", "the registry", "docker-registry")
    if host.broker:
        # the last of its definitions: without the virtual host nobody can be given permissions there
        _wait(f"http://{host.address}:{MANAGEMENT_PORT}/api/permissions/%2f/{ADMINISTRATOR}", "RabbitMQ", "rabbitmq-server", _authorization(instance))
    if host.s3:
        _wait(f"http://{host.address}:{S3_PORT}/minio/health/ready", "the S3 server", "minio")


def ensure_users(instance: Instance, state: State) -> None:
    """One RabbitMQ user for each runner host, who may use the default virtual host and see its queues."""
    host = state.hub()
    if host is None or not host.broker or not host.ready:
        return
    for runner in state.hosts.values():
        if runner.role == "runner":
            user = broker_user(runner)
            _put(instance, host, f"users/{user}", {"password": secret(instance, user), "tags": "management"})
            _put(instance, host, f"permissions/%2f/{user}", {"configure": ".*", "write": ".*", "read": ".*"})


def broker_user(host: Host) -> str:
    return f"runner-{host.name}"


def amqp_url(instance: Instance, hub: Host, user: str) -> str:
    return f"amqp://{user}:{secret(instance, user)}@{hub.address}:{AMQP_PORT}/%2f"


def management_url(hub: Host) -> str:
    return f"http://{hub.address}:{MANAGEMENT_PORT}"


def _definitions(instance: Instance) -> dict[str, Any]:
    salt = os.urandom(4)
    hashed = base64.b64encode(salt + hashlib.sha256(salt + secret(instance, ADMINISTRATOR).encode()).digest()).decode()
    user = {"name": ADMINISTRATOR, "password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": "administrator"}
    permission = {"user": ADMINISTRATOR, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    return {"users": [user], "vhosts": [{"name": "/"}], "permissions": [permission]}


def _authorization(instance: Instance) -> dict[str, str]:
    token = base64.b64encode(f"{ADMINISTRATOR}:{secret(instance, ADMINISTRATOR)}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def _put(instance: Instance, host: Host, path: str, body: dict[str, str]) -> None:
    headers = {**_authorization(instance), "Content-Type": "application/json"}
    request = urllib.request.Request(f"{management_url(host)}/api/{path}", json.dumps(body).encode(), headers, method="PUT")
    try:
        with _opener().open(request, timeout=60):
            pass
    except OSError as refused:
        what = urllib.parse.unquote(path)
        raise SandboxError(f"RabbitMQ on {host.name} did not take {what}: {refused}.", f"Look at it: `sandbox.py shell {host.name}`.") from refused


def _wait(url: str, what: str, unit: str, headers: dict[str, str] | None = None) -> None:
    deadline = time.monotonic() + READY_SECONDS
    answer = ""
    while time.monotonic() < deadline:
        try:
            with _opener().open(urllib.request.Request(url, headers=headers or {}), timeout=20):
                return
        except (OSError, urllib.error.HTTPError) as refused:
            answer = str(refused)
        time.sleep(0.2)
    hint = f"See `sandbox.py shell hub -- journalctl -u {unit}`."
    raise SandboxError(f"{what} on the hub did not answer within {READY_SECONDS:.0f} s ({url}): {answer}.", hint)


def _opener() -> urllib.request.OpenerDirector:
    # hosts are reached directly, whatever proxy the machine uses for the world
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
