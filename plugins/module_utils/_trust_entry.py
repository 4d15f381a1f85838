# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry that a host is told to trust: what a user may write, checked. No I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._hosts_toml import check_host

BEGIN_CERTIFICATE, END_CERTIFICATE = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class TrustEntry(t.NamedTuple):
    """One registry: C(ca) holds PEM text, or nothing for the authorities that the host trusts anyway."""

    host: str
    scheme: str = "https"
    ca: str = ""
    capabilities: t.Tuple[str, ...] = ("pull", "resolve")
    present: bool = True


def entries(registries: t.Sequence[t.Mapping[str, t.Any]], read_ca: t.Callable[[str], str]) -> t.List[TrustEntry]:
    """The entries of a module's argument.

    :param read_ca: reads a file with a certificate on the target.
    :raises FleetError: naming the entry at fault.
    """
    result: t.List[TrustEntry] = []
    for position, registry in enumerate(registries):
        place = f"registries[{position}]"
        host = check_host(registry["host"])
        if host in [entry.host for entry in result]:
            raise FleetError(f"{place} names {host} again.", "Keep one entry for each registry.")
        present = registry["state"] == "present"
        ca = registry.get("ca") or (read_ca(registry["ca_file"]) if registry.get("ca_file") and present else "")
        if ca and registry["scheme"] == "http":
            raise FleetError(
                f"{place} ({host}) has scheme http and a certificate authority.",
                "Plain HTTP has no certificates: use scheme https, or leave the authority out.",
            )
        if ca:
            ca = check_ca(ca, f"{place} ({host})")
        capabilities = tuple(word for word in ("pull", "resolve", "push") if word in registry["capabilities"])
        if not capabilities:
            raise FleetError(f"{place} ({host}) has no capabilities.", "Leave them out for pull and resolve.")
        result.append(TrustEntry(host, registry["scheme"], ca, capabilities, present))
    return result


def check_ca(text: str, place: str) -> str:
    """The PEM text of one or more certificates, ending in one newline.

    :raises FleetError: when it is none, or has a private key in it.
    """
    if "PRIVATE KEY-----" in text:
        raise FleetError(
            f"The certificate authority of {place} has a private key in it.", "Give the certificate alone; the key belongs on the machine that signs."
        )
    if text.count(BEGIN_CERTIFICATE) < 1 or text.count(BEGIN_CERTIFICATE) != text.count(END_CERTIFICATE):
        raise FleetError(
            f"The certificate authority of {place} is no PEM text (no BEGIN CERTIFICATE, or no END to it).", "Give the text or the path of the .crt file."
        )
    return text.strip() + "\n"
