# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and words of MicroK8s' add-ons: aliases by track, what may be asked of them, and how the call is written. No I/O."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_status import Addon

# The newer name first: storage became hostpath-storage in 1.24, gpu became nvidia in 1.29; both stay listed for some time.
PAIRS = (("nvidia", "gpu"), ("hostpath-storage", "storage"))
CANONICAL = {old: new for new, old in PAIRS}
NAME = re.compile(r"^[a-z0-9][a-z0-9.-]*$")
SIZE = re.compile(r"^([0-9]{2,})Gi$")
SMALLEST_GI = 20
DRIVER_FLAGS = ("--gpu-operator-driver", "--driver", "force-operator-driver", "force-system-driver")
DESTROY = "destroy-storage"


class Wanted(t.NamedTuple):
    """One add-on as the user asks for it."""

    name: str
    repository: str
    arguments: t.List[str]
    enabled: bool
    prove: bool

    @property
    def canonical(self) -> str:
        """The newest of its names."""
        return CANONICAL.get(self.name, self.name)


def check(wanted: Wanted) -> None:
    """Refuse what the add-on would refuse half-way, before anything is changed.

    :raises FleetError: with the rule.
    """
    for option, text in (("name", wanted.name), ("repository", wanted.repository)):
        if not NAME.match(text):
            hint = "Give the repository as its own option, and each argument as a word of arguments."
            raise FleetError(f'addons: the {option} "{text}" is not one of an add-on.', hint)
    if wanted.canonical == "registry" and wanted.enabled:
        size = value(wanted.arguments, "--size")
        match = SIZE.match(size) if size else None
        if size and not (match and int(match.group(1)) >= SMALLEST_GI):
            hint = f"Give it as whole Gi, at least {SMALLEST_GI}Gi, such as [--size, 40Gi]. Nothing was changed."
            raise FleetError(f'addons: the registry cannot have the size "{size}".', hint)


def value(arguments: t.Sequence[str], flag: str) -> str:
    """The value of a flag in one of its forms: C(--size 40Gi), C(--size=40Gi), C(size=40Gi); empty when it is not there."""
    for position, word in enumerate(arguments):
        if word == flag and position + 1 < len(arguments):
            return arguments[position + 1]
        for form in (flag, flag.lstrip("-")):
            if word.startswith(form + "="):
                return word.partition("=")[2]
    return ""


def find(wanted: Wanted, listed: t.Sequence[Addon]) -> Addon:
    """The add-on that status lists under one of the names.

    :raises FleetError: when there is none; C(microk8s enable) itself would end with status 0.
    """
    names = [wanted.name] + [other for pair in PAIRS if wanted.name in pair for other in pair if other != wanted.name]
    names.sort(key=lambda name: name != wanted.canonical)
    for name in names:
        for addon in listed:
            if addon.name == name and addon.repository in ("", wanted.repository):
                return addon
    available = sorted(addon.label() for addon in listed)
    hint = "Correct the name or the repository."
    if wanted.repository != "core" and not any(addon.repository == wanted.repository for addon in listed):
        hint = f"The repository {wanted.repository} is not added on this host: 'microk8s enable community' or 'microk8s addons repo add' does that."
    raise FleetError(f"There is no add-on {wanted.repository}/{wanted.name} on this host; these are: {', '.join(available)}.", hint)


def words(addon: Addon, arguments: t.Sequence[str], minor: int) -> t.List[str]:
    """The words after C(microk8s enable): flags from 1.25 on, colons up to 1.23, and in 1.24 colons for the registry alone."""
    if addon.repository and not (addon.name == "registry" and minor == 24):
        return [addon.label(), *arguments]
    joined = list(arguments)
    if addon.name == "registry":
        size = value(arguments, "--size")
        joined = [f"size={size}"] if size else []
    return [":".join([addon.label(), *joined])]


def with_driver(addon: Addon, arguments: t.Sequence[str], host_driver: bool) -> t.List[str]:
    """Arguments of the GPU add-on with its driver named: left to itself (auto) it has failed to choose."""
    if addon.name not in ("nvidia", "gpu") or any(word.split("=")[0] in DRIVER_FLAGS for word in arguments):
        return list(arguments)
    if not addon.repository:  # up to 1.23 words are joined by colons, so that there are no flags
        return [*arguments, "force-system-driver" if host_driver else "force-operator-driver"]
    flag = "--gpu-operator-driver" if addon.name == "nvidia" else "--driver"
    return [*arguments, flag, "host" if host_driver else "operator"]
