"""A real etcd and kube-apiserver of the tests' own on loopback, with RBAC and an audit log."""

from __future__ import annotations

import json
import os
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from stand_in_broker import free_port, stop, wait_for

NAMESPACE = "runners"
ACCOUNT = "studioml-account"
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata", "resources": [{"group": "", "resources": ["configmaps"]}]}]}


def programs(directory: Path) -> Path | None:
    """A directory with etcd and kube-apiserver: KUBEBUILDER_ASSETS, or links to what the sandbox has built."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "studioml-fleet" / "artifacts"
    built = sorted(cache.glob("go-kubernetes-*/kubernetes"), key=lambda path: path.stat().st_mtime)
    if not built:
        return None
    for name in ("etcd", "kube-apiserver"):
        (directory / name).symlink_to(built[-1])
    return directory


class Cluster:
    """One API server; the runner's ServiceAccount in it may watch ConfigMaps and nothing else."""

    def __init__(self, binaries: Path, directory: Path, watch_seconds: int = 1800) -> None:
        self.directory = directory
        self.port = free_port()
        self.account = directory / "account"
        self._token = secrets.token_hex(16)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start(binaries, watch_seconds)

    def _start(self, binaries: Path, watch_seconds: int) -> None:
        client, peer = free_port(), free_port()
        etcd = f"http://127.0.0.1:{client}"
        self._run(
            "etcd",
            [binaries / "etcd", f"--data-dir={self.directory / 'etcd'}", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"]
            + [f"--listen-peer-urls=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--log-level=error"],
        )
        key = self.directory / "account.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens = self.directory / "tokens.csv"
        tokens.touch(0o600)
        tokens.write_text(f"{self._token},administrator,administrator,system:masters\n")
        policy = self.directory / "audit.yaml"
        policy.write_text(json.dumps(AUDIT))
        self._run(
            "kube-apiserver",
            [binaries / "kube-apiserver", f"--etcd-servers={etcd}", f"--secure-port={self.port}", "--bind-address=127.0.0.1"]
            + ["--service-cluster-ip-range=10.96.0.0/24", f"--cert-dir={self.directory}", f"--token-auth-file={tokens}", "--authorization-mode=RBAC"]
            + [f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}", "--service-account-issuer=https://stand-in.test"]
            + [f"--min-request-timeout={watch_seconds}", f"--audit-policy-file={policy}", f"--audit-log-path={self.directory / 'audit.log'}"]
            + ["--endpoint-reconciler-type=none", "--v=0"],
        )
        wait_for(f"the API server, whose output is in {self.directory}", self._ready, 240)
        self._make_account()

    def _run(self, name: str, command: list[Any]) -> None:
        with (self.directory / f"{name}.out").open("wb") as log:
            self._processes.append(subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))

    def _ready(self) -> bool:
        assert all(process.poll() is None for process in self._processes), f"etcd or kube-apiserver ended at once; its output is in {self.directory}"
        try:
            # accounts and RBAC objects can be made once the namespace default is there
            return bool(self.call("GET", "/api/v1/namespaces/default")) and self.call("GET", "/readyz") is not None
        except (OSError, AssertionError):
            return False

    def _make_account(self) -> None:
        group = "/apis/rbac.authorization.k8s.io/v1"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.call("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["watch"]}]
        self.call("POST", f"{group}/namespaces/{NAMESPACE}/roles", {"metadata": {"name": "studioml-role"}, "rules": rules})
        binding = {
            "metadata": {"name": "studioml-role-bind"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "studioml-role"},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
        }
        self.call("POST", f"{group}/namespaces/{NAMESPACE}/rolebindings", binding)
        answer = self.call("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {"spec": {"expirationSeconds": 3600}})
        self.account.mkdir(mode=0o700)
        (self.account / "token").write_text(answer["status"]["token"])
        (self.account / "ca.crt").write_bytes((self.directory / "apiserver.crt").read_bytes())

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """One request as the administrator; anything but success is an error with the server's words."""
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", kind)
        context = ssl.create_default_context(cafile=str(self.directory / "apiserver.crt"))
        try:
            with urllib.request.urlopen(request, data=json.dumps(body).encode() if body is not None else None, context=context, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read(500).decode()}") from None
        return json.loads(text) if text.startswith(b"{") else text

    def write(self, name: str, data: dict[str, str | None]) -> None:
        """Patch a map, or create it where there is none yet."""
        maps = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
        try:
            self.call("PATCH", f"{maps}/{name}", {"data": data}, "application/merge-patch+json")
        except AssertionError as missing:
            if ": 404 " not in str(missing):
                raise
            self.call("POST", maps, {"metadata": {"name": name}, "data": data})

    def state(self, name: str, word: str | None) -> None:
        """Write STATE of a map; None removes the key."""
        self.write(name, {"STATE": word})

    def delete(self, name: str) -> None:
        """Delete a map."""
        self.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}")

    def clear(self) -> None:
        """Delete all maps."""
        self.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps")

    def requests(self) -> list[dict[str, Any]]:
        """What the runner's ServiceAccount has asked for ConfigMaps so far: the request as the audit log has it when it came in."""
        log = self.directory / "audit.log"
        written = log.read_text().rpartition("\n")[0] if log.exists() else ""  # the last line may be half there
        entries = [json.loads(line) for line in written.splitlines()]
        return [entry for entry in entries if entry["stage"] == "ResponseStarted" and entry["user"]["username"].endswith(f":{ACCOUNT}")]

    def watched(self, before: int = 0, watches: int = 1) -> None:
        """Wait until the runner's watches are open: what is written before that comes as one state each, and not as events."""
        wait_for(f"{watches} open watches", lambda: len(self.requests()) >= before + watches)

    def stop(self) -> None:
        """End the API server, then etcd."""
        for process in reversed(self._processes):
            stop(process)
