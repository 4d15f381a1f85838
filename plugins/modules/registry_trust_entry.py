# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_trust_entry
short_description: Let a host's container runtimes trust registries
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Lets the containerd of MicroK8s, Docker, or both pull from registries over plain HTTP, or over HTTPS with a site's own certificate authority.
  - For containerd the style of C(containerd-template.toml) decides, not the release. Where it has a C(config_path), each registry gets a C(hosts.toml),
    which containerd reads on every pull. Where it lists C(registry.mirrors), the registries go into one marked block of the template, and containerd is
    restarted.
  - For Docker plain HTTP goes into C(insecure-registries) of C(daemon.json) and takes a reload. A certificate goes below C(certs.d) and takes nothing.
  - After a restart containerd has to answer through its CRI plugin. A runtime that does not come back gets its former files back and is started with
    them again.
  - A malformed file of somebody else for one of these registries is refused and left as it is. Files of other registries are never touched.
notes:
  - Docker 29 keeps new installations' images in containerd. Reports exist of releases that ignore C(insecure-registries) where a folder below
    C(/etc/docker/certs.d) names several hosts. M(studioml.fleet.registry_pull) shows whether a host is affected.
  - C(docker buildx) with a container driver has its own configuration and does not read C(daemon.json).
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - On a host without the runtimes the change is predicted as if they were installed.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
options:
  registries:
    description: The registries.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: The registry as image names have it, HOST or HOST:PORT.
        type: str
        required: true
      scheme:
        description: How it is reached. Plain HTTP is neither private nor safe from forgery, and has to be asked for.
        type: str
        choices: [https, http]
        default: https
      ca:
        description: Certificate of the authority that signed the registry's certificate, as PEM text.
        type: str
      ca_file:
        description: The same as a file on the target.
        type: path
      capabilities:
        description: What containerd may use the registry for.
        type: list
        elements: str
        choices: [pull, resolve, push]
        default: [pull, resolve]
      state:
        description: Whether the registry is trusted by these means.
        type: str
        choices: [present, absent]
        default: present
  containerd:
    description: Whether MicroK8s' containerd is to trust them; V(auto) where it is installed.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  docker:
    description: Whether Docker is to trust them; V(auto) where it is installed.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  args_dir:
    description: Folder with MicroK8s' arguments.
    type: path
    default: /var/snap/microk8s/current/args
  socket:
    description: Socket of MicroK8s' containerd, which is asked after a restart.
    type: path
    default: /var/snap/microk8s/common/run/containerd.sock
  ready_timeout:
    description: Seconds to wait for a runtime after a restart.
    type: int
    default: 120
seealso:
  - module: studioml.fleet.registry_pull
  - module: studioml.fleet.docker_daemon
"""

EXAMPLES = r"""
- name: Trust the hub over plain HTTP and the site's registry with its authority
  studioml.fleet.registry_trust_entry:
    registries:
      - host: hub:5000
        scheme: http
      - host: registry.example.org
        ca: "{{ lookup('ansible.builtin.file', 'site-ca.crt') }}"
"""

RETURN = r"""
containerd:
  description: What was done for containerd; empty when it was not asked for.
  returned: success
  type: dict
  sample:
    style: certs.d
    files: ["/var/snap/microk8s/current/args/certs.d/hub:5000/hosts.toml"]
    restarted: false
  contains:
    style:
      description: How its template names registries, V(certs.d), V(mirrors) or V(none) (which became certs.d).
      type: str
    files:
      description: Files that changed.
      type: list
      elements: str
    restarted:
      description: Whether it was restarted.
      type: bool
docker:
  description: What was done for Docker; empty when it was not asked for.
  returned: success
  type: dict
  sample: {"config_file": "/etc/docker/daemon.json", "files": ["/etc/docker/daemon.json"], "action": "reload"}
  contains:
    config_file:
      description: Its configuration file.
      type: str
    files:
      description: Files that changed.
      type: list
      elements: str
    action:
      description: What brought the change into force, V(none), V(reload) or V(restart).
      type: str
rolled_back:
  description: Whether the former files were put in place again.
  returned: when a runtime did not come back
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _registry_trust, _trust_entry
from ansible_collections.studioml.fleet.plugins.module_utils._containerd import Containerd
from ansible_collections.studioml.fleet.plugins.module_utils._docker import detect
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import read_text

WISH = {"type": "str", "choices": ["auto", "true", "false"], "default": "auto"}
REGISTRY = {
    "host": {"type": "str", "required": True},
    "scheme": {"type": "str", "choices": ["https", "http"], "default": "https"},
    "ca": {"type": "str"},
    "ca_file": {"type": "path"},
    "capabilities": {"type": "list", "elements": "str", "choices": ["pull", "resolve", "push"], "default": ["pull", "resolve"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
ARGUMENTS = {
    "registries": {"type": "list", "elements": "dict", "required": True, "options": REGISTRY, "mutually_exclusive": [("ca", "ca_file")]},
    "containerd": dict(WISH),
    "docker": dict(WISH),
    "args_dir": {"type": "path", "default": "/var/snap/microk8s/current/args"},
    "socket": {"type": "path", "default": "/var/snap/microk8s/common/run/containerd.sock"},
    "ready_timeout": {"type": "int", "default": 120},
}


def perform(params: dict, check: bool) -> dict:
    """Both runtimes, one after the other; both plans are made before the first change."""

    def read_ca(path: str) -> str:
        text = read_text(path)
        if text is None:
            raise FleetError(f"The certificate authority {path} does not exist on this host.", "Copy it there first, or give its text as ca.")
        return text

    entries = _trust_entry.entries(params["registries"], read_ca)
    containerd, docker = Containerd(params["args_dir"], params["socket"]), detect()
    with_containerd, with_docker = _registry_trust.wanted_runtimes(containerd, docker, params, check)
    parts = {}
    for pretend in (True,) if check else (True, False):  # what either runtime would refuse is refused before the other one changes
        if with_containerd:
            parts["containerd"] = _registry_trust.converge_containerd(containerd, entries, check=pretend, ready_timeout=params["ready_timeout"])
        if with_docker:
            parts["docker"] = _registry_trust.converge_docker(docker, entries, check=pretend, ready_timeout=params["ready_timeout"])
    return {
        "changed": any(part["changed"] for part in parts.values()),
        "diff": [entry for part in parts.values() for entry in part["diff"]],
        "warnings": [warning for part in parts.values() for warning in part["warnings"]],
        **{name: parts[name]["result"] if name in parts else {} for name in ("containerd", "docker")},
    }


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
