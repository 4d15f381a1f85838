# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust in registries, for each container runtime of a host: one plan, one set of results."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _daemon_json, _docker_daemon, _hosts_toml
from ansible_collections.studioml.fleet.plugins.module_utils._containerd import Containerd
from ansible_collections.studioml.fleet.plugins.module_utils._daemon_json import Settings
from ansible_collections.studioml.fleet.plugins.module_utils._docker import Docker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import Change, Transaction, read_text
from ansible_collections.studioml.fleet.plugins.module_utils._secrets import hide
from ansible_collections.studioml.fleet.plugins.module_utils._trust_entry import TrustEntry

Result = t.Dict[str, t.Any]


def wanted_runtimes(containerd: Containerd, docker: Docker, use: t.Mapping[str, str], check: bool) -> t.Tuple[bool, bool]:
    """Which runtimes are to trust: V(auto) means those that are there.

    :raises FleetError: when one was asked for that is not there, or none is (in check mode it may be about to be installed).
    """
    here = {"containerd": containerd.present(), "docker": docker.flavour != "absent"}
    missing = sorted(name for name, wish in use.items() if wish == "true" and not here[name])
    if missing and not check:
        hints = {
            "containerd": f"MicroK8s' {containerd.template_path} does not exist: install MicroK8s first, or correct args_dir.",
            "docker": "no dockerd is installed: install Docker first (role studioml.fleet.docker).",
        }
        raise FleetError(f"Cannot trust a registry in {' and '.join(missing)}:", " ".join(hints[name] for name in missing))
    chosen = {name: wish == "true" or (wish == "auto" and here[name]) for name, wish in use.items()}
    if not any(chosen.values()) and "auto" in use.values() and not check:
        raise FleetError("Neither MicroK8s' containerd nor Docker is on this host.", "Install one of them first, or take the host out of the play.")
    return chosen["containerd"], chosen["docker"]


def converge_containerd(containerd: Containerd, entries: t.Sequence[TrustEntry], *, check: bool, ready_timeout: float) -> Result:
    """containerd's part."""
    what = containerd.plan(entries)
    diff = _diff(what.changes)
    wanted = what.restart and bool(what.changes)
    stopped = containerd.stopped() if wanted else ""
    restarted = wanted and not stopped
    warnings = list(what.warnings)
    if stopped:
        warnings.append(f"containerd is {stopped} on this host: {containerd.template_path} was changed and is in force at its next start.")
    if what.changes and not check:
        containerd.apply(what, restarted, ready_timeout)
    return {
        "changed": bool(what.changes),
        "diff": diff,
        "warnings": warnings,
        "result": {"style": what.style, "files": [change.path for change in what.changes], "restarted": restarted},
    }


def converge_docker(docker: Docker, entries: t.Sequence[TrustEntry], *, check: bool, ready_timeout: float) -> Result:
    """Docker's part: insecure-registries of daemon.json for plain HTTP, a certificate under certs.d for a site's own authority."""
    path = docker.config_file()
    what = _docker_daemon.plan(docker, path, lambda settings: _trusting(settings, entries), apply=True, start=False)
    certificates = _certificates(docker.certs_folder, entries)
    diff = _diff(certificates) + ([what.diff()] if what.changed else [])
    warnings = []
    if what.changed and what.action == "none" and docker.flavour != "absent":
        warnings.append(f"Docker does not run on this host: {path} was changed and is in force at its next start.")
    if not check:
        files = Transaction()
        try:
            for change in certificates:
                files.apply(change)
            _docker_daemon.carry_out(docker, what, ready_timeout)
        except (FleetError, OSError) as error:
            files.roll_back()
            if isinstance(error, FleetError):
                raise
            raise FleetError(f"{error.filename} cannot be written: {error.strerror}.", "Run the task with become: true. The files are as they were.") from None
    files_changed = [change.path for change in certificates] + ([path] if what.changed else [])
    return {
        "changed": bool(files_changed),
        "diff": diff,
        "warnings": warnings,
        "result": {"config_file": path, "files": files_changed, "action": what.action},
    }


def _trusting(settings: Settings, entries: t.Sequence[TrustEntry]) -> Settings:
    plain = [entry.host for entry in entries if entry.present and entry.scheme == "http"]
    others = [entry.host for entry in entries if entry.host not in plain]
    result = _daemon_json.without_entries(settings, "insecure-registries", others)
    return _daemon_json.merge(result, {"insecure-registries": plain}) if plain else result


def _certificates(root: str, entries: t.Sequence[TrustEntry]) -> t.List[Change]:
    changes = []
    for entry in entries:
        path = f"{root}/{entry.host}/{_hosts_toml.CA_NAME}"
        old = read_text(path)
        if entry.present and entry.ca:
            if old != entry.ca:
                changes.append(Change(path, entry.ca))
        elif old is not None and (not entry.present or entry.scheme == "http"):
            changes.append(Change(path, None))
    return changes


def _diff(changes: t.Sequence[Change]) -> t.List[t.Dict[str, str]]:
    result = []
    for change in changes:
        before = read_text(change.path) if os.path.exists(change.path) else None
        result.append(
            {
                "before": hide(before or ""),
                "after": hide(change.text or ""),
                "before_header": change.path,
                "after_header": change.path,
            }
        )
    return result
