# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that every module for a Kubernetes API shares; the argument spec that belongs to it is in module_utils/_door.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file that leads to the cluster.
      - >-
        There is no ambient fallback: without this option the host's variable C(fleet_kubeconfig) is used, then the environment
        variable E(K8S_AUTH_KUBECONFIG), and without any of them the module fails.
      - The file C(~/.kube/config) and the credentials of a pod are never used by themselves.
    type: path
  kubeconfig_on:
    description:
      - Where the kubeconfig lies, and therefore where the work is done.
      - V(controller) runs in the controller's own process, V(target) runs the module on the host.
      - Python on a host that is used with V(target) needs PyYAML, unless the kubeconfig is written as JSON.
    type: str
    choices: [controller, target]
    default: controller
  context:
    description:
      - Name of the context in the kubeconfig.
      - Defaults to the host's variable C(fleet_context), else to the current context of the file.
    type: str
  namespace:
    description:
      - Namespace of the runner.
      - Defaults to the host's variable C(fleet_namespace), else to the namespace of the context, else to V(default).
    type: str
  cluster_id:
    description:
      - UID of the C(kube-system) namespace of the cluster that is meant.
      - When given, it is compared before anything is written, and the module fails when the kubeconfig leads to another cluster.
      - Defaults to the host's variable C(fleet_cluster_id).
    type: str
  connect_timeout:
    description: Seconds to wait for a connection to the API server.
    type: float
    default: 10
  request_timeout:
    description: Seconds that one request may take in all, its repetitions after passing failures included.
    type: float
    default: 30
notes:
  - The proxy that E(HTTPS_PROXY) and E(NO_PROXY) or the kubeconfig's C(proxy-url) name is honoured.
  - >-
    Certificates, tokens and passwords in the kubeconfig need no further Python package. Credential plug-ins (C(exec), OIDC) need the Python package
    C(kubernetes) where the module runs.
"""
