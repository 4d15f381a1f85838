# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real etcd and kube-apiserver (and on demand the controller manager) on loopback, with TLS, client certificates and an audit log."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time
import typing as t

from certificates import Authority

PROGRAMS = ("etcd", "kube-apiserver")
CONTROLLER_MANAGER = "kube-controller-manager"
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
# Safety nets: a loaded machine takes long to start a program, and to tell of the end of a watch.
READY_SECONDS = 240
WATCH_ENDS_SECONDS = 30
# Controllers that the tests need; those for nodes would take away pods that no kubelet keeps alive.
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "daemonset-controller",
    "job-controller",
    "serviceaccount-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
)


def find_programs() -> dict[str, pathlib.Path]:
    """The programs by name: from KUBEBUILDER_ASSETS, or the one binary for all of them that the sandbox has built; empty if there is neither."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        found = {name: pathlib.Path(given) / name for name in (*PROGRAMS, CONTROLLER_MANAGER)}
        found = {name: path for name, path in found.items() if os.access(path, os.X_OK)}
        return found if set(PROGRAMS) <= set(found) else {}
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "studioml-fleet" / "artifacts"
    built = sorted(cache.glob("go-kubernetes-*/kubernetes"), key=lambda path: path.stat().st_mtime)
    return dict.fromkeys((*PROGRAMS, CONTROLLER_MANAGER), built[-1]) if built else {}


class ControlPlane:
    """Start with C(start), stop with C(stop); everything lies in one directory."""

    def __init__(self, programs: dict[str, pathlib.Path], directory: pathlib.Path) -> None:
        self.programs, self.directory = programs, directory
        self.authority = Authority("fleet test authority")
        self.port, self.etcd_port, self.peer_port = free_ports(3)
        self.url = f"https://127.0.0.1:{self.port}"
        self.audit_log = directory / "audit.log"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._watched, self._watches = 0, set[str]()

    def start(self, *more: str) -> None:
        self._write_files()
        self.start_etcd()
        self.start_api(*more)

    def start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self._run(
            "etcd",
            *("--data-dir", str(self.directory / "etcd"), "--unsafe-no-fsync", "--log-level", "error"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
        )

    def start_api(self, *more: str) -> None:
        files = self.directory
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            *("--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={self.port}"),
            *(f"--tls-cert-file={files}/server.crt", f"--tls-private-key-file={files}/server.key", f"--client-ca-file={files}/ca.crt"),
            *(f"--token-auth-file={files}/tokens.csv", "--authorization-mode=RBAC", "--allow-privileged=true", "--service-cluster-ip-range=10.152.183.0/24"),
            *(f"--service-account-key-file={files}/server.key", f"--service-account-signing-key-file={files}/server.key"),
            "--service-account-issuer=https://fleet.test",
            *(f"--kubelet-client-certificate={files}/admin.crt", f"--kubelet-client-key={files}/admin.key"),
            *(f"--audit-policy-file={files}/audit.json", f"--audit-log-path={self.audit_log}", "--audit-log-mode=blocking-strict"),
            *("--endpoint-reconciler-type=none", "--kubelet-preferred-address-types=InternalIP"),
            *more,
        )
        self.await_ready()

    def start_controllers(self) -> None:
        """The real controllers, so that a Deployment makes pods (and nobody runs them, but a test that writes their status)."""
        if CONTROLLER_MANAGER not in self._running:
            kubeconfig = self.kubeconfig("controllers", "system:kube-controller-manager", ["system:masters"])
            self._run(
                CONTROLLER_MANAGER,
                *(f"--kubeconfig={kubeconfig}", "--leader-elect=false", f"--controllers={','.join(CONTROLLERS)}", "--secure-port=0"),
                *("--kube-api-qps=500", "--kube-api-burst=500"),
                *(f"--root-ca-file={self.directory}/ca.crt", f"--service-account-private-key-file={self.directory}/server.key"),
            )

    def stop_program(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(60)

    def stop(self) -> None:
        for name in reversed(list(self._running)):
            self.stop_program(name)

    def kubeconfig(self, name: str, user: str = "admin", groups: t.Sequence[str] = ("system:masters",), **changes: t.Any) -> pathlib.Path:
        """A kubeconfig for a user by client certificate; C(days), C(server), C(authority), C(token), C(namespace) make it a special one."""
        authority = changes.get("authority", self.authority)
        credentials: dict[str, t.Any] = {"token": changes["token"]} if "token" in changes else {}
        if not credentials:
            pair = self.authority.client(user, groups, datetime.timedelta(days=changes.get("days", 1)))
            credentials = {"client-certificate-data": pair.certificate_data, "client-key-data": pair.key_data}
        cluster = {"server": changes.get("server", self.url), "certificate-authority-data": authority.data}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user, "namespace": changes.get("namespace", "default")}}],
        }
        path = self.directory / f"{name}.kubeconfig"
        path.touch(0o600)
        path.write_text(json.dumps(config, indent=1))
        return path

    def requests(self, since: int = 0) -> list[dict[str, t.Any]]:
        """What the collection has asked of the API server, from its audit log: one entry a request, watches when they end, which is waited for."""
        self._await_ends_of_watches()
        with open(self.audit_log, encoding="utf-8") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith("\n")]
        return [event for event in events if event.get("userAgent") == "studioml.fleet" and event["stage"] != "ResponseStarted"]

    def mark(self) -> int:
        """Where the audit log ends now, with all that was asked before."""
        self._await_ends_of_watches()
        return self.audit_log.stat().st_size

    def _await_ends_of_watches(self) -> None:
        """The API server writes the end of a watch a moment after its client has left: the line must not be missed, nor be counted with what comes later."""
        end = time.monotonic() + WATCH_ENDS_SECONDS
        while self._open_watches() and time.monotonic() < end:
            time.sleep(0.02)
        self._watches.clear()  # one that still runs is meant to, or its server was stopped: it is not waited for again

    def _open_watches(self) -> bool:
        with open(self.audit_log, encoding="utf-8") as log:
            log.seek(self._watched)
            for line in iter(log.readline, ""):
                if not line.endswith("\n"):
                    break  # it is being written
                self._watched = log.tell()
                event = json.loads(line) if '"verb":"watch"' in line else {}
                if event.get("userAgent") == "studioml.fleet":
                    (self._watches.add if event["stage"] == "ResponseStarted" else self._watches.discard)(event["auditID"])
        return bool(self._watches)

    def await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        trust = ssl.create_default_context(cadata=self.authority.pem.decode())
        while time.monotonic() < deadline:
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}: {self._log(name)[-2000:]}")
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=trust)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    connection.close()
                    return
            connection.close()
            time.sleep(0.2)
        raise RuntimeError(f"kube-apiserver was not ready in {READY_SECONDS} s: {self._log('kube-apiserver')[-2000:]}")

    def _write_files(self) -> None:
        server = self.authority.server(["127.0.0.1", "localhost", "kubernetes.default.svc"])
        admin = self.authority.client("kube-apiserver", ["system:masters"])
        for name, content in (("ca.crt", self.authority.pem), ("server.crt", server.certificate), ("server.key", server.key)):
            self._private(name, content)
        for name, content in (("admin.crt", admin.certificate), ("admin.key", admin.key), ("audit.json", json.dumps(AUDIT_POLICY).encode())):
            self._private(name, content)
        self._private("tokens.csv", b'plugin-token,plugin-user,1,"system:masters"\n')

    def _private(self, name: str, content: bytes) -> None:
        path = self.directory / name
        path.touch(0o600)
        path.write_bytes(content)

    def _run(self, name: str, *arguments: str) -> None:
        with open(self.directory / f"{name}.log", "ab") as log:
            # one binary may be all of them: it picks by the name that it is called by
            self._running[name] = subprocess.Popen(
                [name, *arguments], executable=self.programs[name], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def _log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _number in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
