# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role companions runs in a cluster of the sandbox, real programs both, and a registry that wants a user.

MinIO is an image of its own. RabbitMQ lies on the hosts as Debian's package and runs in an image with nothing but a shell.
"""

from __future__ import annotations

import io
import pathlib
import tempfile
import typing as t

from module_runs import Hosts
from programs_of_the_host import FOLDERS, RABBITMQ

from fleetbox import image_tar, programs
from fleetbox.progress import Progress

SHELL, MINIO = "sandbox.local/busybox:1", "sandbox.local/minio:1"
# containerd speaks plain HTTP to a registry on the node itself without being told
REGISTRY = "localhost:5056"
RUNNER = f"{REGISTRY}/studioml/studio-go-runner-stand-in:0.14.3-stand-in"
USER, PASSWORD = "puller", "correct horse"
HASH = "$2b$04$EEY8zY1b8XNza3gxHs7LGusK6aZ2mz2clfY8mjiKglh9A45K7oyJe"  # bcrypt of PASSWORD, as the registry wants it
REGISTRY_CONFIG = f"""
version: 0.1
storage: {{filesystem: {{rootdirectory: /var/lib/runner-registry}}}}
auth: {{htpasswd: {{realm: site, path: /etc/runner-registry/users}}}}
http: {{addr: "{REGISTRY}"}}
"""
START_REGISTRY = f"""
systemd-run --collect --unit runner-registry /usr/bin/docker-registry serve /etc/runner-registry/config.yml 2>/dev/null
for try in $(seq 500); do curl -s http://{REGISTRY}/ >/dev/null && break; sleep 0.2; done
"""
STOP_REGISTRY = "systemctl stop runner-registry 2>/dev/null; rm -rf /etc/runner-registry /var/lib/runner-registry"
PUSH = f"skopeo copy --quiet --dest-tls-verify=false --dest-creds '{USER}:{PASSWORD}' docker-archive:/tmp/runner.tar docker://{RUNNER}; rm /tmp/runner.tar"
#: Variables of the role companions.
COMPANIONS: dict[str, t.Any] = {
    "companions_rabbitmq_image": SHELL,
    "companions_rabbitmq_size": "1Gi",
    "companions_minio_image": MINIO,
    "companions_minio_size": "1Gi",
    "companions_image_pull_policy": "Never",
    "companions_service_type": "NodePort",
    "companions_more": {"rabbitmq": {**RABBITMQ, "host_paths": FOLDERS}},
}


def prepare(hosts: Hosts, host: str) -> None:
    """Storage and names for the host's cluster, MinIO's image on its node, and the runner's in the registry, which is the only place that has it."""
    hosts.on(host, "microk8s enable dns; microk8s enable hostpath-storage")
    hosts.on(host, "microk8s ctr images import -", stdin=_archive(MINIO, "minio", "/usr/bin/minio"))
    hosts.on(host, f"{STOP_REGISTRY}; mkdir -p /etc/runner-registry")
    hosts.on(host, "cat > /etc/runner-registry/config.yml", stdin=REGISTRY_CONFIG.encode())
    hosts.on(host, "cat > /etc/runner-registry/users", stdin=f"{USER}:{HASH}\n".encode())
    hosts.on(host, START_REGISTRY)
    hosts.on(host, "cat > /tmp/runner.tar", stdin=_archive(RUNNER, "runner", "/runner/studio-go-runner-stand-in"))
    hosts.on(host, PUSH)


def _archive(name: str, program: str, path: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        layer = image_tar.write_layer(pathlib.Path(folder, "layer.tar"), [(path, programs.ensure(program, Progress(quiet=True)))])
        archive = io.BytesIO()
        image_tar.write_archive(archive, image_tar.Image(name, [layer], [path], working_directory=str(pathlib.Path(path).parent)))
    return archive.getvalue()
