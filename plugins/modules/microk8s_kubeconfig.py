# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: microk8s_kubeconfig
short_description: Write the kubeconfig of MicroK8s to the controller
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Takes the administrator's kubeconfig of a host with MicroK8s and writes it to a file on the controller, readable by its owner alone.
  - >-
    The credential in it is in no result, no diff and no log, whatever the verbosity; only Ansible's own E(ANSIBLE_DEBUG) shows what every module answers.
  - The contents are compared as values, so that a file that says the same is left alone.
  - A file that holds other clusters too is never replaced.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where MicroK8s is not installed yet, the file counts as a change; RV(note) says so.
  diff_mode:
    support: full
    details:
      - The credential is only called V(current) or V(another).
  idempotent:
    support: full
  platform:
    platforms: posix
options:
  dest:
    description:
      - Path of the file on the controller. Its folder is made when it is missing.
      - The file gets mode C(0600).
    type: path
    required: true
  address:
    description:
      - Name or address of the API server in the file, with a port when it is not the server's own, as the controller reaches it.
      - >-
        By default the one that C(microk8s config) gives, the address of the interface with the default route. The server's certificate has to name it.
    type: str
  context:
    description:
      - Name of the context in the file; the cluster and the user are named after it.
      - By default the names that C(microk8s config) gives, which are the same for every host.
    type: str
seealso:
  - module: studioml.fleet.microk8s_snap
  - module: studioml.fleet.runner_deploy
"""

EXAMPLES = r"""
- name: Write the kubeconfig to the controller
  studioml.fleet.microk8s_kubeconfig:
    dest: "~/.kube/{{ inventory_hostname }}.yaml"
    context: "{{ inventory_hostname }}"
"""

RETURN = r"""
path:
  description: The file on the controller.
  returned: success
  type: str
  sample: /home/operator/.kube/gpu1.yaml
server:
  description: The API server in it; empty when it is not known yet.
  returned: success
  type: str
  sample: https://10.0.0.11:16443
context:
  description: The context in it; empty when it is not known yet.
  returned: success
  type: str
  sample: gpu1
note:
  description: Why the prediction of check mode is a guess; empty when it is none.
  returned: success
  type: str
  sample: ""
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s

ARGUMENTS = {
    "dest": {"type": "path", "required": True},
    "address": {"type": "str"},
    "context": {"type": "str"},
}


def perform(check: bool) -> dict:
    """The part on the target: hand the kubeconfig to the part on the controller, which lets it go no further."""
    microk8s = MicroK8s()
    if microk8s.installed():
        return {"changed": False, "kubeconfig": microk8s.kubeconfig(), "note": ""}
    if not check:
        raise FleetError("MicroK8s is not installed on this host, so there is no kubeconfig.", "Install it first (studioml.fleet.microk8s_snap).")
    return {"changed": True, "kubeconfig": "", "note": "MicroK8s is not installed yet, so what will be in the file is not known."}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**perform(module.check_mode))
    except FleetError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
