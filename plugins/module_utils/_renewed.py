# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New credentials for what lasts longer than a token: from the plug-in that gave the old ones, or from the kubeconfig, where somebody has written new ones."""

from __future__ import annotations

from ansible_collections.studioml.fleet.plugins.module_utils import _kubeconfig
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api, _resolved


def renewed(api: Api) -> bool:
    """Give C(api) other credentials than those it has; False where there are none."""
    former = api.target
    try:
        found = _resolved(former) if former.plugin else _kubeconfig.load(former.path, former.context)
    except FleetError:
        return False
    if _credentials(found) == _credentials(former):
        return False
    api.target = found
    return True


def _credentials(target: _kubeconfig.Target) -> tuple[object, ...]:
    return target.token, target.certificate, target.key, target.username, target.password
