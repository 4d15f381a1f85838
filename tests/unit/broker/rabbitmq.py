# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real RabbitMQ with its management plug-in on loopback, started by hand: never the machine's service, nothing outside one directory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import time
import typing as t

ROOTS = ("usr/lib/erlang", "usr/lib/rabbitmq")
READY_SECONDS = 240
ADMINISTRATOR = "administrator"


def find_source() -> pathlib.Path | None:
    """Debian's package rabbitmq-server where it is installed (its service need not run), else the sandbox's host image, which has it."""
    if all(pathlib.Path("/", root).is_dir() for root in ROOTS):
        return pathlib.Path("/")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "studioml-fleet" / "artifacts"
    built = sorted(cache.glob("debian-*/layer.tar"), key=lambda path: path.stat().st_mtime)
    return built[-1] if built else None


def unpacked(source: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """Where the programs of C(find_source) lie."""
    if source.is_dir():
        return source
    directory.mkdir()
    subprocess.run(["tar", "-xf", source, "-C", directory, *(f"./{root}" for root in ROOTS)], check=True)
    return directory


class RabbitMQ:
    """Start with C(start), stop with C(stop). The port mapper of Erlang is a child of its own, so that nothing stays behind."""

    def __init__(self, programs: pathlib.Path, directory: pathlib.Path, **settings: str) -> None:
        self.directory, self.settings = directory, settings
        self.erlang = programs / "usr/lib/erlang"
        self.server = next((programs / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        self.password = secrets.token_hex(8)
        self.amqp_port, self.management_port, self.mapper_port, self.peer_port = free_ports(4)
        self.url = f"http://127.0.0.1:{self.management_port}"
        self._mapper: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    def start(self, management: bool = True) -> None:
        self._write_files(management)
        search = f"{self._erl()}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": search, "HOME": str(self.directory)}
        environment.update(
            ERL_EPMD_PORT=str(self.mapper_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME=f"fleet-{self.amqp_port}@localhost",
            RABBITMQ_CONFIG_FILE=str(self.directory / "rabbitmq.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self.directory / "enabled_plugins"),
            RABBITMQ_MNESIA_BASE=str(self.directory / "data"),
            RABBITMQ_LOG_BASE=str(self.directory / "log"),
            RABBITMQ_PID_FILE=str(self.directory / "pid"),
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.amqp_port),
            RABBITMQ_DIST_PORT=str(self.peer_port),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        )
        self._mapper = self._run([str(self._machine() / "epmd"), "-address", "127.0.0.1", "-port", str(self.mapper_port)], environment, "epmd")
        self._await_port(self.mapper_port)
        self._node = self._run([str(self.server)], environment, "server")
        self._await_port(self.amqp_port)
        if management:
            self._await_management()

    def stop(self) -> None:
        """At once: what it has in its directory is nobody's any more."""
        for process in (self._node, self._mapper):
            if process and process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)
        self._node = self._mapper = None

    def call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        """One request of the administrator; the tests' own way, apart from what they test."""
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=60)
        token = base64.b64encode(f"{ADMINISTRATOR}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        connection.request(method, f"/api{path}", json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 300 or answer.status == 404, (method, path, answer.status, text)
        return json.loads(text) if text and answer.status < 300 else None

    def _machine(self) -> pathlib.Path:
        return next(self.erlang.glob("erts-*/bin"))

    def _erl(self) -> pathlib.Path:
        """A directory with an C(erl) that does not care where Erlang lies."""
        place = self.directory / "bin"
        place.mkdir(exist_ok=True)
        lines = [f"export ROOTDIR={self.erlang} BINDIR={self._machine()} EMU=beam PROGNAME=erl", 'exec "$BINDIR/erlexec" "$@"']
        (place / "erl").write_text("\n".join(["#!/bin/sh", *lines, ""]))
        (place / "erl").chmod(0o700)
        return place

    def _write_files(self, management: bool) -> None:
        salt = os.urandom(4)
        hashed = base64.b64encode(salt + hashlib.sha256(salt + self.password.encode()).digest()).decode()
        user = {"name": ADMINISTRATOR, "password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": "administrator"}
        permission = {"user": ADMINISTRATOR, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {"users": [user], "vhosts": [{"name": "/"}], "permissions": [permission]}
        self._private("definitions.json", json.dumps(definitions))
        self._private("enabled_plugins", "[rabbitmq_management].\n" if management else "[].\n")
        lines = {"load_definitions": str(self.directory / "definitions.json"), "log.console": "false", **self.settings}
        if management:
            lines.update({"management.tcp.ip": "127.0.0.1", "management.tcp.port": str(self.management_port)})
        self._private("rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in lines.items()))

    def _private(self, name: str, content: str) -> None:
        path = self.directory / name
        path.touch(0o600)
        path.write_text(content)

    def _run(self, command: list[str], environment: dict[str, str], name: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.out").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

    def _await_port(self, port: int) -> None:
        self._await(lambda: socket.create_connection(("127.0.0.1", port), 1).close())

    def _await_management(self) -> None:
        self._await(lambda: self.call("GET", "/overview"))

    def _await(self, attempt: t.Callable[[], t.Any]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                attempt()
                return
            except (OSError, http.client.HTTPException, AssertionError):
                ended = [process for process in (self._mapper, self._node) if process and process.poll() is not None]
                if ended or time.monotonic() > deadline:
                    output = "".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("*.out")))
                    raise RuntimeError(f"RabbitMQ did not start: {output[-2000:]}") from None
                time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _number in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
