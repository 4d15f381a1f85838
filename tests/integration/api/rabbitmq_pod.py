# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real RabbitMQ in a pod, behind a Service: the program lies on the sandbox's hosts as Debian's package, and runs in the pod's network.

(The host's /proc knows other numbers of processes than the pod, so RabbitMQ is told to measure its memory without it.)
"""

from __future__ import annotations

import typing as t

IMAGE = "sandbox.local/busybox:1"
NAME = "rabbitmq-service"
SCRIPT = """
set -e
place=$(mktemp -d)
cd $place
cat > rabbitmq.conf <<END
default_user = administrator
default_pass = $WORD
loopback_users = none
vm_memory_calculation_strategy = allocated
END
echo '[rabbitmq_management].' > enabled_plugins
export HOME=$place RABBITMQ_NODENAME=pod@localhost RABBITMQ_CONFIG_FILE=$place/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$place/enabled_plugins
export RABBITMQ_MNESIA_BASE=$place/data RABBITMQ_LOG_BASE=$place/log RABBITMQ_PID_FILE=$place/pid ERL_EPMD_PORT=14369 RABBITMQ_DIST_PORT=14370
exec /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server
"""


def pod(namespace: str, password: str) -> dict[str, t.Any]:
    """The management API is on the usual port, under a name."""
    container = {
        "name": "rabbitmq",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["/bin/busybox", "chroot", "/host", "/bin/sh", "-c", SCRIPT],
        "env": [{"name": "WORD", "value": password}, {"name": "PATH", "value": "/usr/sbin:/usr/bin:/sbin:/bin"}],
        "ports": [{"name": "amqp", "containerPort": 5672}, {"name": "management", "containerPort": 15672}],
        "readinessProbe": {"tcpSocket": {"port": "management"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "host", "mountPath": "/host"}],
    }
    spec = {"containers": [container], "volumes": [{"name": "host", "hostPath": {"path": "/"}}], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "rabbitmq", "namespace": namespace, "labels": {"app": "taskQueue"}}, "spec": spec}


def service(namespace: str) -> dict[str, t.Any]:
    """Its port of the management API is another than the pod's."""
    ports = [{"name": "amqp", "port": 5672}, {"name": "admin", "port": 8080, "targetPort": "management"}]
    spec = {"selector": {"app": "taskQueue"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": namespace}, "spec": spec}
