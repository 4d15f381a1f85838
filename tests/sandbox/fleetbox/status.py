"""What there is: an instance's hosts, or all instances of this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import engine, hub
from .engine import docker
from .paths import Instance, cache_home
from .state import Host, State, load


def instances() -> list[str]:
    return sorted(path.parent.name for path in (cache_home() / "sandbox").glob("*/state.json"))


def describe(instance: Instance) -> dict[str, Any]:
    state = load(instance)
    if state is None:
        return {"name": instance.name, "up": False, "hosts": []}
    running = engine.running(state)
    with ThreadPoolExecutor(max_workers=4) as pool:
        rows = list(pool.map(lambda host: _host(instance, state, host, running), state.hosts.values()))
    return {
        "name": instance.name,
        "up": running,
        "kubernetes": state.kubernetes,
        "subnet": state.subnet,
        "inventory": str(instance.inventory),
        "hosts": rows,
    }


def table(found: dict[str, Any]) -> str:
    if not found["up"] and not found["hosts"]:
        return f"Sandbox {found['name']} is not up."
    lines = [f"Sandbox {found['name']}: {'up' if found['up'] else 'its engine does not run (`up` starts it again)'}, network {found['subnet']}"]
    rows = [("HOST", "ADDRESS", "STATE", "GPUS", "HAS")]
    for row in found["hosts"]:
        gpus = f"{row['gpus']} simulated" if row["gpus"] else "none"
        rows.append((row["name"], row["address"], row["state"], gpus, ", ".join(row["has"])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _host(instance: Instance, state: State, host: Host, running: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"name": host.name, "address": host.address, "role": host.role, "gpus": host.gpus, "state": "down", "has": []}
    if not running:
        return row
    probe = "systemctl is-system-running; command -v docker >/dev/null && echo docker; test -e /snap/bin/microk8s && echo microk8s"
    answer = docker(instance, "exec", host.name, "sh", "-c", f"{probe}; true", check=False, timeout=60)
    words = answer.stdout.split()
    if answer.returncode == 0 and words:
        row["state"], row["has"] = words[0], words[1:]
    if host.role == "hub":
        row["has"] = [*row["has"], f"registry :{hub.REGISTRY_PORT}"]
        row["has"] += [f"RabbitMQ :{hub.AMQP_PORT}, management :{hub.MANAGEMENT_PORT}"] if host.broker else []
        row["has"] += [f"S3 :{hub.S3_PORT}"] if host.s3 else []
    return row
