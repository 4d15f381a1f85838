# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_info
short_description: Look at a host's Docker engine
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Says which Docker engine a host has (a distribution's package, or the snap), whether it runs, and what its C(daemon.json) holds.
  - Nothing is changed.
extends_documentation_fragment:
  - studioml.fleet.attributes
  - studioml.fleet.attributes.info_module
attributes:
  platform:
    support: full
    platforms: posix
options:
  config_file:
    description: The configuration file to look at; without it the one that the engine reads.
    type: path
seealso:
  - module: studioml.fleet.docker_daemon
"""

EXAMPLES = r"""
- name: Look at the Docker engine
  studioml.fleet.docker_info:
  register: engine

- name: Stop where it does not run
  ansible.builtin.assert:
    that: engine.running
    fail_msg: "Docker ({{ engine.flavour }}) does not run on {{ inventory_hostname }}."
"""

RETURN = r"""
installed:
  description: Whether the host has a Docker engine.
  returned: success
  type: bool
  sample: true
flavour:
  description: Where the engine comes from, V(package), V(snap) or V(absent); of two, the one that runs.
  returned: success
  type: str
  sample: package
version:
  description: The engine's version; empty without an engine.
  returned: success
  type: str
  sample: 20.10.24
running:
  description: Whether the daemon answers.
  returned: success
  type: bool
  sample: true
config_file:
  description: The configuration file.
  returned: success
  type: str
  sample: /etc/docker/daemon.json
config_valid:
  description: Whether the file can be read by the engine; a missing file is valid.
  returned: success
  type: bool
  sample: true
config_error:
  description: What is wrong with the file; empty when nothing is.
  returned: success
  type: str
  sample: ""
settings:
  description: The file's settings; users and passwords within addresses are hidden.
  returned: success
  type: dict
  sample: {"insecure-registries": ["hub:5000"]}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _daemon_json
from ansible_collections.studioml.fleet.plugins.module_utils._docker import VALIDATES_FROM, detect, major
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import read_text
from ansible_collections.studioml.fleet.plugins.module_utils._secrets import hide_in

ARGUMENTS = {"config_file": {"type": "path"}}


def perform(params: dict) -> dict:
    """Look at the engine and its file."""
    docker = detect()
    info = docker.info()
    version = docker.version(info)
    path = params["config_file"] or docker.config_file()
    settings, problem = {}, ""
    try:
        text = read_text(path)
        settings = _daemon_json.parse(text, path)
        if text is not None and not text.strip() and 0 < major(version) < VALIDATES_FROM:
            problem = f"{path} is empty: Docker before {VALIDATES_FROM} does not start with it."
    except FleetError as error:
        problem = error.message
    return {
        "changed": False,
        "installed": docker.flavour != "absent",
        "flavour": docker.flavour,
        "version": version,
        "running": bool(info),
        "config_file": path,
        "config_valid": not problem,
        "config_error": problem,
        "settings": hide_in(settings),
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**perform(module.params))
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
