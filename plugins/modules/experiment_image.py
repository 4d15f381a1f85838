# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: experiment_image
short_description: Build the image of an experiment when it has changed, as mrunner does
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Builds an image from a base image, a file of Python requirements and a folder of sources on the target with its Docker, and pushes it to a registry as
    C(latest) and with a tag of the time (UTC, C(%Y%m%d_%H%M%S)).
  - >-
    Nothing is built while the sources, the requirements, the base image and the options are those of the image behind C(latest), and the tag that this one
    was given is the result. That is told by labels of the image, so that any build host knows.
  - The requirements come before the sources, so that Docker installs them again only when they, or the base image, have changed.
  - The sources lie in C(/experiment), which is also the working directory.
notes:
  - >-
    A base image of the same registry is taken by its digest, so that one that has moved is a change. Of one in another registry only the name counts; give
    its digest, or run it through M(studioml.fleet.registry_image) first.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - The registry is asked, nothing is built or pushed. The tag of an image that would be built is a prediction.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
options:
  context:
    description: Folder with the sources on the target, see M(studioml.fleet.build_context).
    type: path
    required: true
  base_image:
    description: Image that it begins with.
    type: str
    required: true
  command:
    description: What the image runs (its C(ENTRYPOINT)); parameters come with the Job.
    type: list
    elements: str
    default: []
  requirements:
    description: File of Python requirements, relative to O(context); empty for none.
    type: str
    default: ""
  pip:
    description: How the requirements are installed; C(--requirement FILE) is added. These words stay in the image's history, so they are no place for secrets.
    type: list
    elements: str
    default: [pip, install, --no-cache-dir]
  storage_dir:
    description: Where the storage of the experiments is mounted; becomes a volume, and C(STORAGE_DIR) in the environment. Empty for none.
    type: str
    default: ""
  exclude:
    description: Names of files and folders, at any depth, that are left out; shell patterns. A C(.dockerignore) of the sources counts, too.
    type: list
    elements: str
    default: [.git*]
  registry_url:
    description: The registry, V(https://HOST:PORT), V(http://HOST:PORT), or without a scheme for https.
    type: str
    required: true
  project:
    description: Name of the project, the first part of the repository.
    type: str
    required: true
  name:
    description: Name of the experiment, the last part of the repository.
    type: str
    required: true
  google_project_id:
    description: Takes the place of O(project) at C(gcr.io).
    type: str
    default: ""
  ca_file:
    description: Certificate of the authority that signed the registry's, on the target; without it the one that Docker has below C(certs.d), if any.
    type: path
  username:
    description: User for the registry; without it the login that Docker has.
    type: str
  password:
    description: Password of O(username). It never stands on a command line.
    type: str
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
  - module: studioml.fleet.registry_image
"""

EXAMPLES = r"""
- name: Bring the sources to the build host
  studioml.fleet.build_context:
    src: mnist
    dest: /var/lib/studioml-fleet/contexts/mnist

- name: Build the experiment when it has changed
  studioml.fleet.experiment_image:
    context: /var/lib/studioml-fleet/contexts/mnist
    base_image: hub:5000/python:3.12
    requirements: requirements.txt
    command: [python, train.py]
    storage_dir: /storage
    registry_url: http://hub:5000
    project: sandbox
    name: mnist
  register: built
"""

RETURN = r"""
image:
  description: The whole name of the image, with the tag of the time.
  returned: success
  type: str
  sample: hub:5000/sandbox/mnist:20260120_101500
tag:
  description: That tag.
  returned: success
  type: str
  sample: "20260120_101500"
content_digest:
  description: Digest of what the image is built from; empty when that is not on the target yet (check mode).
  returned: success
  type: str
  sample: sha256:9c1185a5c5e9fc54612808977ee8f548b2258d31
"""

import datetime
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _experiment_image
from ansible_collections.studioml.fleet.plugins.module_utils._docker import detect
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._registry import Registry
from ansible_collections.studioml.fleet.plugins.module_utils._registry_image import Target

ARGUMENTS = {
    "context": {"type": "path", "required": True},
    "base_image": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str", "default": []},
    "requirements": {"type": "str", "default": ""},
    "pip": {"type": "list", "elements": "str", "default": ["pip", "install", "--no-cache-dir"]},
    "storage_dir": {"type": "str", "default": ""},
    "exclude": {"type": "list", "elements": "str", "default": [".git*"]},
    "registry_url": {"type": "str", "required": True},
    "project": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "google_project_id": {"type": "str", "default": ""},
    "ca_file": {"type": "path"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "build_timeout": {"type": "int", "default": 3600},
    "push_timeout": {"type": "int", "default": 1800},
}


def perform(params: dict, check: bool) -> dict:
    """Check everything, then ask the registry; build and push where the image has changed."""
    where = _experiment_image.place(params["registry_url"], params["project"], params["name"], params["google_project_id"])
    wanted = _experiment_image.checked(
        _experiment_image.Wanted(
            context=params["context"],
            base_image=params["base_image"].strip(),
            command=tuple(params["command"]),
            requirements=params["requirements"].strip(),
            pip=tuple(params["pip"]),
            storage_dir=params["storage_dir"].rstrip("/"),
            exclude=tuple(params["exclude"]),
            build_timeout=params["build_timeout"],
            push_timeout=params["push_timeout"],
        )
    )
    docker = detect()
    if docker.flavour == "absent" and not check:
        raise FleetError(
            "Docker is not installed on this host (no dockerd, no docker snap).", "Build elsewhere, or install it first (role studioml.fleet.docker)."
        )
    username, password = params["username"] or "", params["password"] or ""
    known = f"{docker.certs_folder}/{where.host}/ca.crt"
    ca_file = params["ca_file"] or (known if os.path.exists(known) else "")
    target = Target(Registry(where.host, where.scheme, ca_file=ca_file, username=username, password=password), username, password)
    now = datetime.datetime.now(datetime.timezone.utc)
    return _experiment_image.converge(docker, wanted, where, target, check=check, now=now)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_together=[("username", "password")])
    try:
        result = perform(module.params, check=module.check_mode)
        for warning in result.pop("warnings"):
            module.warn(warning)
        module.exit_json(**result)
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
