"""What is known of an instance: written at each step, so that a later command can carry on or clean up after a crash."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import SandboxError
from .paths import Instance


@dataclass
class Host:
    """A host machine of the sandbox."""

    name: str
    address: str
    role: str  # hub | runner
    gpus: int = 0
    broker: bool = False
    s3: bool = False
    ready: bool = False


@dataclass
class State:
    """An instance: its number gives its networks; the engine is known by process and start time."""

    number: int
    engine_pid: int = 0
    engine_started: str = ""
    image: str = ""
    kubernetes: str = ""
    firewall: list[list[str]] = field(default_factory=list)
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return f"10.213.{self.number}"

    @property
    def subnet(self) -> str:
        return f"{self.prefix}.0/24"

    @property
    def link_prefix(self) -> str:
        return f"10.213.{100 + self.number}"

    @property
    def link(self) -> str:
        return f"fleet-veth{self.number}"

    def hub(self) -> Host | None:
        return next((host for host in self.hosts.values() if host.role == "hub"), None)


def load(instance: Instance) -> State | None:
    try:
        raw: dict[str, Any] = json.loads(instance.state.read_text())
        hosts = {name: Host(**_known(Host, host)) for name, host in raw.pop("hosts").items()}
        return State(**_known(State, raw), hosts=hosts)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as broken:
        raise SandboxError(
            f"{instance.state} cannot be read: {broken}.", f"Remove it and run `sandbox.py down --name {instance.name}`: what is left is found by its name."
        ) from broken


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """What this version has a field for; a sandbox may have been brought up by another one."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def save(instance: Instance, state: State) -> None:
    write_private(instance.state, json.dumps(asdict(state), indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


def secret(instance: Instance, name: str) -> str:
    """A password of this instance; made at its first use."""
    known: dict[str, str] = json.loads(instance.secrets.read_text()) if instance.secrets.exists() else {}
    if name not in known:
        known[name] = secrets.token_urlsafe(18)
        write_private(instance.secrets, json.dumps(known, indent=1) + "\n")
    return known[name]
