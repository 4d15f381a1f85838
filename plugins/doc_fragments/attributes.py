# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module of this collection promises: the attributes table of its documentation."""

from __future__ import annotations


class ModuleDocFragment:
    # Every module: the four promises. A module states its support for each.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status prediction without modifying the target.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode with the same arguments, the second run changes nothing and says so.
      - This assumes that nobody else changed the target in between.
  platform:
    description: Operating systems of the host that runs the module.
    support: full
"""

    # With the fragment above: modules that only look.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module does not modify state.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
    details:
      - This module does not modify state.
"""

    # With the first fragment: modules that talk to a Kubernetes API and therefore run on the controller.
    CONTROLLER = r"""
options: {}
attributes:
  action:
    description: Has an action plugin of the same name, so that it runs in the controller's own process and nothing is copied to the host.
    support: full
    details:
      - Where the kubeconfig lies on the host (O(kubeconfig_on=target)), the module itself runs there.
  action_group:
    description: Use C(group/studioml.fleet.fleet) in C(module_defaults) to set defaults for all modules of this kind.
    support: full
    membership:
      - studioml.fleet.fleet
"""
