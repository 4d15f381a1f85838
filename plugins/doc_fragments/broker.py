# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option of the modules that work at RabbitMQ; the argument spec that belongs to it is in module_utils/_broker_options.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  broker:
    description:
      - RabbitMQ, reached through its management API. Its management plug-in has to be on.
      - Defaults to the host's variable C(fleet_broker).
    type: dict
    suboptions:
      url:
        description: Address of the management API, such as V(http://hub:15672).
        type: str
      username:
        description: Name of a user with the tag C(administrator), or for looking C(monitoring).
        type: str
      password:
        description: Its password.
        type: str
      vhost:
        description: The virtual host of the runners.
        type: str
      runner_username:
        description: The user that the runners log in as.
        type: str
      via:
        description:
          - How the management API is reached. V(direct) connects to it from where the module runs.
          - >-
            V(service) goes through the cluster's API server to a pod behind the Service that is the broker's address. The kubeconfig's user needs the verbs
            C(get) and C(create) on C(pods/portforward), C(get) and C(list) on Services, and C(list) on pods.
          - V(auto) is V(service) when the address is that of a Service of the cluster, else V(direct).
        type: str
        choices: [auto, direct, service]
        default: auto
      ca_path:
        description: File with the PEM certificate of the authority behind an https URL. Without it the system's authorities are trusted.
        type: path
      validate_certs:
        description: Whether the certificate behind an https URL is checked.
        type: bool
        default: true
      statistics_interval:
        description: The broker's own C(collect_statistics_interval), in seconds; the management API does not tell it.
        type: float
        default: 5
"""
