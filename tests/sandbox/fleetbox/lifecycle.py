"""Bring an instance up and down. Each step looks at what is there first, so a command that was killed is simply repeated."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import engine, host_image, hosts, hub, inventory, machine, network, payload, programs, sysctls
from .errors import SandboxError
from .image_tar import Image, image_id
from .locks import locked
from .paths import Instance
from .progress import Progress
from .state import Host, State, load, save


def up(instance: Instance, wanted: list[Host], content: payload.Wanted, progress: Progress) -> State:
    """Make the instance and the wanted hosts, and start again what was there before."""
    machine.check()
    with locked(instance.lock, progress.say):
        machine.ensure_packages(progress)
        image = host_image.build(content, progress)
        minio = programs.ensure("minio", progress, content.binaries) if any(host.s3 for host in wanted) else None
        state = _base(instance, image, progress)
        host_image.load(instance, image, progress)
        state.image, state.kubernetes = image_id(image), content.minors[0]
        payload.bring_runner_context(instance, content, progress)
        _adopt(state, wanted, progress)
        save(instance, state)
        hosts.write_known_hosts(instance, state)
        try:
            with ThreadPoolExecutor(max_workers=4) as pool:
                for future in [pool.submit(_bring_up, instance, state, host, minio, progress) for host in state.hosts.values()]:
                    future.result()
        finally:
            # hosts that are ready stay, whatever became of the others
            save(instance, state)
            inventory.write(instance, state)
        hub.ensure_users(instance, state)
    return state


def down(instance: Instance, names: list[str], progress: Progress) -> None:
    """Take hosts away, or everything when none is named."""
    machine.check()
    with locked(instance.lock, progress.say):
        state = load(instance)
        if names:
            _remove_hosts(instance, state, names, progress)
        else:
            _remove_all(instance, state, progress)


def _base(instance: Instance, image: Image, progress: Progress) -> State:
    """Namespace, link, rules, engine and keys of the instance."""
    with progress.step("network and engine of the sandbox"):
        number = sysctls.claim(instance.name)
        instance.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        instance.kubeconfigs.mkdir(exist_ok=True, mode=0o700)
        state = load(instance) or State(number)
        if state.number != number:
            # the record of the machine was lost, and with it the number: what is there lies in networks of its own
            hint = f"Run `sandbox.py down --name {instance.name}` first."
            raise SandboxError(f"Sandbox {instance.name} was made with other networks than it would get now.", hint)
        save(instance, state)
        network.ensure(instance, state)
        save(instance, state)
        host_image.seed(instance, image)
        engine.ensure(instance, state)
        hosts.ensure_keys(instance)
    return state


def _adopt(state: State, wanted: list[Host], progress: Progress) -> None:
    for host in wanted:
        known = state.hosts.get(host.name)
        if known is None:
            hosts.give_address(state, host)
            state.hosts[host.name] = host
        elif known.ready and (known.gpus, known.broker, known.s3) != (host.gpus, host.broker, host.s3):
            progress.say(f"{host.name} is there with other options and stays as it is; to change it, take it down first: `down --hosts {host.name}`")
    if sum(host.role == "hub" for host in state.hosts.values()) > 1:
        raise SandboxError("A sandbox has one hub.")


def _bring_up(instance: Instance, state: State, host: Host, minio: Path | None, progress: Progress) -> None:
    if not (host.ready and hosts.start(instance, host)):
        host.ready = False
        with progress.step(f"host {host.name}"):
            hosts.create(instance, state, host, minio if host.s3 else None)
            hosts.wait_ready(instance, host)
    else:
        hosts.wait_ready(instance, host)
    if host.role == "hub":
        with progress.step(f"services of {host.name}"):
            hub.wait_ready(instance, host)
    host.ready = True


def _remove_hosts(instance: Instance, state: State | None, names: list[str], progress: Progress) -> None:
    unknown = sorted(set(names) - set(state.hosts if state else ()))
    if state is None or unknown:
        known = ", ".join(state.hosts) if state and state.hosts else "none"
        raise SandboxError(f"Sandbox {instance.name} has no host {', '.join(unknown)}.", f"Its hosts: {known}.")
    for name in names:
        with progress.step(f"remove host {name}"):
            state.hosts[name].ready = False
            save(instance, state)
            if engine.running(state):
                hosts.end_connections(instance)
                hosts.remove(instance, name)
            del state.hosts[name]
            (instance.kubeconfigs / f"{name}.yaml").unlink(missing_ok=True)
            save(instance, state)
    inventory.write(instance, state)
    hosts.write_known_hosts(instance, state)


def _remove_all(instance: Instance, state: State | None, progress: Progress) -> None:
    with progress.step(f"take sandbox {instance.name} down", long=True):
        hosts.end_connections(instance)
        if state is None:
            # killed before anything was written down; what there is bears the number that the machine's record has
            state = State(sysctls.claim(instance.name))
        engine.stop(instance, state)
        network.remove(instance, state)
        shutil.rmtree(instance.run, ignore_errors=True)
        if instance.run.parent.is_dir() and not any(instance.run.parent.iterdir()):
            instance.run.parent.rmdir()
        shutil.rmtree(instance.home, ignore_errors=True)
        sysctls.release(instance.name)
    for group in engine.control_groups(instance):
        raise SandboxError(f"Processes in the control group {group} did not end.", f"See which: `cat {group}/cgroup.procs`; then run `down` again.")
    if instance.home.exists():
        raise SandboxError(f"{instance.home} could not be removed.", "Something still uses it: `fuser -vm` on it says what; then run `down` again.")
