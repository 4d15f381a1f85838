# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon
short_description: Configure a host's Docker daemon
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Merges settings into the daemon's C(daemon.json) and lets the daemon take them over. Keys that are not named are kept, whoever wrote them.
  - The new file is checked first (by C(dockerd --validate) from Docker 23 on), the former one is kept beside it with the suffix C(.previous),
    and it is replaced in one step.
  - The daemon is reloaded where that is enough, else restarted once. A reload that fails returns success nevertheless, so the running daemon is asked
    whether it shows the new settings.
  - When the daemon does not follow, the former file is put in place again, the daemon runs with it again, and the module fails with the daemon's own words.
  - A daemon that does not run is started, since its settings are in force only then.
notes:
  - A restart ends running containers unless C(live-restore) is set; C(live-restore) itself needs a reload only, so set it in a task before.
  - C(insecure-registries) and C(registry-mirrors) that are removed are written as empty lists, since a reload would not clear them otherwise.
  - Docker 29 keeps new installations' images in containerd and reads C(hosts.toml) below C(/etc/docker/certs.d) too. Reports exist of releases that ignore
    C(insecure-registries) where such a folder names several hosts. M(studioml.fleet.registry_pull) shows whether a host is affected.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - On a host without Docker the change is predicted as if it were installed and without a file.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
options:
  settings:
    description:
      - Settings of C(daemon.json). Dictionaries are merged key by key.
      - Values of C(log-opts) are strings, numbers too.
    type: dict
    default: {}
  merge_lists:
    description: Whether a list in O(settings) is united with the one in the file; otherwise it replaces that one.
    type: bool
    default: true
  remove_keys:
    description: Keys that the file shall not have.
    type: list
    elements: str
    default: []
  config_file:
    description: The configuration file; without it the one that the engine reads (the snap has another one than packages).
    type: path
  apply:
    description: Whether the daemon shall take the settings over now. Otherwise they are in force from its next start.
    type: bool
    default: true
  ready_timeout:
    description: Seconds to wait for the daemon after a start or restart.
    type: int
    default: 60
seealso:
  - module: studioml.fleet.docker_info
  - module: studioml.fleet.registry_trust_entry
"""

EXAMPLES = r"""
- name: Bound the logs of containers, and keep containers over restarts of the daemon
  studioml.fleet.docker_daemon:
    settings:
      live-restore: true
      log-driver: json-file
      log-opts:
        max-size: 50m
        max-file: "3"

- name: Trust no registry without a certificate any more
  studioml.fleet.docker_daemon:
    remove_keys:
      - insecure-registries
"""

RETURN = r"""
installed:
  description: Whether the host has a Docker engine; it can be missing in check mode only.
  returned: success
  type: bool
  sample: true
action:
  description: What brought the settings into force (or would in check mode), V(none), V(reload), V(restart) or V(start).
  returned: success
  type: str
  sample: reload
config_file:
  description: The configuration file.
  returned: success
  type: str
  sample: /etc/docker/daemon.json
settings:
  description: All settings of the file after the run; users and passwords within addresses are hidden.
  returned: success
  type: dict
  sample: {"live-restore": true}
backup:
  description: Where the former file is kept; empty when there was none or nothing changed.
  returned: success
  type: str
  sample: /etc/docker/daemon.json.previous
rolled_back:
  description: Whether the former file was put in place again.
  returned: when the daemon did not follow
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _daemon_json, _docker_daemon
from ansible_collections.studioml.fleet.plugins.module_utils._docker import detect
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._secrets import hide_in

ARGUMENTS = {
    "settings": {"type": "dict", "default": {}},
    "merge_lists": {"type": "bool", "default": True},
    "remove_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "config_file": {"type": "path"},
    "apply": {"type": "bool", "default": True},
    "ready_timeout": {"type": "int", "default": 60},
}


def perform(params: dict, check: bool) -> dict:
    """Plan, then carry out unless in check mode."""
    both = sorted(set(params["settings"]).intersection(params["remove_keys"]))
    if both:
        raise FleetError(f"{', '.join(both)} is in settings and in remove_keys.", "Keep it in one of them.")
    docker = detect()
    if docker.flavour == "absent" and not check:
        raise FleetError("Docker is not installed on this host (no dockerd, no docker snap).", "Install it first (role studioml.fleet.docker).")

    def transform(settings: dict) -> dict:
        return _daemon_json.merge(_daemon_json.without_keys(settings, params["remove_keys"]), params["settings"], params["merge_lists"])

    path = params["config_file"] or docker.config_file()
    what = _docker_daemon.plan(docker, path, transform, apply=params["apply"], start=True)
    backup = ""
    if not check:
        backup = _docker_daemon.carry_out(docker, what, params["ready_timeout"])
    elif what.changed and what.before_text is not None:
        backup = path + _docker_daemon.PREVIOUS
    return {
        "changed": what.changed or what.action != "none",
        "installed": docker.flavour != "absent",
        "action": what.action,
        "config_file": path,
        "settings": hide_in(what.after),
        "backup": backup,
        "diff": what.diff(),
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**perform(module.params, check=module.check_mode))
    except FleetError as error:
        module.fail_json(**error.result())
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'The configuration'} cannot be written: {error.strerror}. Run the task with become: true.")


if __name__ == "__main__":
    main()
