# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_pull
short_description: Prove by a pull that a host's runtimes trust a registry
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Pulls an image through the container runtimes of a host, and compares what each of them got by the manifest's digest.
  - For containerd that is a true CRI pull over its socket, as the kubelet does it. C(ctr image pull) proves nothing, since it reads neither C(certs.d)
    nor containerd's configuration.
  - An image that was not there before is removed again, so that nothing changes.
  - In check mode nothing is sent.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is pulled, so nothing is proven.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - With O(cleanup=true) nothing stays, and nothing is reported as changed.
  platform:
    support: full
    platforms: posix
options:
  image:
    description: The image, with its registry, as HOST:PORT/REPOSITORY:TAG or with a digest.
    type: str
    required: true
  runtimes:
    description: Which runtimes are to pull it.
    type: list
    elements: str
    choices: [containerd, docker]
    default: [containerd, docker]
  expect:
    description:
      - V(present) when the pull has to succeed.
      - V(absent_manifest) when the registry is known not to have O(image). Its answer to that effect proves that it was reached in the right way, without
        any image in it.
    type: str
    choices: [present, absent_manifest]
    default: present
  cleanup:
    description: Whether to remove the image where it was not there before and has no other name.
    type: bool
    default: true
  username:
    description: User for the registry.
    type: str
  password:
    description: Password of O(username). It is sent to the runtimes and never stands on a command line.
    type: str
  socket:
    description: Socket of containerd.
    type: path
    default: /var/snap/microk8s/common/run/containerd.sock
  timeout:
    description: Seconds for each pull.
    type: int
    default: 300
seealso:
  - module: studioml.fleet.registry_trust_entry
"""

EXAMPLES = r"""
- name: Prove that both runtimes trust the hub
  studioml.fleet.registry_pull:
    image: hub:5000/studioml/standin-runner:0.14.1

- name: Prove it for a registry that is still empty
  studioml.fleet.registry_pull:
    image: hub:5000/studioml/none:none
    expect: absent_manifest
"""

RETURN = r"""
digests:
  description: The manifest's digest by runtime; empty with O(expect=absent_manifest) and in check mode.
  returned: success
  type: dict
  sample: {"containerd": "sha256:0f34...", "docker": "sha256:0f34..."}
equal:
  description: Whether all runtimes got the same.
  returned: success
  type: bool
  sample: true
pulled:
  description: Whether anything was asked of the registry; not in check mode.
  returned: success
  type: bool
  sample: true
runtime:
  description: The runtime that could not pull.
  returned: when a pull failed
  type: str
  sample: containerd
"""

import functools

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _image_name, _registry_pull
from ansible_collections.studioml.fleet.plugins.module_utils._cri import Cri
from ansible_collections.studioml.fleet.plugins.module_utils._docker import detect
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

ARGUMENTS = {
    "image": {"type": "str", "required": True},
    "runtimes": {"type": "list", "elements": "str", "choices": ["containerd", "docker"], "default": ["containerd", "docker"]},
    "expect": {"type": "str", "choices": ["present", "absent_manifest"], "default": "present"},
    "cleanup": {"type": "bool", "default": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "socket": {"type": "path", "default": "/var/snap/microk8s/common/run/containerd.sock"},
    "timeout": {"type": "int", "default": 300},
}


def perform(params: dict, check: bool) -> dict:
    """Pull through each runtime in turn."""
    image = _image_name.parse(params["image"])
    options = {"username": params["username"] or "", "password": params["password"] or "", "timeout": params["timeout"], "cleanup": params["cleanup"]}
    digests, new = {}, False
    for runtime in [] if check else params["runtimes"]:
        if runtime == "containerd":
            pull = functools.partial(_registry_pull.through_containerd, Cri(params["socket"]), image, **options)
        else:
            docker = detect()
            if docker.flavour == "absent":
                raise FleetError("Docker is not installed on this host (no dockerd, no docker snap).", "Take docker out of runtimes, or install it first.")
            pull = functools.partial(_registry_pull.through_docker, docker, image, **options)
        try:
            if params["expect"] == "absent_manifest":
                _registry_pull.expect_absent(pull)
                continue
            pulled = pull()
        except _registry_pull.PullError as error:
            raise _registry_pull.failure(runtime, image, error) from None
        digests[runtime] = pulled.digest
        new = new or (pulled.new and not pulled.removed)
    if len(set(digests.values())) > 1:
        raise FleetError(
            f"The runtimes got different images for {image.text()}: {', '.join(f'{name} {digest}' for name, digest in sorted(digests.items()))}.",
            "Do they ask different registries? See mirrors in daemon.json and in containerd's certs.d.",
            digests=digests,
        )
    return {"changed": new, "digests": digests, "equal": True, "pulled": not check}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_together=[("username", "password")])
    try:
        module.exit_json(**perform(module.params, check=module.check_mode))
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
