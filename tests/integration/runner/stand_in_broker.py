"""The RabbitMQ of a sandbox's hub, or one that the environment names, with a virtual host for each test."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNNER = Path(__file__).resolve().parents[2] / "sandbox" / "runner"
sys.path.insert(0, str(RUNNER))

import publish  # noqa: E402

#: Seconds until something counts as missing; what comes at all comes sooner, but for a machine that is busy with other things.
PATIENCE = 90.0


def wait_for(what: str, check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true answer of the check; what was waited for is named when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def free_port() -> int:
    """A free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[Any], seconds: float = 15) -> None:
    """End a process that the tests started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Broker:
    """The broker of a test session."""

    def __init__(self, amqp: str, management: Any) -> None:
        self.amqp = amqp  # host:port
        self.management = management  # of an administrator

    def virtual_host(self) -> VirtualHost:
        """A virtual host with a user of its own, as each runner group has one."""
        name = f"stand-in-{uuid.uuid4().hex[:8]}"
        password = secrets.token_hex(8)
        self.management.call("PUT", f"/vhosts/{name}")
        self.management.call("PUT", f"/users/{name}", {"password": password, "tags": "management"})
        administrator = publish.Management(self.management.url, self.management.user, self.management.password, name)
        made = VirtualHost(name, password, administrator, f"amqp://{name}:{password}@{self.amqp}/{name}")
        made.allow_read(True)
        self.management.call("PUT", f"/permissions/{name}/{self.management.user}", {"configure": ".*", "write": ".*", "read": ".*"})
        return made


@dataclass
class VirtualHost:
    """A virtual host and its user, who has its name."""

    name: str
    password: str
    administrator: Any
    url: str

    def allow_read(self, allowed: bool) -> None:
        """Give the user its read permission, or take it away."""
        self.administrator.call("PUT", f"/permissions/{self.name}/{self.name}", {"configure": ".*", "write": ".*", "read": ".*" if allowed else "^$"})

    def send(self, queue: str, seconds: float, count: int = 1, **options: Any) -> list[str]:
        """Publish experiments and give their keys."""
        self.administrator.declare(queue)
        keys = [f"test-{uuid.uuid4().hex[:8]}" for _number in range(count)]
        for key in keys:
            self.administrator.publish(queue, publish.experiment(key, seconds, **options))
        return keys

    def expect(self, queue: str, ready: int, unacknowledged: int, seconds: float = PATIENCE) -> None:
        """Wait until the broker counts so many messages."""
        wanted = {"ready": ready, "unacknowledged": unacknowledged}
        wait_for(f"{queue} with {wanted}", lambda: self.administrator.counts(queue) == wanted, seconds)

    def delete(self) -> None:
        """Remove the virtual host and its user."""
        self.administrator.call("DELETE", f"/vhosts/{self.name}")
        self.administrator.call("DELETE", f"/users/{self.name}")


def given_broker(url: str) -> Broker:
    """The broker of a URL amqp://administrator:password@host:port whose management API is on the port + 10000."""
    parsed = urllib.parse.urlsplit(url)
    management = publish.Management(f"http://{parsed.hostname}:{(parsed.port or 5672) + 10000}", parsed.username, parsed.password)
    return Broker(f"{parsed.hostname}:{parsed.port or 5672}", management)
