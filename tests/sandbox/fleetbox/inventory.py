"""The Ansible inventory of an instance, in the form that an inventory script prints."""

from __future__ import annotations

import json
import shlex
from typing import Any

from . import hosts, hub
from .paths import Instance
from .state import Host, State, secret, write_private

NAMESPACE = "studioml"


def write(instance: Instance, state: State) -> None:
    """Only its owner can read it: it has the hosts' RabbitMQ passwords."""
    write_private(instance.inventory, json.dumps(describe(instance, state), indent=1) + "\n")


def describe(instance: Instance, state: State) -> dict[str, Any]:
    center = state.hub()
    common: dict[str, Any] = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(instance.ssh_key),
        "ansible_ssh_common_args": shlex.join(hosts.ssh_options(instance)),
        "ansible_ssh_timeout": hosts.CONNECT_SECONDS,  # Ansible's own, of 10 s, would come first
        "ansible_python_interpreter": "/usr/bin/python3",
        "sandbox_name": instance.name,
        "sandbox_simulated": True,
    }
    if instance.runner_context.is_dir():
        common["sandbox_runner_context"] = str(instance.runner_context)
    if center:
        common["sandbox_hub_address"] = center.address
        if center.broker:
            common["sandbox_amqp_management_url"] = hub.management_url(center)
            common["sandbox_amqp_administrator_url"] = hub.amqp_url(instance, center, hub.ADMINISTRATOR)
        if center.s3:
            common["sandbox_s3_url"] = f"http://{center.address}:{hub.S3_PORT}"
            common["sandbox_s3_user"] = hub.ADMINISTRATOR
            common["sandbox_s3_password"] = secret(instance, "s3")
    ready = [host for host in state.hosts.values() if host.ready]
    runners = [host.name for host in ready if host.role == "runner"]
    hubs = [host.name for host in ready if host.role == "hub"]
    return {
        "all": {"children": ["runner_hosts", "registry_hosts", "build_hosts"], "vars": common},
        "runner_hosts": {"hosts": runners},
        "registry_hosts": {"hosts": hubs},
        "build_hosts": {"hosts": hubs},
        "_meta": {"hostvars": {host.name: _host(instance, host, center) for host in ready}},
    }


def _host(instance: Instance, host: Host, center: Host | None) -> dict[str, Any]:
    variables: dict[str, Any] = {"ansible_host": host.address, "sandbox_gpus": host.gpus}
    if host.role == "runner":
        variables["fleet_kubeconfig"] = str(instance.kubeconfigs / f"{host.name}.yaml")
        variables["fleet_namespace"] = NAMESPACE
        if center and center.broker:
            variables["sandbox_amqp_url"] = hub.amqp_url(instance, center, hub.broker_user(host))
    return variables
