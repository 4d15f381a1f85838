# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust and client certificates as C(ssl) wants them: one context per CA and credential, however many targets share it."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
import tempfile
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import NEW_FILE, Target

_contexts: dict[tuple[bytes, bytes, bytes, bool], ssl.SSLContext] = {}


def context(target: Target) -> ssl.SSLContext:
    """The TLS context of a target, made once per process."""
    key = (target.ca, target.certificate, target.key, target.insecure)
    if key not in _contexts:
        _contexts[key] = _build(target)
    return _contexts[key]


def prepare() -> None:
    """Let OpenSSL load its algorithms now: it does so for the first context of a process, and the processes that are forked after that have them."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _build(target: Target) -> ssl.SSLContext:
    # With a CA of its own the (large) list of the system's authorities is neither wanted nor loaded.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if target.ca or target.insecure else ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if target.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif target.ca:
        try:
            made.load_verify_locations(cadata=target.ca.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            raise FleetError(f"The certificate authority in the kubeconfig {target.path} is not valid PEM ({_reason(error)}).", NEW_FILE) from None
    if target.certificate:
        try:
            with _as_file(target.certificate + b"\n" + target.key) as path:
                made.load_cert_chain(path)
        except (ssl.SSLError, ValueError) as error:
            words = f"The client certificate and key in the kubeconfig {target.path} do not fit or are not valid PEM ({_reason(error)})."
            raise FleetError(words, NEW_FILE) from None
    return made


@contextlib.contextmanager
def _as_file(content: bytes) -> t.Iterator[str]:
    """A path for what C(ssl) only reads from files: in memory on Linux, so that a key never touches the disk; else a private file."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("studioml-fleet")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as stream:  # created with mode 0600
        stream.write(content)
        stream.flush()
        yield stream.name


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or type(error).__name__


def expiry(certificate: bytes) -> datetime.datetime | None:
    """When a PEM certificate ends, or None if that cannot be read. An API server says only Unauthorized of an expired one."""
    try:
        text = certificate.decode("ascii")
        start = text.index("-----BEGIN CERTIFICATE-----")
        body = ssl.PEM_cert_to_DER_cert(text[start:text.index("-----END CERTIFICATE-----", start)] + "-----END CERTIFICATE-----\n")
        return _not_after(body)
    except (ValueError, IndexError):
        return None


def _not_after(der: bytes) -> datetime.datetime:
    # Certificate { tbsCertificate { [0] version, serial, signature, issuer, validity { notBefore, notAfter } ...
    certificate = _element(der, 0)
    body = _element(der, certificate[1])
    position = body[1]
    if der[position] == 0xA0:  # the version is optional
        position = _element(der, position)[2]
    for _dummy in ("serial", "signature", "issuer"):
        position = _element(der, position)[2]
    validity = _element(der, position)
    tag, start, end = _element(der, _element(der, validity[1])[2])
    stamp = der[start:end].decode("ascii").rstrip("Z")
    layout = "%y%m%d%H%M%S" if tag == 0x17 else "%Y%m%d%H%M%S"
    return datetime.datetime.strptime(stamp, layout).replace(tzinfo=datetime.timezone.utc)


def _element(der: bytes, position: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the DER element at a position."""
    tag, length, start = der[position], der[position + 1], position + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[start:start + size], "big")
        start += size
    return tag, start, start + length
