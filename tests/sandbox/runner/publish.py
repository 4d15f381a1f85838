# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish experiments for the stand-in runner, or show what a queue holds, through RabbitMQ's management API."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seal

EXCHANGE = "StudioML.topic"
ROUTING_PREFIX = "StudioML."


class PublishError(Exception):
    """What was tried, what came back, and what to do."""


@dataclass
class Management:
    """RabbitMQ's management API with one user and one virtual host."""

    url: str
    user: str
    password: str
    vhost: str = "/"
    timeout: float = 60.0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded answer, or None where there is none; a missing object is None too."""
        request = urllib.request.Request(self.url.rstrip("/") + "/api" + path, method=method)
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request.add_header("Authorization", "Basic " + token)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data=data, timeout=self.timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "GET":
                return None
            raise PublishError(self._refused(method, path, error)) from None
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise PublishError(f"{method} {self.url}{path}: {reason}. Is RabbitMQ up, with its management plug-in on?") from None
        return json.loads(text) if text else None

    def _refused(self, method: str, path: str, error: urllib.error.HTTPError) -> str:
        words = error.read(1000).decode(errors="replace").strip()
        hint = ""
        if error.code == 401:
            hint = f" Check the password of user {self.user}; it also needs the tag management."
        return f"{method} {self.url}/api{path}: {error.code} {error.reason}: {words}.{hint}"

    def path(self, kind: str, *names: str) -> str:
        """Return the path of an object in the virtual host."""
        return "/" + "/".join([kind, *(urllib.parse.quote(name, safe="") for name in (self.vhost, *names))])

    def declare(self, queue: str) -> None:
        """Bind the queue to the exchange as a runner looks for it; what exists already is left as it is."""
        self.call("PUT", self.path("exchanges", EXCHANGE), {"type": "topic", "durable": True, "auto_delete": True})
        if self.call("GET", self.path("queues", queue)) is None:
            self.call("PUT", self.path("queues", queue), {"durable": True, "auto_delete": False})
        self.call("POST", self.path("bindings", "e", EXCHANGE, "q", queue), {"routing_key": ROUTING_PREFIX + queue})

    def publish(self, queue: str, payload: str) -> None:
        """Publish one message; one that reaches no queue is an error."""
        message = {
            "properties": {"delivery_mode": 2, "content_type": "application/json"},
            "routing_key": ROUTING_PREFIX + queue,
            "payload": payload,
            "payload_encoding": "string",
        }
        answer = self.call("POST", self.path("exchanges", EXCHANGE, "publish"), message)
        if not (answer or {}).get("routed"):
            raise PublishError(f"RabbitMQ took the message but routed it to no queue: is {queue} bound to {EXCHANGE}?")

    def counts(self, queue: str) -> dict[str, int]:
        """Return ready and unacknowledged messages. RabbitMQ's statistics lag by about five seconds."""
        found = self.call("GET", self.path("queues", queue))
        if found is None:
            raise PublishError(f"There is no queue {queue} in virtual host {self.vhost}. Publish to it, which declares it.")
        return {"ready": found.get("messages_ready", 0), "unacknowledged": found.get("messages_unacknowledged", 0)}


def experiment(key: str, seconds: float, project: str = "sandbox", cpus: int = 1, gpus: int = 0, fail: bool = False, store: str = "") -> str:
    """Return a StudioML request in clear text whose work is to last for some seconds; with C(store) its result goes there."""
    env = {"STAND_IN_SECONDS": f"{seconds:g}"}
    if fail:
        env["STAND_IN_FAIL"] = "true"
    request: dict[str, Any] = {
        "config": {"database": {"type": "s3", "projectId": project}, "env": env, "experimentLifetime": "30m"},
        "experiment": {
            "key": key,
            "filename": "sleep.py",
            "args": [f"{seconds:g}"],
            "pythonver": 3,
            "resources_needed": {"cpus": cpus, "gpus": gpus, "ram": "128mb", "hdd": "128mb"},
            "status": "waiting",
            "time_added": time.time(),
        },
    }
    if store:
        request["experiment"]["artifacts"] = {"output": {"qualified": f"{store.rstrip('/')}/experiments/{key}/output.tar", "mutable": True, "unpack": True}}
    return json.dumps(request)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, epilog="The password comes from --password-file or from the variable RABBITMQ_PASSWORD.")
    parser.add_argument("--url", default=os.environ.get("RABBITMQ_MANAGEMENT_URL", "http://127.0.0.1:15672"), help="management API (default: %(default)s)")
    parser.add_argument("--user", default=os.environ.get("RABBITMQ_USER", "guest"), help="user with the tag management (default: %(default)s)")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file that holds the password alone")
    parser.add_argument("--vhost", default="/", help="virtual host (default: %(default)s)")
    parser.add_argument("--queue", required=True, help="queue, for example rmq_gpu1_demo")
    parser.add_argument("--project", default="sandbox", help="project of the experiments (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long an experiment works (default: %(default)g)")
    parser.add_argument("--count", type=int, default=1, help="number of experiments; 0 only declares the queue (default: %(default)s)")
    parser.add_argument("--cpus", type=int, default=1, help="cores an experiment asks for (default: %(default)s)")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs an experiment asks for (default: %(default)s)")
    parser.add_argument("--store", default="", metavar="s3://HOST:PORT/BUCKET", help="bucket that the result is to be stored in (default: nowhere)")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="encrypt for the runners that have its private half; needs requirements.txt")
    parser.add_argument("--signing-key", type=Path, metavar="FILE", help="with --public-key: sign with this key, as ssh-keygen -t ed25519 makes it")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--fail", action="store_true", help="experiments that fail: their messages come back for ever")
    kind.add_argument("--poison", action="store_true", help="messages that cannot be parsed: they come back for ever too")
    kind.add_argument("--status", action="store_true", help="publish nothing; print the queue's counts as JSON")
    return parser


def _password(file: Path | None) -> str:
    if file is None:
        if "RABBITMQ_PASSWORD" not in os.environ:
            raise PublishError("No password: give --password-file FILE or set RABBITMQ_PASSWORD.")
        return os.environ["RABBITMQ_PASSWORD"]
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PublishError(f"Reading the password from {file}: {error.strerror}.") from None


def run(arguments: argparse.Namespace) -> None:
    """Do what the command line asks."""
    broker = Management(arguments.url, arguments.user, _password(arguments.password_file), arguments.vhost)
    if arguments.status:
        print(json.dumps({"queue": arguments.queue, **broker.counts(arguments.queue)}))
        return
    if arguments.count < 0 or arguments.seconds < 0:
        raise PublishError("--count and --seconds cannot be below 0.")
    if arguments.signing_key and not arguments.public_key:
        raise PublishError("--signing-key signs what is encrypted: give --public-key too.")
    broker.declare(arguments.queue)
    for _number in range(arguments.count):
        key = f"stand-in-{uuid.uuid4().hex[:12]}"
        payload = experiment(key, arguments.seconds, arguments.project, arguments.cpus, arguments.gpus, arguments.fail, arguments.store)
        if arguments.public_key:
            payload = seal.envelope(payload, arguments.public_key, arguments.signing_key)
        broker.publish(arguments.queue, "this is no JSON" if arguments.poison else payload)
        print(f"published {'a message that cannot be parsed' if arguments.poison else key} to {arguments.queue}")
    if not arguments.count:
        print(f"queue {arguments.queue} is declared and bound to {EXCHANGE}")


def main(argv: list[str] | None = None) -> int:
    """Return the exit status."""
    try:
        run(_parser().parse_args(argv))
    except (PublishError, seal.SealError) as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
