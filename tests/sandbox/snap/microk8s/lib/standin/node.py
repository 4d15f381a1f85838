# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the snap's files lie on this machine, and what they say about the node."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import typing as t

from . import options as options_file
from .track import Track


@dataclasses.dataclass(frozen=True)
class Node:
    """The node of this machine."""

    snap: pathlib.Path
    data: pathlib.Path
    common: pathlib.Path
    revision: str
    options: options_file.Options

    @classmethod
    def here(cls) -> Node:
        """The node by the environment that snapd gives, else by the usual places."""
        data = pathlib.Path(os.environ.get("SNAP_DATA", "/var/snap/microk8s/current"))
        return cls(
            snap=pathlib.Path(os.environ.get("SNAP", "/snap/microk8s/current")),
            data=data,
            common=pathlib.Path(os.environ.get("SNAP_COMMON", "/var/snap/microk8s/common")),
            revision=os.environ.get("SNAP_REVISION") or data.resolve().name,
            options=options_file.read(),
        )

    @property
    def track(self) -> Track:
        """The track that was chosen when the snap was installed."""
        return Track.parse((self.data / "stand-in/track").read_text(encoding="utf-8"))

    @property
    def address(self) -> str:
        """The address of the node in its cluster."""
        return (self.data / "stand-in/address").read_text(encoding="utf-8").strip()

    @property
    def name(self) -> str:
        """The node's name in its cluster."""
        return socket.gethostname().lower()

    @property
    def admin_kubeconfig(self) -> pathlib.Path:
        """The cluster's admin kubeconfig."""
        return self.data / "credentials/client.config"

    def lock(self, name: str) -> pathlib.Path:
        """One of the files in var/lock whose being there says something."""
        return self.data / "var/lock" / name

    @property
    def is_stopped(self) -> bool:
        """C(microk8s stop) was called."""
        return self.lock("stopped.lock").exists()

    @property
    def is_worker(self) -> bool:
        """The node joined another machine's cluster as a worker."""
        return self.lock("clustered.lock").exists()

    @property
    def variables(self) -> dict[str, str]:
        """What arguments and add-on checks may name."""
        return {"SNAP": str(self.snap), "SNAP_DATA": str(self.data), "SNAP_COMMON": str(self.common)}

    def program(self, name: str) -> str:
        """The path of a program of the snap."""
        return str(self.snap / "bin" / name)

    def kubectl(self, *arguments: str, text: str | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run kubectl as admin and hand back what it said."""
        command = [self.program("kubectl"), f"--kubeconfig={self.admin_kubeconfig}", *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout, check=False)

    def kubectl_shown(self, *arguments: str, text: str | None = None) -> int:
        """Run kubectl as admin with its output shown; its exit status."""
        done = self.kubectl(*arguments, text=text)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        sys.stdout.flush()
        return done.returncode

    def ctr(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run containerd's client on the node's own containerd."""
        command = [self.program("ctr"), f"--address={self.common}/run/containerd.sock", "--namespace=k8s.io", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def own_address() -> str:
    """The address of the interface with the default route; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostbyname(socket.gethostname())


def run(*command: str, text: str | None = None, env: t.Mapping[str, str] | None = None) -> str:
    """Run a program of the host; its output. A failure is shown in its own words."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"'{' '.join(command[:3])} ...' failed with status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
