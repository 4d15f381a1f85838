"""A hub with registries, and a host with MicroK8s' containerd and Docker: an instance of the sandbox of their own, removed at the end."""

from __future__ import annotations

import base64
import pathlib
import sys
import typing as t

import pytest
from instance import brought_up
from module_runs import Hosts

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from secure_registry import HASH, SECURE, SECURE_PORT, USER  # noqa: E402


@pytest.fixture(scope="session")
def hosts() -> t.Iterator[Hosts]:
    """FLEET_REGISTRY_SANDBOX names an instance that is there already and stays."""
    with brought_up("registry", "hub", "gpu1", make=Hosts) as hosts:
        hosts.with_microk8s("gpu1")
        hosts.on("gpu1", "docker info || apt-get install -y -qq docker.io")
        yield hosts


@pytest.fixture(scope="session")
def site_authority(hosts: Hosts) -> t.Iterator[str]:
    """A second registry on the hub, over TLS and with a user; returns the certificate of its authority."""
    address = hosts.address("hub")
    hosts.on("hub", "mkdir -p /etc/secure-registry")
    hosts.on("hub", "cat > /etc/secure-registry/config.yml", stdin=SECURE.encode())
    hosts.on("hub", "cat > /etc/secure-registry/users", stdin=f"{USER}:{HASH}\n".encode())
    hosts.on(
        "hub",
        "cd /etc/secure-registry; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=site "
        f"-addext subjectAltName=IP:{address} -keyout site.key -out site.crt 2>/dev/null; "
        "systemd-run --collect --unit secure-registry /usr/bin/docker-registry serve /etc/secure-registry/config.yml 2>/dev/null; "
        f"for try in $(seq 500); do curl -sk https://localhost:{SECURE_PORT}/ >/dev/null && exit 0; sleep 0.2; done; exit 1",
    )
    yield hosts.on("hub", "cat /etc/secure-registry/site.crt")
    hosts.on("hub", "systemctl stop secure-registry; rm -rf /etc/secure-registry /var/lib/secure-registry")


@pytest.fixture(scope="session")
def context(hosts: Hosts) -> str:
    """A folder on the host with a small image in it that no registry has yet, its labels saying its name."""
    dockerfile = 'FROM scratch\nARG VERSION=1\nLABEL registry.repo=test/proof registry.version="$VERSION"\nCOPY file /file\n'
    hosts.on(
        "gpu1",
        f"mkdir -p /root/proof; date +%s.%N > /root/proof/file; echo {base64.b64encode(dockerfile.encode()).decode()} | base64 -d > /root/proof/Dockerfile",
    )
    return "/root/proof"
