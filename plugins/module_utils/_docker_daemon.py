# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of daemon.json brought into force: validated, written, reloaded or restarted, verified on the running daemon, taken back when it does not follow."""

from __future__ import annotations

import ipaddress
import os
import tempfile
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _daemon_json
from ansible_collections.studioml.fleet.plugins.module_utils._daemon_json import Settings
from ansible_collections.studioml.fleet.plugins.module_utils._docker import Docker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import Change, Transaction, keep_copy, read_text
from ansible_collections.studioml.fleet.plugins.module_utils._secrets import hide

RELOAD_SECONDS = 10
PREVIOUS = ".previous"


class Plan(t.NamedTuple):
    """What a run is about to do; C(action) is V(none), V(reload), V(restart) or V(start)."""

    path: str
    before_text: t.Optional[str]
    before: Settings
    after: Settings
    changed: bool
    action: str

    def diff(self) -> t.Dict[str, str]:
        """The file before and after, as C(--diff) shows it."""
        after = _daemon_json.render(self.after) if self.changed else self.before_text or ""
        return {"before": hide(self.before_text or ""), "after": hide(after), "before_header": self.path, "after_header": self.path}


def plan(docker: Docker, path: str, transform: t.Callable[[Settings], Settings], *, apply: bool, start: bool) -> Plan:
    """Read the file, work out the new one and refuse what the daemon would not start with. Nothing is changed.

    :param apply: whether the daemon shall follow; otherwise the action is always V(none).
    :param start: whether a daemon that does not run is to be started.
    :raises FleetError: for a malformed file, or settings that would keep the daemon from starting.
    """
    text = read_text(path)
    before = _daemon_json.parse(text, path)
    after = transform(before)
    changed = after != before
    if changed:
        _daemon_json.check(after, docker.flag_keys(), path)
        _validate(docker, after, path)
    action = "none"
    if apply and docker.flavour != "absent":
        if docker.active():
            action = _daemon_json.action_for(before, after)
        elif start:
            action = "start"
    return Plan(path, text, before, after, changed, action)


def _validate(docker: Docker, settings: Settings, path: str) -> None:
    if docker.flavour == "absent":
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as candidate:
        candidate.write(_daemon_json.render(settings))
        candidate.flush()
        problem = docker.validate(candidate.name, docker.version())
        if problem:
            raise FleetError(
                f"dockerd --validate refuses the new {path}: {problem.replace(candidate.name, path)}.", "Correct the settings; the file was left as it is."
            )


def carry_out(docker: Docker, what: Plan, ready_timeout: float) -> str:
    """Write the file and let the daemon follow.

    :returns: where the former content is kept; empty when there was none.
    :raises FleetError: when the daemon did not follow; the former file is in force again then.
    """
    files = Transaction()
    backup = ""
    if what.changed:
        if what.before_text is not None:
            backup = keep_copy(what.path + PREVIOUS, what.before_text, mode=os.stat(what.path).st_mode & 0o777)
        files.apply(Change(what.path, _daemon_json.render(what.after)))
    since = time.time()
    try:
        _act(docker, what, ready_timeout)
    except FleetError as error:
        reason = docker.reason(since)
        said = error.message if not reason or reason in error.message else f"{error.message} It says: {reason}."
        files.roll_back()
        raise FleetError(f"{_attempt(what)}: {said}", _after_roll_back(docker, what, ready_timeout), action=what.action, rolled_back=True) from None
    return backup


def _attempt(what: Plan) -> str:
    verb = {"reload": "did not take over", "restart": "did not come back with", "start": "did not start with"}[what.action]
    return f"Docker {verb} the changed {what.path}" if what.changed else f"Docker {verb} {what.path}"


def _act(docker: Docker, what: Plan, ready_timeout: float) -> None:
    if what.action == "none":
        return
    if what.action == "reload":
        docker.reload()
        _wait_taken_over(docker, what, RELOAD_SECONDS)
        return
    if what.action == "restart":
        docker.restart()
    else:
        docker.start()
    docker.wait_ready(ready_timeout)
    _wait_taken_over(docker, what, RELOAD_SECONDS)


def _after_roll_back(docker: Docker, what: Plan, ready_timeout: float) -> str:
    """Let the daemon run with the former file again; says how that went, and what to do."""
    advice = "Correct the settings and run again."
    place = "The former file is in place again" if what.changed else "The file was not changed"
    if what.action == "start":
        docker.stop()
        return f"{place}; the daemon is stopped, as it was. {advice}"
    try:
        if docker.info() and what.action == "reload":
            docker.reload()
        else:
            docker.restart()
        docker.wait_ready(ready_timeout)
    except FleetError as error:
        return f"{place}, but the daemon does not run with it either: {error.message} See 'journalctl -u {docker.unit}' on the host."
    return f"{place} and the daemon runs. {advice}"


def _wait_taken_over(docker: Docker, what: Plan, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        missing = not_taken_over(docker.info(), what.before, what.after)
        if not missing:
            return
        if time.monotonic() >= deadline:
            raise FleetError(f"the running daemon does not show the new {', '.join(missing)} ('docker info').")
        time.sleep(0.3)


def not_taken_over(info: t.Mapping[str, t.Any], before: Settings, after: Settings) -> t.List[str]:
    """The changed settings that a running daemon does not show, of those that it shows at all."""
    registry = info.get("RegistryConfig") or {}
    indexes = registry.get("IndexConfigs") or {}
    insecure = {name for name, config in indexes.items() if not config.get("Secure", True)}
    insecure.update(_network(entry) for entry in registry.get("InsecureRegistryCIDRs") or [])
    shown = {
        "insecure-registries": lambda entry: _network(entry) in insecure,
        "registry-mirrors": lambda entry: entry.rstrip("/") in [mirror.rstrip("/") for mirror in registry.get("Mirrors") or []],
        "labels": lambda entry: entry in (info.get("Labels") or []),
        "runtimes": lambda entry: entry in (info.get("Runtimes") or {}),
    }
    missing = []
    for key, has in shown.items():
        if before.get(key) == after.get(key):
            continue
        gone = [entry for entry in before.get(key) or [] if entry not in (after.get(key) or [])]
        if not all(has(entry) for entry in after.get(key) or []) or any(has(entry) for entry in gone):
            missing.append(key)
    for key, name in (("debug", "Debug"), ("live-restore", "LiveRestoreEnabled"), ("default-runtime", "DefaultRuntime")):
        if key in after and before.get(key) != after[key] and info.get(name) != after[key]:
            missing.append(key)
    return missing


def _network(entry: str) -> str:
    try:
        return str(ipaddress.ip_network(entry, strict=False)) if "/" in entry else entry
    except ValueError:
        return entry
