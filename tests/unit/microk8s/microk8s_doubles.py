"""Doubles of snapd and of MicroK8s' command for unit tests, and texts of the real ones (read in the sources of MicroK8s 1.35, or seen from snapd 2.57.6)."""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import socketserver
import threading
import typing as t

READY = """\
microk8s:
  running: True
high-availability:
  enabled: True
  nodes:
    - address: 10.0.0.5:19001
      role: voter
addons:
  - name: dns
    repository: core
    description: CoreDNS
    version: 1.13.1
    status: enabled
  - name: ha-cluster
    repository: core
    description: Configure high availability on the current node
    version: 1.0
    status: enabled
  - name: community
    repository: core
    description: The community addons repository
    version:
    status: disabled
  - name: nvidia
    repository: core
    description: NVIDIA hardware (GPU and network) support: a colon
    version: 25.10.0
    status: disabled
"""
OLD_READY = """\
microk8s:
  running: True
high-availability:
  enabled: False
addons:
  - name: gpu
    description: Automatic enablement of Nvidia CUDA
    version: 1.11.0
    status: disabled
"""
NOT_READY = """\
microk8s:
  running: False
high-availability:
  enabled: True
  nodes:
    - address: 10.0.0.5:19001
      role: voter
  message: microk8s is not running. Use microk8s inspect for a deeper inspection.
"""
STOPPED = "microk8s is not running, try microk8s start\n"
WORKER = "This MicroK8s deployment is acting as a node in a cluster.\nPlease use the control plane node.\n"
TRACEBACK = """\
Infer repository core for addon helm3
Addon core/dns is already enabled
Checking if NVIDIA driver is already installed
Traceback (most recent call last):
  File "/var/snap/microk8s/common/addons/core/addons/nvidia/enable", line 425, in <module>
    main()
subprocess.CalledProcessError: Command '['nvidia-smi', '-L']' returned non-zero exit status 9.
"""

SNAP = {
    "name": "microk8s", "version": "v1.35.0", "revision": "8612", "channel": "stable", "tracking-channel": "1.35/stable", "confinement": "classic",
    "base": "core22", "status": "active", "mounted-from": "/var/lib/snapd/snaps/microk8s_8612.snap",
}  # fmt: skip
NOT_FOUND = (404, {"message": "snap not installed", "kind": "snap-not-found", "value": "microk8s"})


class FakeSnapd:
    """A server on a socket that answers as snapd does; C(answers) by path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.answers: dict[str, tuple[int, t.Any]] = {"/v2/system-info": (200, {"version": "2.57.6-1+deb12u1+b2"})}

    @contextlib.contextmanager
    def running(self) -> t.Iterator[FakeSnapd]:
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                status, result = double.answers.get(self.path, NOT_FOUND)
                body = json.dumps({"type": "sync", "status-code": status, "result": result}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, format: str, *args: t.Any) -> None:
                """Quiet."""

        server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def program(path: pathlib.Path, script: str) -> str:
    """A fake program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(path)


def node(name: str = "gpu1", ready: bool = True, cordoned: bool = False, gpus: int = 0) -> dict[str, t.Any]:
    """A node as the API shows it."""
    allocatable = {"cpu": "2", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    condition = {"type": "Ready", "status": str(ready), "reason": "KubeletReady" if ready else "KubeletNotReady", "message": "words of the kubelet"}
    status = {"conditions": [condition], "allocatable": allocatable}
    return {"kind": "Node", "metadata": {"name": name}, "spec": {"unschedulable": True} if cordoned else {}, "status": status}


def workload(namespace: str, name: str, up: int = 1, wanted: int = 1, kind: str = "Deployment") -> dict[str, t.Any]:
    """A Deployment or DaemonSet with some pods available."""
    if kind == "DaemonSet":
        status = {"observedGeneration": 1, "desiredNumberScheduled": wanted, "updatedNumberScheduled": wanted, "numberAvailable": up}
    else:
        status = {"observedGeneration": 1, "updatedReplicas": wanted, "availableReplicas": up}
    return {"kind": kind, "metadata": {"namespace": namespace, "name": name, "generation": 1}, "spec": {"replicas": wanted}, "status": status}
