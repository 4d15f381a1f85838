# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The install hook: arguments, certificates and kubeconfigs of a new node."""

from __future__ import annotations

import contextlib
import grp
import os
import pathlib
import shutil
import subprocess
import sys

from . import certificates
from .certificates import Identity
from .node import Node, own_address
from .options import OptionsError
from .track import Track, TrackError

PRIVATE = ("args", "certs", "credentials", "var/lock")
LINKS = {"/var/lib/kubelet": "common:var/lib/kubelet", "/etc/cni/net.d": "data:args/cni-network", "/opt/cni/bin": "data:opt/cni/bin"}


def prepare(node: Node) -> int:
    """Lay out all files of a node that is its own control plane."""
    try:
        track = Track.parse(node.options.track or (node.snap / "track").read_text(encoding="utf-8"))
    except (TrackError, OptionsError) as error:
        print(f"stand-in: the track to play cannot be told: {error}", file=sys.stderr)
        return 1
    for name in (*PRIVATE, "stand-in", "opt/cni/bin", "var/run", "args/cni-network"):
        (node.data / name).mkdir(parents=True, exist_ok=True)
    for name in ("var/lib/kubelet", "var/lib/containerd", "var/run", "run", "etc/launcher", "addons/core"):
        (node.common / name).mkdir(parents=True, exist_ok=True)
    (node.data / "stand-in/track").write_text(f"1.{track.minor}\n", encoding="utf-8")
    (node.data / "stand-in/address").write_text(f"{own_address()}\n", encoding="utf-8")
    write_arguments(node, track)
    write_identity(node)
    for name in ("ha-cluster", ".microk8s-addon-lock"):
        node.lock(name).touch()
    for link, target in LINKS.items():
        _link(node, pathlib.Path(link), target)
    close_files(node)
    return 0


def write_arguments(node: Node, track: Track) -> None:
    """Copy the default arguments; the registry part of containerd's template is the track's."""
    target = node.data / "args"
    source = node.snap / "args"
    for path in source.iterdir():
        if path.is_file():
            shutil.copyfile(path, target / path.name)
    style = "certs.d" if track.has_certs_d else "mirrors"
    with (target / "containerd-template.toml").open("a", encoding="utf-8") as template:
        template.write((node.snap / f"registry/{style}.toml").read_text(encoding="utf-8"))
    if track.has_certs_d:
        for registry in (source / "certs.d").iterdir():
            # a snap cannot hold a colon in a file's name, so the folder is renamed here, as MicroK8s does
            directory = target / "certs.d" / registry.name.replace("__", ":")
            directory.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(registry / "hosts.toml", directory / "hosts.toml")


def write_identity(node: Node) -> None:
    """A new cluster's authority, certificates and kubeconfigs."""
    certs = node.data / "certs"
    address = node.address
    certificates.new_authority(certs, "ca")
    certificates.new_authority(certs, "front-proxy-ca")
    serves = certificates.server_names(node.name, address)
    certificates.new_certificate(certs, "server", Identity("kube-apiserver", serves=serves))
    certificates.new_certificate(certs, "front-proxy-client", Identity("front-proxy-client"), authority="front-proxy-ca")
    certificates.new_certificate(certs, "apiserver-kubelet-client", Identity("apiserver-kubelet-client", "system:masters"))
    certificates.new_certificate(certs, "kubelet-server", Identity(f"system:node:{node.name}", "system:nodes", (node.name, address, "127.0.0.1")))
    certificates.new_key(certs / "serviceaccount.key")
    server = f"https://127.0.0.1:{certificates.API_PORT}"
    for stem, user, identity in (
        ("client", "admin", Identity("admin", "system:masters")),
        ("controller", "system:kube-controller-manager", Identity("system:kube-controller-manager")),
        ("scheduler", "system:kube-scheduler", Identity("system:kube-scheduler")),
        ("proxy", "system:kube-proxy", Identity("system:kube-proxy")),
        ("kubelet", f"system:node:{node.name}", Identity(f"system:node:{node.name}", "system:nodes")),
    ):
        certificates.new_certificate(certs, stem, identity)
        write_private(node.data / f"credentials/{stem}.config", certificates.kubeconfig(certs, stem, user, server))
    write_private(node.data / "credentials/callback-token.txt", os.urandom(16).hex() + "\n")


def write_private(path: pathlib.Path, text: str) -> None:
    """Write a file that only root and the group read, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(path)


def close_files(node: Node) -> None:
    """Group microk8s, nothing for others: as MicroK8s does at each configure and refresh."""
    try:
        group = grp.getgrnam("microk8s").gr_gid
    except KeyError:
        subprocess.run(["groupadd", "--system", "microk8s"], check=True)
        group = grp.getgrnam("microk8s").gr_gid
    for name in PRIVATE:
        for directory, _folders, files in os.walk(node.data / name):
            os.chown(directory, -1, group)
            os.chmod(directory, 0o770)
            for file in files:
                os.chown(os.path.join(directory, file), -1, group)
                os.chmod(os.path.join(directory, file), 0o660)


def _link(node: Node, link: pathlib.Path, target: str) -> None:
    base, _colon, rest = target.partition(":")
    # the path through "current" stays right when the snap is refreshed
    root = node.common if base == "common" else node.data.with_name("current")
    if not os.path.lexists(link):
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(root / rest)
