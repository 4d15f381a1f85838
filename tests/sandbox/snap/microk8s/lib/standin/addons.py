# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The add-ons that a track lists, and how MicroK8s decides that one is enabled."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .track import Track


@dataclasses.dataclass(frozen=True)
class Addon:
    """One line of MicroK8s' addons.yaml; C(check) is the text or file that proves it enabled."""

    name: str
    description: str
    version: str
    check: str
    repository: str = "core"


def available(track: Track) -> list[Addon]:
    """The add-ons that C(status) lists for this track, in the order of their names."""
    gpu_check = "operator-node-feature-discovery" if track.minor >= 29 else "daemonset.apps/nvidia-device-plugin-daemonset"
    storage_check = "deployment.apps/hostpath-provisioner"
    registry_check = "deployment.apps/registry" if track.minor >= 25 else "pod/registry"
    registry_version = "2.8.3" if track.minor >= 33 else "2.8.1" if track.minor >= 25 else "2.7.1"
    known = [
        Addon("cert-manager", "Cloud native certificate management", "1.16.3", "pod/cert-manager"),
        Addon("dns", "CoreDNS", "1.13.1" if track.minor >= 35 else "1.9.3", "pod/coredns"),
        Addon("gpu", "Alias to nvidia add-on" if track.minor >= 29 else "Automatic enablement of Nvidia CUDA", track.gpu_operator.lstrip("v"), gpu_check),
        Addon("ha-cluster", "Configure high availability on the current node", "1.0.0", "${SNAP_DATA}/var/lock/ha-cluster"),
        Addon("helm", "Helm - the package manager for Kubernetes", "3.17.0", "${SNAP}/bin/helm"),
        Addon("helm3", "Helm 3 - the package manager for Kubernetes", "3.17.0", "${SNAP}/bin/helm3"),
        Addon("host-access", "Allow Pods connecting to Host services smoothly", "1.0.0", "lo:microk8s"),
        Addon("ingress", "Ingress controller for external access", "1.12.1", "ingressclass.networking.k8s.io/public"),
        Addon("metallb", "Loadbalancer for your Kubernetes cluster", "0.13.3", "pod/controller"),
        Addon("metrics-server", "K8s Metrics Server for API access to service metrics", "0.8.0", "pod/metrics-server"),
        Addon("prometheus", "Prometheus operator for monitoring and logging", "0.80.0", "pod/prometheus-operator"),
        Addon("rbac", "Role-Based Access Control for authorisation", "1.0.0", "clusterrole.rbac.authorization.k8s.io/cluster-admin"),
        Addon("registry", "Private image registry exposed on localhost:32000", registry_version, registry_check),
        Addon("storage", "Alias to hostpath-storage add-on, deprecated" if track.minor >= 24 else "Storage class; allocates storage from host directory",
              "1.0.0", storage_check),
    ]
    if track.has_repositories:
        known.append(Addon("community", "The community addons repository", "1.0.0", "${SNAP_COMMON}/addons/community"))
        known.append(Addon("hostpath-storage", "Storage class; allocates storage from host directory", "1.0.0", storage_check))
    if track.minor >= 29:
        known.append(Addon("nvidia", "NVIDIA hardware (GPU and network) support", track.gpu_operator.lstrip("v"), gpu_check))
    if track.minor < 36:
        known.append(Addon("dashboard", "The Kubernetes dashboard", "7.10.3" if track.minor >= 32 else "2.7.0", "pod/kubernetes-dashboard"))
    return sorted(known, key=lambda addon: (addon.repository, addon.name))


def split_enabled(known: t.Iterable[Addon], rows: str, variables: t.Mapping[str, str]) -> tuple[list[Addon], list[Addon]]:
    """Enabled and disabled add-ons by MicroK8s' own test: the check is a piece of any row of kubectl, else a file."""
    enabled: list[Addon] = []
    disabled: list[Addon] = []
    for addon in known:
        path = addon.check
        for name, value in variables.items():
            path = path.replace(f"${{{name}}}", value)
        found = addon.check in rows or (path.startswith("/") and os.path.exists(path))
        (enabled if found else disabled).append(addon)
    return enabled, disabled
