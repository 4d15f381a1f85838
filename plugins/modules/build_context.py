# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: build_context
short_description: Bring a build context from the controller to a build host
version_added: 0.1.0
author:
  - studioml.fleet contributors (@studioml)
description:
  - Makes a directory on the target equal to a directory on the controller, as far as a build sees it.
  - Compares digests first, so that an unchanged context is not sent.
extends_documentation_fragment:
  - studioml.fleet.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    support: full
    platforms: posix
  idempotent:
    support: full
options:
  src:
    description: Directory on the controller; a relative path is looked for beside the playbook.
    type: path
    required: true
  dest:
    description: Directory on the target that is replaced when it differs.
    type: path
    required: true
  digest:
    description: Digest of O(src); set by the part of the module that runs on the controller.
    type: str
  archive:
    description: Archive of O(src) on the target; set by the part of the module that runs on the controller.
    type: path
seealso:
  - module: studioml.fleet.registry_image
"""

EXAMPLES = r"""
- name: Bring the context to the build host
  studioml.fleet.build_context:
    src: images/runner
    dest: /var/lib/studioml-fleet/contexts/runner
"""

RETURN = r"""
dest:
  description: The directory on the target.
  returned: success
  type: str
  sample: /var/lib/studioml-fleet/contexts/runner
digest:
  description: Digest of the directory, over names, contents, link targets and executable bits.
  returned: success
  type: str
  sample: sha256:0f343b0931126a20f133d67c2b018a3b1d8b1d0b1d3b0a2c1c5b1a1f2e3d4c5b
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.studioml.fleet.plugins.module_utils import _staged_tree
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

ARGUMENTS = {
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "digest": {"type": "str"},
    "archive": {"type": "path"},
}


def perform(params: dict, check: bool) -> dict:
    """Compare; replace when an archive came along. Says by C(changed) whether the target differs."""
    dest = params["dest"]
    if os.path.lexists(dest) and (os.path.islink(dest) or not os.path.isdir(dest)):
        raise FleetError(f"{dest} is on the target, but is not a directory.", "Choose another dest, or remove it.")
    before = _staged_tree.digest(dest) if os.path.isdir(dest) else "absent"
    after = params["digest"]
    if before != after and params["archive"] and not check:
        os.makedirs(os.path.dirname(dest), mode=0o755, exist_ok=True)
        _staged_tree.replace(dest, params["archive"], after)
    return {
        "changed": before != after,
        "dest": dest,
        "digest": after,
        "diff": {"before": f"{before}\n", "after": f"{after}\n", "before_header": dest, "after_header": dest},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        if not module.params["digest"]:
            raise FleetError("build_context needs its part on the controller, which measures src.", "Call it as studioml.fleet.build_context.")
        module.exit_json(**perform(module.params, check=module.check_mode))
    except FleetError as error:
        module.fail_json(**error.result())
    except OSError as error:
        module.fail_json(msg=f"The build context could not be put at {module.params['dest']}: {error}. Look at the disk and its permissions.")


if __name__ == "__main__":
    main()
