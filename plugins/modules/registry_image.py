# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_image
short_description: Build an image and bring it to registries
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Builds an image from a Dockerfile on the target with its Docker, names it after its labels C(registry.repo) and C(registry.version), and pushes it
    to registries.
  - Does nothing where every registry already has what would be built. That is told by the label C(studioml.fleet.context-digest), a digest over the names,
    modes and content of the files in the context (less those in C(.dockerignore)), the Dockerfile, O(build_args), O(labels) and O(target).
  - The build has a working tag of its own, which is dropped afterwards; the names with which the image was pushed stay.
notes:
  - An image that the Dockerfile begins with (C(FROM)) is not part of the digest. Use O(force=true) to build anew when it changed.
  - The tag moves when the content changed and the version did not.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - Registries are asked, nothing is built or pushed. A registry that cannot be reached is taken for one that lacks the image, with a warning.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - With O(force=true) every run builds and pushes.
  platform:
    support: full
    platforms: posix
options:
  context:
    description: Folder on the target that is built.
    type: path
    required: true
  dockerfile:
    description: The Dockerfile; a relative path is taken from O(context).
    type: str
    default: Dockerfile
  build_args:
    description: Build arguments. They end up in the image's history, so they are no place for secrets.
    type: dict
    default: {}
  labels:
    description: Labels for the image, over those of the Dockerfile.
    type: dict
    default: {}
  target:
    description: Stage of the Dockerfile to build; without it the last one.
    type: str
  registries:
    description: The registries that shall have the image.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The registry, HOST or HOST:PORT.
        type: str
        required: true
      scheme:
        description: How it is reached. Docker has to trust a registry over plain HTTP first, see M(studioml.fleet.registry_trust_entry).
        type: str
        choices: [https, http]
        default: https
      ca_file:
        description: Certificate of the authority that signed the registry's, on the target; without it the one that Docker has below C(certs.d), if any.
        type: path
      username:
        description: User for the registry; without it the login that Docker has.
        type: str
      password:
        description: Password of O(registries[].username). It never stands on a command line.
        type: str
  repository:
    description: Name of the image within the registries; without it the label C(registry.repo).
    type: str
  tag:
    description: Tag of the image; without it the label C(registry.version).
    type: str
  force:
    description: Whether to build and push whatever the registries have.
    type: bool
    default: false
  build_timeout:
    description: Seconds for the build.
    type: int
    default: 3600
  push_timeout:
    description: Seconds for each push.
    type: int
    default: 1800
seealso:
  - module: studioml.fleet.build_context
  - module: studioml.fleet.registry_trust_entry
"""

EXAMPLES = r"""
- name: Build the runner and bring it to the hub
  studioml.fleet.registry_image:
    context: /var/lib/studioml-fleet/contexts/runner
    registries:
      - host: hub:5000
        scheme: http
"""

RETURN = r"""
images:
  description: The image in each registry.
  returned: success
  type: list
  elements: dict
  sample: [{"reference": "hub:5000/studioml/standin-runner:0.14.1", "digest": "sha256:0f34...", "existed": false}]
  contains:
    reference:
      description: Its whole name.
      type: str
    digest:
      description: Digest of its manifest there; empty where it is not there yet (check mode).
      type: str
    existed:
      description: Whether the registry had it before.
      type: bool
context_digest:
  description: Digest of what is built.
  returned: success
  type: str
  sample: sha256:9c1185a5c5e9fc54612808977ee8f548b2258d31
repository:
  description: Name within the registries; empty when that is not known before the build (check mode).
  returned: success
  type: str
  sample: studioml/standin-runner
tag:
  description: Tag; empty when that is not known before the build (check mode).
  returned: success
  type: str
  sample: 0.14.1
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _registry_image
from ansible_collections.studioml.fleet.plugins.module_utils._docker import detect
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._hosts_toml import check_host
from ansible_collections.studioml.fleet.plugins.module_utils._registry import Registry

REGISTRY = {
    "host": {"type": "str", "required": True},
    "scheme": {"type": "str", "choices": ["https", "http"], "default": "https"},
    "ca_file": {"type": "path"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
}
ARGUMENTS = {
    "context": {"type": "path", "required": True},
    "dockerfile": {"type": "str", "default": "Dockerfile"},
    "build_args": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
    "target": {"type": "str"},
    "registries": {"type": "list", "elements": "dict", "required": True, "options": REGISTRY, "required_together": [("username", "password")]},
    "repository": {"type": "str"},
    "tag": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "build_timeout": {"type": "int", "default": 3600},
    "push_timeout": {"type": "int", "default": 1800},
}


def perform(params: dict, check: bool) -> dict:
    """Ask the registries; build and push where one lacks the image."""
    docker = detect()
    if docker.flavour == "absent" and not check:
        raise FleetError(
            "Docker is not installed on this host (no dockerd, no docker snap).", "Build elsewhere, or install it first (role studioml.fleet.docker)."
        )
    if not params["registries"]:
        raise FleetError("registries is empty: nothing would be pushed.", "Name at least one registry.")
    targets = []
    for entry in params["registries"]:
        host = check_host(entry["host"])
        username, password = entry["username"] or "", entry["password"] or ""
        known = f"{docker.certs_folder}/{host}/ca.crt"
        ca_file = entry["ca_file"] or (known if os.path.exists(known) else "")
        registry = Registry(host, entry["scheme"], ca_file=ca_file, username=username, password=password)
        targets.append(_registry_image.Target(registry, username, password))
    wanted = _registry_image.Wanted(
        context=params["context"],
        dockerfile=os.path.join(params["context"], params["dockerfile"]),
        build_args={name: str(value) for name, value in params["build_args"].items()},
        labels={name: str(value) for name, value in params["labels"].items()},
        stage=params["target"] or "",
        repository=params["repository"] or "",
        tag=params["tag"] or "",
        force=params["force"],
        build_timeout=params["build_timeout"],
        push_timeout=params["push_timeout"],
    )
    return _registry_image.converge(docker, wanted, targets, check=check)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = perform(module.params, check=module.check_mode)
        for warning in result.pop("warnings"):
            module.warn(warning)
        module.exit_json(**result)
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
