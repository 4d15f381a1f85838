"""The machine that carries the sandbox: the distribution packages that it needs, installed without starting anything."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .command import run, run_logged
from .errors import SandboxError
from .locks import locked
from .paths import artifacts_home
from .progress import Progress

# a program that is needed, and the package that brings it
PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "mksquashfs": "squashfs-tools",
    "nft": "nftables",
    "iptables": "iptables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "sysctl": "procps",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "studioml.fleet sandbox, for as long as it installs packages"


def check() -> None:
    """Refuse early what cannot work."""
    if os.geteuid() != 0:
        raise SandboxError("The sandbox makes network namespaces, mounts and containers: it needs root.", "Run the same command with sudo.")
    if platform.machine() != "x86_64":
        raise SandboxError(f"The sandbox is built for x86_64; this machine is {platform.machine()}.")


def ensure_packages(progress: Progress) -> None:
    """Install what is missing; one command does so at a time."""
    with locked(artifacts_home() / ".packages.lock", progress.say, "the machine's packages"):
        _ensure_packages(progress)


def _ensure_packages(progress: Progress) -> None:
    if POLICY.exists() and MARK in POLICY.read_text(errors="replace"):
        POLICY.unlink()  # of a command that was killed
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if not KEYRING.exists():
        missing.append("debian-archive-keyring")
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if "docker.io" in missing and "docker-cli" in missing:
        # one package brings both up to Debian 12; later the client is one of its own
        missing.remove("docker-cli")
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise SandboxError(f"Missing on this machine: {', '.join(missing)}.", "Packages are installed by apt; install these by other means, then try again.")
    with progress.step(f"install packages: {', '.join(missing)}", long=True):
        _install(missing)
    still = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if still:
        with progress.step(f"install packages: {', '.join(still)}", long=True):
            _install(still)


def _install(packages: list[str]) -> None:
    had_docker = bool(shutil.which("dockerd"))
    log = artifacts_home() / "logs" / "packages.log"
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        # one of several sources may be out of reach without harm
        run(["apt-get", "update"], check=False, timeout=300, env=environment)
        run_logged(["apt-get", "install", "--yes", "--no-install-recommends", *packages], log, env=environment, hint=f"All of its output: {log}")
    if not had_docker and Path("/run/systemd/system").is_dir():
        # the sandbox starts its own; a machine that had none shall not get one at its next boot
        run(["systemctl", "disable", "docker.service", "docker.socket", "containerd.service"], check=False)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Installing a package must not start its service; a policy of the machine's own stays as it is."""
    if POLICY.exists() and MARK not in POLICY.read_text(errors="replace"):
        yield
        return
    POLICY.write_text(f"#!/bin/sh\n# {MARK}\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
