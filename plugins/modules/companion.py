# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: companion
short_description: Run RabbitMQ or MinIO beside the runners, for sites that have none
version_added: 0.1.0
description:
  - >-
    Makes and converges a Deployment of one pod, its Service, a claim for its data, and Secrets with its credentials, by server-side apply under the field
    manager C(studioml.fleet); then waits until it is ready.
  - >-
    The names are those of the runner's own manifests: C(rabbitmq-service) with the ports 5672 and 15672, C(minio-service) with the port 9000, and the claims
    C(rabbitmq-pv-claim) and C(minio-pv-claim).
  - >-
    Credentials are made once and kept, in the Secret C(rabbitmq-credentials) or C(minio-credentials) (keys C(username) and C(password)). For runners there is
    C(rabbitmq-runner), with C(AMQP_URL) and C(AMQP_MGT_URL) as the option O(studioml.fleet.runner_deploy#module:env_secrets) takes them. No password is ever
    shown.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details: The API server is asked for dry runs. Where the namespace or the kubeconfig does not exist yet, the result is predicted locally.
  diff_mode:
    support: full
    details: Shows the fields that this collection sets. Of Secrets it shows the keys, never a value.
  idempotent:
    support: full
    details: Nothing but reads is sent when nothing changes.
  platform:
    platforms: posix
options:
  kind:
    description: Which one.
    type: str
    required: true
    choices: [rabbitmq, minio]
  state:
    description:
      - V(absent) removes the Deployment and the Service. The claim and the credentials stay, unless O(remove_data) is set.
    type: str
    choices: [present, absent]
    default: present
  create_namespace:
    description: Whether to make the namespace if it does not exist. Needs the permission to read namespaces.
    type: bool
    default: true
  image:
    description:
      - Image to run. Required for O(state=present).
      - Of RabbitMQ, one with its management plug-in (such as the variant C(-management)), or it cannot be asked whether runners are quiet.
    type: str
  image_pull_policy:
    description: When the node pulls the image.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  image_pull_secrets:
    description: Names of Secrets of the namespace with credentials for the registry.
    type: list
    elements: str
    default: []
  size:
    description: Size of the claim for its data; 8Gi for RabbitMQ, 15Gi for MinIO if it is not given. A claim that is there is never changed.
    type: str
  storage_class:
    description: Storage class of the claim; the cluster's default if it is not given.
    type: str
  username:
    description: Its user. With O(password) in place of ones that are made.
    type: str
  password:
    description: The password of O(username). RabbitMQ takes both only at its first start.
    type: str
  service_type:
    description: How the Service is reached. V(NodePort) and V(LoadBalancer) are for clients outside of the cluster.
    type: str
    choices: [ClusterIP, NodePort, LoadBalancer]
    default: ClusterIP
  resources:
    description: CPU and memory, as Kubernetes writes them.
    type: dict
    suboptions:
      limits:
        description: What it can have at most.
        type: dict
      requests:
        description: What it is sure to have.
        type: dict
  command:
    description: In place of the image's entry point.
    type: list
    elements: str
  args:
    description: Arguments; of MinIO V(server /storage) if neither this nor O(command) is given.
    type: list
    elements: str
  env:
    description: Further environment. No secrets.
    type: dict
    default: {}
  host_paths:
    description: Folders of the node to mount.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it is in the container.
        type: str
        required: true
      host_path:
        description: The folder of the node.
        type: str
        required: true
      read_only:
        description: Let nothing be written to it.
        type: bool
        default: false
  node_selector:
    description: Run on nodes with these labels only.
    type: dict
    default: {}
  tolerations:
    description: Taints that do not keep the pod away, as Kubernetes writes them.
    type: list
    elements: dict
    default: []
  remove_data:
    description: With O(state=absent), also remove the claim with all data, and the credentials.
    type: bool
    default: false
  force_conflicts:
    description: Take over fields that another manager owns.
    type: bool
    default: false
  wait:
    description: Wait until it is ready. Nothing is awaited in check mode.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait.
    type: float
    default: 300
seealso:
  - module: studioml.fleet.runner_deploy
  - module: studioml.fleet.broker_user
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: RabbitMQ and MinIO in the runner's namespace
  studioml.fleet.companion:
    kubeconfig: /etc/fleet/gpu1.yaml
    namespace: studioml
    kind: "{{ item.kind }}"
    image: "{{ item.image }}"
  loop:
    - {kind: rabbitmq, image: "hub:5000/library/rabbitmq:3.13-management"}
    - {kind: minio, image: "hub:5000/minio/minio:RELEASE.2025-09-07T16-13-09Z"}

- name: A runner that works on its queues
  studioml.fleet.runner_deploy:
    kubeconfig: /etc/fleet/gpu1.yaml
    namespace: studioml
    image: hub:5000/studioml/runner:0.14.2
    env: {CLEAR_TEXT_MESSAGES: true}
    env_secrets: [rabbitmq-runner]

- name: Remove RabbitMQ with all that is in it
  studioml.fleet.companion: {kubeconfig: /etc/fleet/gpu1.yaml, namespace: studioml, kind: rabbitmq, state: absent, remove_data: true}
"""

RETURN = r"""
objects:
  description: What became of each object, in the order in which it was handled.
  returned: success
  type: list
  elements: dict
  sample:
    - {kind: Deployment, name: rabbitmq-deployment, namespace: studioml, action: created}
namespace:
  description: Its namespace.
  returned: success
  type: str
  sample: studioml
host:
  description: Its name within the cluster.
  returned: success
  type: str
  sample: rabbitmq-service.studioml.svc
ports:
  description: The Service's ports.
  returned: success
  type: dict
  sample: {amqp: 5672, management: 15672}
credentials_secret:
  description: Name of the Secret with its credentials.
  returned: success
  type: str
  sample: rabbitmq-credentials
runner_secret:
  description: Name of the Secret with the address for runners; empty for MinIO, whose address and keys come with each experiment.
  returned: success
  type: str
  sample: rabbitmq-runner
ready:
  description: Whether it is up.
  returned: success
  type: bool
  sample: true
kept:
  description: The claim and the Secrets that stay, since O(remove_data) is not set.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [PersistentVolumeClaim/studioml/rabbitmq-pv-claim]
cause:
  description: Why it did not come up, as M(studioml.fleet.runner_deploy) returns it.
  returned: when it does not come up
  type: dict
  sample: {pod: rabbitmq-deployment-6d9f-x2x, reason: ImagePullBackOff, events: [], terminated: {}, log: []}
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _companion, _companions, _door

_HOST_PATH = {"path": {"type": "str", "required": True}, "host_path": {"type": "str", "required": True}, "read_only": {"type": "bool", "default": False}}
ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    "kind": {"type": "str", "required": True, "choices": list(_companions.KINDS)},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "create_namespace": {"type": "bool", "default": True},
    "image": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"], "default": "IfNotPresent"},
    "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "size": {"type": "str"},
    "storage_class": {"type": "str"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "service_type": {"type": "str", "choices": ["ClusterIP", "NodePort", "LoadBalancer"], "default": "ClusterIP"},
    "resources": {"type": "dict", "options": {"limits": {"type": "dict"}, "requests": {"type": "dict"}}},
    "command": {"type": "list", "elements": "str"},
    "args": {"type": "list", "elements": "str"},
    "env": {"type": "dict", "default": {}},
    "host_paths": {"type": "list", "elements": "dict", "default": [], "options": _HOST_PATH},
    "node_selector": {"type": "dict", "default": {}},
    "tolerations": {"type": "list", "elements": "dict", "default": []},
    "remove_data": {"type": "bool", "default": False},
    "force_conflicts": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 300},
}


def perform(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    target, warnings = _door.target_if_there(params, check and params["state"] == "present")
    one = _companion.companion_of(params, _door.namespace_of(params, target) if target else params.get("namespace") or "default")
    if target is None:
        result = _companion.present(None, one, params, check)
    else:
        act = _companion.present if params["state"] == "present" else _companion.absent
        result = act(_door.connect(params, target), one, params, check)
    return {**result, "warnings": [*warnings, *result["warnings"]]}


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
