"""Programs that lie on a host of the sandbox, as Debian's packages, and run in a pod whose image has nothing but a shell."""

from __future__ import annotations

import typing as t

_START = """
set -e
export HOME=/var/lib/rabbitmq RABBITMQ_CONFIG_FILE=/var/lib/rabbitmq/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=/var/lib/rabbitmq/enabled_plugins
export RABBITMQ_MNESIA_BASE=/var/lib/rabbitmq/data RABBITMQ_LOG_BASE=/var/lib/rabbitmq/log RABBITMQ_PID_FILE=/var/lib/rabbitmq/pid
cat > $RABBITMQ_CONFIG_FILE <<END
default_user = $RABBITMQ_DEFAULT_USER
default_pass = $RABBITMQ_DEFAULT_PASS
loopback_users = none
vm_memory_calculation_strategy = allocated
END
echo '[rabbitmq_management].' > $RABBITMQ_ENABLED_PLUGINS_FILE
exec /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server
"""
PATH = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_PLACES = {"/usr": "/usr", "/etc": "/etc", "/lib": "/usr/lib", "/lib64": "/usr/lib64"}
#: All that such a program needs, but for the folders that are the pod's own.
FOLDERS = [{"path": path, "host_path": folder, "read_only": True} for path, folder in _PLACES.items()]
#: RabbitMQ with its management, as a companion.
RABBITMQ: dict[str, t.Any] = {"command": ["/bin/sh", "-c", _START], "env": PATH}
