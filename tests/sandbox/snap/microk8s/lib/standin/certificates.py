# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node's certificates and kubeconfigs, made with the host's openssl."""

from __future__ import annotations

import base64
import dataclasses
import pathlib
import secrets
import tempfile

from .node import run

CLUSTER = "microk8s-cluster"
SERVICE_ADDRESS = "10.152.183.1"
API_PORT = 16443
_DAYS = "3650"


@dataclasses.dataclass(frozen=True)
class Identity:
    """The name (and group) that a certificate speaks for, and the addresses that it serves."""

    name: str
    group: str = ""
    serves: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The subject in openssl's notation."""
        return (f"/O={self.group}" if self.group else "") + f"/CN={self.name}"


def new_authority(directory: pathlib.Path, stem: str) -> None:
    """A certificate authority as STEM.crt and STEM.key."""
    run("openssl", "req", "-x509", *_new_key(directory / f"{stem}.key"), "-subj", f"/CN={stem}-stand-in", "-days", _DAYS,
        "-out", str(directory / f"{stem}.crt"))


def new_certificate(directory: pathlib.Path, stem: str, identity: Identity, authority: str = "ca") -> None:
    """A key and a certificate, STEM.key and STEM.crt, signed by the authority in the same directory."""
    request = new_request(directory, stem, identity)
    (directory / f"{stem}.crt").write_text(sign(directory, request, identity, authority), encoding="utf-8")


def new_request(directory: pathlib.Path, stem: str, identity: Identity) -> str:
    """A key, STEM.key, and the text of a request to sign it."""
    return run("openssl", "req", "-new", *_new_key(directory / f"{stem}.key"), "-subj", identity.subject)


def sign(directory: pathlib.Path, request: str, identity: Identity, authority: str = "ca") -> str:
    """Sign a request with the authority in a directory; the certificate's text. The identity asked for is checked by the caller."""
    usage = "serverAuth,clientAuth" if identity.serves else "clientAuth"
    lines = ["basicConstraints=CA:FALSE", f"extendedKeyUsage={usage}"]
    if identity.serves:
        names = (f"IP:{name}" if name.replace(".", "").isdigit() else f"DNS:{name}" for name in identity.serves)
        lines.append("subjectAltName=" + ",".join(names))
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as extensions:
        extensions.write("\n".join(lines) + "\n")
        extensions.flush()
        return run(
            "openssl", "x509", "-req", "-CA", str(directory / f"{authority}.crt"), "-CAkey", str(directory / f"{authority}.key"),
            "-set_serial", f"0x{secrets.token_hex(12)}", "-days", _DAYS, "-extfile", extensions.name, text=request,
        )


def new_key(path: pathlib.Path) -> None:
    """A key alone, as service accounts' tokens are signed with."""
    path.touch(mode=0o660)
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))


def subject(request: str) -> str:
    """The subject that a request asks for, in openssl's notation."""
    line = run("openssl", "req", "-noout", "-subject", "-nameopt", "compat", text=request)
    return line.strip().removeprefix("subject=").strip()


def server_names(name: str, address: str) -> tuple[str, ...]:
    """All names that the cluster's API is called by."""
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster", "kubernetes.default.svc.cluster.local")
    return (*service, name, "localhost", "127.0.0.1", SERVICE_ADDRESS, address)


def kubeconfig(certs: pathlib.Path, stem: str, user: str, server: str) -> str:
    """A kubeconfig that carries its certificates."""

    def packed(name: str) -> str:
        return base64.b64encode((certs / name).read_bytes()).decode("ascii")

    return "\n".join((
        "apiVersion: v1",
        "clusters:",
        "- cluster:",
        f"    certificate-authority-data: {packed('ca.crt')}",
        f"    server: {server}",
        f"  name: {CLUSTER}",
        "contexts:",
        "- context:",
        f"    cluster: {CLUSTER}",
        f"    user: {user}",
        "  name: microk8s",
        "current-context: microk8s",
        "kind: Config",
        "preferences: {}",
        "users:",
        f"- name: {user}",
        "  user:",
        f"    client-certificate-data: {packed(stem + '.crt')}",
        f"    client-key-data: {packed(stem + '.key')}",
        "",
    ))


def _new_key(path: pathlib.Path) -> tuple[str, ...]:
    path.touch(mode=0o660)
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)
