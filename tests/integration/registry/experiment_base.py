"""A base image for experiments, made on a host of the sandbox from its own busybox and bash. Its pip is a stand-in, which only notes when it ran."""

from __future__ import annotations

from module_runs import Hosts, Result

FOLDER = "/root/experiment"
PREPARE = f"""
set -e
rm -rf {FOLDER}; mkdir -p {FOLDER}/base/root/bin {FOLDER}/sources/.git; cd {FOLDER}
cp --parents -L /usr/bin/busybox /usr/bin/bash $(ldd /usr/bin/bash | grep -o '/[^ ]*') base/root
printf '#!/bin/sh\\ncat /proc/uptime > /installed\\n' > base/pip; chmod +x base/pip
printf 'FROM scratch\\nCOPY root /\\nRUN ["/usr/bin/busybox", "--install", "-s", "/bin"]\\nENV PATH=/bin:/usr/bin\\nCOPY pip /bin/pip\\n' > base/Dockerfile
echo numpy > sources/requirements.txt; echo "echo first" > sources/train.sh; echo "ref: x" > sources/.git/HEAD
"""


def build(hosts: Hosts, host: str, hub: dict[str, str]) -> Result:
    """Build it and bring it to the hub, when it has changed."""
    return hosts.passes(host, "registry_image", context=f"{FOLDER}/base", registries=[hub], repository="base/python", tag="3.12")
