"""The Docker engine of an instance: its own process tree, mounts, network namespace, socket, data and control groups."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import network
from .command import run
from .errors import SandboxError
from .network import inside
from .paths import SANDBOX, Instance
from .state import State, save

CAP_SYS_RESOURCE = 24
# on a busy machine dockerd may have to start its containerd a second time; one that ends is noticed at once
START_SECONDS = 180.0
# dockerd gives its containerd 15 s to start and ends when they are over, which a machine that stands still for a while does not mean
STARTS = 3
IMPATIENT = "timeout waiting for containerd to start"
# the kernel ends a host's processes in a moment, on a busy machine in several
GONE_SECONDS = 60.0
NETWORK = "hosts"


def docker(
    instance: Instance, *arguments: str | Path, check: bool = True, timeout: float = 120, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the docker command on this instance's engine."""
    command = ["docker", "--host", f"unix://{instance.socket}", *arguments]
    return run(command, check=check, timeout=timeout, stdin=stdin, env={"DOCKER_CONFIG": str(instance.home / "docker-config")})


def running(state: State) -> bool:
    """Is the recorded process still the one that was started?"""
    return bool(state.engine_pid) and _started(state.engine_pid) == state.engine_started


def ensure(instance: Instance, state: State) -> None:
    """Start the engine if it does not answer, and make the network of the hosts."""
    if running(state) and docker(instance, "version", check=False, timeout=START_SECONDS).returncode == 0:
        return
    for again in reversed(range(STARTS)):
        # after a crash, control groups are left that the same containers could not start in
        stop(instance, state)
        process = _start(instance, state)
        if _comes_up(instance, process):
            break
        log = instance.engine_log.read_text(errors="replace").strip()
        if not again or IMPATIENT not in log:
            words = "\n".join(log.splitlines()[-8:])
            raise SandboxError(f"The sandbox's Docker engine did not come up:\n{words}", f"All of its log: {instance.engine_log}")
    _ensure_network(instance, state)


def _start(instance: Instance, state: State) -> subprocess.Popen[bytes]:
    instance.run.mkdir(parents=True, exist_ok=True)
    instance.ssh_control.mkdir(exist_ok=True, mode=0o700)
    with instance.engine_log.open("wb") as log:
        process = subprocess.Popen(
            inside(instance, *_namespaces(), str(SANDBOX / "fleetbox" / "engine-init.sh"), *_dockerd(instance)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    state.engine_pid, state.engine_started = process.pid, _started(process.pid)
    save(instance, state)
    return process


def _comes_up(instance: Instance, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # the socket is there before the engine answers: the question waits for it
        if instance.socket.exists() and docker(instance, "version", check=False, timeout=max(deadline - time.monotonic(), 1)).returncode == 0:
            return True
        time.sleep(0.1)
    return False


def stop(instance: Instance, state: State) -> None:
    """End the engine and everything that runs under it; nothing is asked to agree.

    Processes are found by the namespace, not by the record: a command may have been killed before it wrote that.
    The first one found is the parent of the engine's process namespace, and with it the kernel ends all hosts.
    """
    deadline = time.monotonic() + GONE_SECONDS
    while (found := network.processes(instance)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    state.engine_pid, state.engine_started = 0, ""
    _wait_for_control_groups(instance)
    _clear(instance)


def _namespaces() -> list[str]:
    return ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", "--"]


def _dockerd(instance: Instance) -> list[str]:
    config = instance.home / "dockerd.json"
    config.write_text('{"features": {"containerd-snapshotter": false}}\n')
    words = [
        "dockerd",
        f"--config-file={config}",
        f"--data-root={instance.engine_data}",
        f"--exec-root={instance.run / 'exec'}",
        f"--pidfile={instance.run / 'dockerd.pid'}",
        f"--host=unix://{instance.socket}",
        f"--cgroup-parent=/{instance.cgroup}",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        # the namespace has one bridge and nothing to be kept apart: no rules, no docker0
        "--iptables=false",
        "--bridge=none",
    ]
    if not has_sys_resource():
        words += [f"--add-runtime=reduced={SANDBOX / 'fleetbox' / 'runc-wrapper.sh'}", "--default-runtime=reduced"]
    return words


def has_sys_resource() -> bool:
    """May root on this machine have CAP_SYS_RESOURCE?"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)
    return True


def _ensure_network(instance: Instance, state: State) -> None:
    if docker(instance, "network", "inspect", NETWORK, check=False).returncode != 0:
        options = ["--opt=com.docker.network.bridge.name=hosts", "--opt=com.docker.network.bridge.enable_ip_masquerade=false"]
        docker(instance, "network", "create", f"--subnet={state.subnet}", f"--gateway={state.prefix}.1", *options, NETWORK)


def _started(pid: int) -> str:
    """The start time of a process, or an empty text when there is none (or only its remains)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _clear(instance: Instance) -> None:
    """Remove what an engine leaves when it is killed."""
    shutil.rmtree(instance.run / "exec", ignore_errors=True)
    for leftover in (instance.run / "dockerd.pid", instance.socket):
        leftover.unlink(missing_ok=True)


def control_groups(instance: Instance) -> list[Path]:
    """The control groups of this instance, in each hierarchy that the machine has."""
    root = Path("/sys/fs/cgroup")
    return [path for path in (root / instance.cgroup, *sorted(root.glob(f"*/{instance.cgroup}"))) if path.is_dir()]


def _wait_for_control_groups(instance: Instance) -> None:
    """Remove the instance's control groups, deepest first, once the kernel has let their processes go."""
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        for top in control_groups(instance):
            for folder, _folders, _files in os.walk(top, topdown=False):
                # one that is still in use is asked again below
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        if not control_groups(instance):
            return
        time.sleep(0.1)
