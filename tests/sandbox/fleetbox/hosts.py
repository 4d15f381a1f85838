"""Hosts: containers with systemd as PID 1, at fixed addresses, reached by ssh with the instance's key."""

from __future__ import annotations

import io
import re
import socket
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import hub
from .command import run
from .engine import NETWORK, docker
from .errors import SandboxError
from .paths import Instance
from .state import Host, State

READY_SECONDS = 300.0
# until keys are exchanged, not only until the port answers: a busy host takes its time
CONNECT_SECONDS = 60
DEFAULT_GPUS = 2
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# overlay file systems cannot lie on one another: what engines and snaps keep goes to volumes
VOLUMES = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/snapd", "/var/snap")


@dataclass(frozen=True)
class HostFile:
    """A file that a host gets before it starts."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""
    owner: int = 0


def parse(text: str) -> list[Host]:
    """Hosts as given by the user: `hub,gpu1,gpu3:gpus=4,cpu1:gpus=0`. Addresses are given later."""
    hosts = []
    for item in filter(None, text.split(",")):
        name, *options = item.split(":")
        if not NAME.fullmatch(name):
            raise SandboxError(f"{name!r} cannot be the name of a host.", "Use lower-case letters, digits and hyphens, beginning with a letter.")
        host = Host(name, "", "hub" if name == "hub" else "runner", gpus=DEFAULT_GPUS if name.startswith("gpu") else 0, broker=name == "hub")
        for option in options:
            key, _equals, value = option.partition("=")
            if key == "gpus" and value.isdigit() and int(value) <= 64:
                host.gpus = int(value)
            elif key in {"broker", "s3"} and value in {"yes", "no"} and host.role == "hub":
                setattr(host, key, value == "yes")
            else:
                raise SandboxError(f"{option!r} is not an option of host {name}.", "Options: gpus=NUMBER; for hub also broker=yes|no and s3=yes|no.")
        hosts.append(host)
    return hosts


def give_address(state: State, host: Host) -> None:
    """hub is .10, gpu1 .11, gpu2 .12 and so on; others get the next free from .100."""
    taken = {other.address for other in state.hosts.values()}
    number = re.fullmatch(r"gpu(\d{1,2})", host.name)
    wanted = 10 if host.name == "hub" else 10 + int(number.group(1)) if number and 0 < int(number.group(1)) < 90 else 0
    for last in ([wanted] if wanted else []) + list(range(100, 250)):
        address = f"{state.prefix}.{last}"
        if address not in taken:
            host.address = address
            return
    raise SandboxError("All addresses of this sandbox are taken.", "Remove hosts: `sandbox.py down --hosts NAME`.")


def create(instance: Instance, state: State, host: Host, minio: Path | None = None) -> None:
    """Make and start a host; a container that is left from a killed command is replaced."""
    docker(instance, "rm", "--force", "--volumes", host.name, check=False)
    words = ["create", f"--name={host.name}", f"--hostname={host.name}", f"--network={NETWORK}", f"--ip={host.address}"]
    words += ["--privileged", "--cgroupns=private", "--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec,mode=1777"]
    words += [f"--volume={volume}" for volume in VOLUMES]
    docker(instance, *words, f"--env=FLEET_SANDBOX_GPUS={host.gpus}", state.image)
    files = {
        "/root/.ssh/authorized_keys": HostFile(instance.ssh_key.with_suffix(".pub").read_bytes(), 0o600),
        "/etc/ssh/ssh_host_ed25519_key": HostFile(_host_key(instance).read_bytes(), 0o600),
    }
    if host.role == "hub":
        files.update({path: HostFile(*values) for path, values in hub.files(instance, host).items()})
    docker(instance, "cp", "-", f"{host.name}:/", stdin=_tar(files))
    if minio:
        docker(instance, "cp", minio, f"{host.name}:/usr/local/bin/minio")
    docker(instance, "start", host.name)


def start(instance: Instance, host: Host) -> bool:
    """Start a host that is there but does not run (after a crash of the engine); False when it is not there."""
    shown = docker(instance, "inspect", "--format={{.State.Running}}", host.name, check=False)
    if shown.returncode != 0:
        return False
    if shown.stdout.strip() != "true":
        docker(instance, "start", host.name)
    return True


def remove(instance: Instance, name: str) -> None:
    docker(instance, "rm", "--force", "--volumes", name, check=False)


def wait_ready(instance: Instance, host: Host) -> None:
    """Until systemd has started everything and ssh answers."""
    deadline = time.monotonic() + READY_SECONDS
    answer = ""
    while time.monotonic() < deadline:
        shown = docker(instance, "exec", host.name, "systemctl", "is-system-running", check=False)
        answer = shown.stdout.strip() or shown.stderr.strip()
        if answer in {"running", "degraded"} and _listens(host.address, 22):
            return
        time.sleep(0.15)
    failed = docker(instance, "exec", host.name, "systemctl", "--failed", "--no-legend", "--plain", check=False).stdout.strip()
    raise SandboxError(
        f"Host {host.name} was not ready within {READY_SECONDS:.0f} s: systemd says {answer!r}{'; failed units: ' + failed if failed else ''}.",
        f"Look into it: `sandbox.py shell {host.name} --name {instance.name}`, or make it anew: `sandbox.py down --hosts {host.name}`, then `up`.",
    )


def ensure_keys(instance: Instance) -> None:
    """The key that opens the hosts, and one host key for all hosts of the instance."""
    for path, comment in ((instance.ssh_key, f"sandbox-{instance.name}"), (_host_key(instance), "host")):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])


def write_known_hosts(instance: Instance, state: State) -> None:
    kind, key, *_comment = _host_key(instance).with_suffix(".pub").read_text().split()
    lines = [f"{host.name},{host.address} {kind} {key}" for host in state.hosts.values()]
    instance.known_hosts.write_text("".join(f"{line}\n" for line in lines))


def ssh_options(instance: Instance) -> list[str]:
    """What ssh needs to reach any host of the instance, and nothing of the user's own settings."""
    options = {
        "UserKnownHostsFile": instance.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": "15",
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "ControlPath": f"{instance.ssh_control}/%h",
    }
    return ["-F", "none", *[word for key, value in options.items() for word in ("-o", f"{key}={value}")]]


def end_connections(instance: Instance) -> None:
    """End the shared ssh connections that Ansible and `shell` leave open."""
    for path in instance.ssh_control.glob("*") if instance.ssh_control.is_dir() else []:
        run(["ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={path}", "host"], check=False, timeout=60)
        path.unlink(missing_ok=True)


def _host_key(instance: Instance) -> Path:
    return instance.home / "ssh" / "host_ed25519_key"


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=10):
            return True
    except OSError:
        return False


def _tar(files: Mapping[str, HostFile]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mtime = int(time.time())
            if file.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.link
                tar.addfile(entry)
            else:
                entry.size, entry.mode, entry.uid = len(file.content), file.mode, file.owner
                tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()
