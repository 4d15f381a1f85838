"""Where the sandbox keeps things: a cache that outlives it, and one directory for each instance."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import SandboxError

SANDBOX = Path(__file__).resolve().parent.parent
NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


def cache_home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "studioml-fleet"


def artifacts_home() -> Path:
    return cache_home() / "artifacts"


@dataclass(frozen=True)
class Instance:
    """The places of one sandbox. What must have a short path (sockets) or must not outlive a boot lies under /run."""

    name: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise SandboxError(
                f"{self.name!r} cannot be the name of a sandbox.",
                "Use up to 20 lower-case letters, digits and hyphens, beginning with a letter.",
            )

    @property
    def home(self) -> Path:
        return cache_home() / "sandbox" / self.name

    @property
    def lock(self) -> Path:
        return cache_home() / "sandbox" / f".{self.name}.lock"

    @property
    def state(self) -> Path:
        return self.home / "state.json"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets.json"

    @property
    def inventory(self) -> Path:
        return self.home / "inventory.json"

    @property
    def ssh_key(self) -> Path:
        return self.home / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.home / "ssh" / "known_hosts"

    @property
    def kubeconfigs(self) -> Path:
        return self.home / "kubeconfigs"

    @property
    def runner_context(self) -> Path:
        return self.home / "runner"

    @property
    def engine_data(self) -> Path:
        return self.home / "docker"

    @property
    def engine_log(self) -> Path:
        return self.home / "dockerd.log"

    @property
    def run(self) -> Path:
        return Path("/run/studioml-fleet") / self.name

    @property
    def socket(self) -> Path:
        return self.run / "docker.sock"

    @property
    def ssh_control(self) -> Path:
        return self.run / "ssh"

    @property
    def namespace(self) -> Path:
        """The network namespace; a file of our own, since `ip netns` mounts over /run/netns for good."""
        return self.run / f"fleet-{self.name}.netns"

    @property
    def cgroup(self) -> str:
        return f"fleet-{self.name}"
