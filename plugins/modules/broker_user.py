# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: broker_user
short_description: Give a runner a RabbitMQ user of its own
version_added: 0.1.0
description:
  - Makes and changes a user of RabbitMQ with its password, its tags and its permissions in one virtual host.
  - >-
    A drain by M(studioml.fleet.runner_state) with O(studioml.fleet.runner_state#module:enforce=broker) takes the read permission of the runners' user away,
    and so drains every runner that shares the user. With a user for each host or group of runners it drains exactly these.
  - A read permission that such a drain has taken away stays away; what is given back at its end is what was asked for here.
  - The cluster (O(kubeconfig)) is needed only for a broker that is a Service in it.
extends_documentation_fragment:
  - studioml.fleet.broker
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Never shows a password, only whether it changes.
  idempotent:
    support: full
    details: The password is compared with the hash that RabbitMQ keeps of it.
  platform:
    platforms: posix
options:
  broker:
    description:
      - The RabbitMQ, with a user that has the tag C(administrator). C(url), C(username) and C(password) must be given.
      - Defaults to the host's variable C(fleet_broker).
  name:
    description: Name of the user.
    type: str
    required: true
  password:
    description: Password of the user. Needed to make it; without it, the password of a user that exists is kept.
    type: str
  tags:
    description:
      - Tags of the user. Others are taken away.
      - A runner needs V(management) to find its queues, and no other.
    type: list
    elements: str
    default: [management]
  vhost:
    description: Virtual host in which the permissions hold. It has to exist.
    type: str
    default: /
  configure:
    description: Regular expression of names of exchanges and queues that the user may make and remove.
    type: str
    default: .*
  write:
    description: Regular expression of names of exchanges and queues that the user may write to.
    type: str
    default: .*
  read:
    description: Regular expression of names of exchanges and queues that the user may read from.
    type: str
    default: .*
  state:
    description: V(absent) removes the user with its permissions in all virtual hosts.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: studioml.fleet.runner_state
  - module: studioml.fleet.runner_deploy
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: A user for each runner host
  studioml.fleet.broker_user:
    broker:
      url: http://hub.example:15672
      username: administrator
      password: "{{ vault_broker_administrator_password }}"
    name: "runner-{{ inventory_hostname }}"
    password: "{{ vault_runner_broker_password }}"

- name: One that reads the queues of its own rack only, in a RabbitMQ that is a Service of the cluster
  studioml.fleet.broker_user:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: studioml
    broker:
      url: http://rabbitmq-service:15672
      username: administrator
      password: "{{ vault_broker_administrator_password }}"
    name: runner-rack2
    password: "{{ vault_runner_broker_password }}"
    vhost: studio
    read: ^rmq_rack2_.*$

- name: A host that is gone
  studioml.fleet.broker_user: {name: runner-gpu7, state: absent}
"""

RETURN = r"""
name:
  description: Name of the user.
  returned: success
  type: str
  sample: runner-gpu1
vhost:
  description: The virtual host.
  returned: success
  type: str
  sample: /
url:
  description: Address of the broker's management API.
  returned: success
  type: str
  sample: http://hub.example:15672
drained:
  description: Whether a drain has taken the read permission of the user away, and not given it back yet.
  returned: success
  type: bool
  sample: false
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _broker_options, _broker_target, _broker_user, _door
from ansible_collections.studioml.fleet.plugins.module_utils._apply import same_cluster

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "broker": {"type": "dict", "options": _broker_options.OPTIONS},
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "tags": {"type": "list", "elements": "str", "default": ["management"]},
    "vhost": {"type": "str", "default": "/"},
    "configure": {"type": "str", "default": ".*"},
    "write": {"type": "str", "default": ".*"},
    "read": {"type": "str", "default": ".*"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    wanted = _broker_user.WantedUser.of(params)
    target, warnings = _door.target_if_there(params, check) if params.get("kubeconfig") else (None, [])
    api = _door.connect(params, target) if target else None
    place = _broker_target.given_only(api, _door.namespace_of(params, target) if target else "", params.get("broker") or {})
    if api and place.way:
        same_cluster(api, params.get("cluster_id"))
    broker = place.connect(api, params["connect_timeout"], params["request_timeout"])
    act = _broker_user.present if params["state"] == "present" else _broker_user.absent
    return {**act(broker, wanted, check), "warnings": warnings}


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
