# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MicroK8s' containerd of this host: which files say whom it trusts, and how a change of them comes into force without losing the node."""

from __future__ import annotations

import grp
import os
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _containerd_template, _hosts_toml, _service_log
from ansible_collections.studioml.fleet.plugins.module_utils._command import find, run
from ansible_collections.studioml.fleet.plugins.module_utils._cri import MICROK8S_SOCKET, Cri, wait_healthy
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import Change, Transaction, keep_copy, read_text
from ansible_collections.studioml.fleet.plugins.module_utils._trust_entry import TrustEntry

TEMPLATE = "containerd-template.toml"
SERVICE = "microk8s.daemon-containerd"
UNIT = "snap.microk8s.daemon-containerd.service"
GROUPS = ("snap_microk8s", "microk8s")
FILE_MODE, FOLDER_MODE = 0o660, 0o770  # what MicroK8s itself sets at every refresh; others would flap
PREVIOUS = "registry-trust-previous"  # outside of certs.d: a folder there means a registry

# Log lines that say why containerd, or its CRI plugin alone, did not start.
REASONS = (
    re.compile(r'failed to load plugin [^"]*cri[^"]*"? error="?(.*)'),
    re.compile(r'level=(?:fatal|error) msg="?(.*)'),
    re.compile(r"(containerd: .*)"),
)


class ContainerdPlan(t.NamedTuple):
    """What a run is about to do to containerd's files."""

    style: str
    changes: t.List[Change]
    copies: t.List[t.Tuple[str, str]]
    restart: bool
    warnings: t.List[str]


class Containerd:
    """containerd as the MicroK8s snap runs it.

    :param args_folder: where MicroK8s keeps its arguments (/var/snap/microk8s/current/args).
    """

    def __init__(self, args_folder: str, socket: str = MICROK8S_SOCKET) -> None:
        self.args = args_folder.rstrip("/")
        self.template_path = f"{self.args}/{TEMPLATE}"
        self.cri = Cri(socket)
        self.group = _group()

    def present(self) -> bool:
        """Whether this host has it."""
        return os.path.isfile(self.template_path)

    def stopped(self) -> str:
        """Why a change does not come into force now: the service's state in systemd's word, empty when it runs, starts, or failed and is worth a start.

        :raises FleetError: when systemd gives no answer.
        """
        if not find("systemctl"):
            return "without systemd"
        answer = run(["systemctl", "show", "--property=ActiveState", "--value", UNIT], timeout=30)
        state = answer.out.strip()
        if answer.rc != 0 or not state:
            raise FleetError(f"systemd does not say whether {UNIT} runs: {answer.words() or 'it gave no answer'}.", "See 'systemctl status' on the host.")
        return state if state == "inactive" else ""

    def restart(self) -> None:
        """Restart the service; pods keep running, only the daemon ends."""
        done = run(["snap", "restart", SERVICE], timeout=300)
        if done.rc != 0:
            raise FleetError(f"snap restart {SERVICE} failed: {done.words()}.")

    def reason(self) -> str:
        """What its log says about the last start; empty when nothing is to be found."""
        return _service_log.reason(UNIT, REASONS)

    def plan(self, entries: t.Sequence[TrustEntry]) -> ContainerdPlan:
        """Work out the files for some registries. Nothing is changed.

        :raises FleetError: for files that nobody may touch: malformed, of mixed style, or somebody else's table for the same registry.
        """
        text = read_text(self.template_path)
        if text is None:  # a first run in check mode: what a MicroK8s of today brings
            return self._plan_folders(f"{self.args}/certs.d", entries, "certs.d", [])
        template = _containerd_template.parse(text, self.template_path)
        _containerd_template.refuse_mixed(template, self.template_path)
        if template.style == "mirrors":
            return self._plan_mirrors(template, entries)
        changes = []
        if template.style == "none" and any(entry.present for entry in entries):
            changes.append(self._change(self.template_path, _containerd_template.with_config_path(template, "${SNAP_DATA}/args/certs.d")))
        root = self._expand(template.config_path) if template.config_path else f"{self.args}/certs.d"
        return self._plan_folders(root, entries, template.style, changes)

    def apply(self, what: ContainerdPlan, restart: bool, ready_timeout: float) -> None:
        """Write the files, restart when asked to, and wait until the runtime is healthy with its CRI plugin.

        :raises FleetError: when it was not healthy; the former files are in force again then.
        """
        files = Transaction()
        for path, text in what.copies:
            keep_copy(path, text, mode=FILE_MODE, group=self.group)
        try:
            for change in what.changes:
                files.apply(change)
        except OSError as error:
            files.roll_back()
            raise FleetError(
                f"{error.filename or self.args} cannot be written: {error.strerror}.", "Run the task with become: true. The files are as they were."
            ) from None
        if not restart:
            return
        try:
            self.restart()
            wait_healthy(self.cri, ready_timeout)
        except FleetError as error:
            reason = self.reason()
            files.roll_back()
            raise FleetError(
                f"containerd did not come back after a change of {self.template_path}: {error.message}" + (f' Its log says: "{reason}".' if reason else ""),
                self._after_roll_back(ready_timeout),
                rolled_back=True,
            ) from None

    def _after_roll_back(self, ready_timeout: float) -> str:
        try:
            self.restart()
            wait_healthy(self.cri, ready_timeout)
        except FleetError as error:
            return (
                f"The former files are in place again, but the runtime is not healthy with them either: {error.message} See 'journalctl -u {UNIT}' on the host."
            )
        return "The former files are in place again and the runtime runs. Correct the registries and run again."

    def _plan_folders(self, root: str, entries: t.Sequence[TrustEntry], style: str, changes: t.List[Change]) -> ContainerdPlan:
        restart = bool(changes)
        copies: t.List[t.Tuple[str, str]] = []
        for entry in entries:
            for folder in self._folders(root, entry):
                changes += self._plan_folder(folder, entry, copies)
        return ContainerdPlan(style, changes, copies, restart, _strangers(root, entries))

    @staticmethod
    def _folders(root: str, entry: TrustEntry) -> t.List[str]:
        """Where a registry's file has to be: in the first folder that exists, for that one hides all others; to be absent, in none."""
        existing = [f"{root}/{name}" for name in _hosts_toml.folder_names(entry.host) if os.path.isdir(f"{root}/{name}")]
        if not entry.present:
            return existing
        return existing[:1] or [f"{root}/{entry.host}"]

    def _plan_folder(self, folder: str, entry: TrustEntry, copies: t.List[t.Tuple[str, str]]) -> t.List[Change]:
        path, ca_path = f"{folder}/hosts.toml", f"{folder}/{_hosts_toml.CA_NAME}"
        old, old_ca = read_text(path), read_text(ca_path)
        ours = old is not None and old.startswith(_hosts_toml.MARK)
        if old is not None and not ours:
            _hosts_toml.parse(old, path)
        changes = []
        wanted = _hosts_toml.render(entry.host, entry.scheme, entry.capabilities, bool(entry.ca)) if entry.present else None
        wanted_ca = entry.ca if entry.present else ""
        if wanted_ca and wanted_ca != old_ca:
            changes.append(self._change(ca_path, wanted_ca))
        elif not wanted_ca and old_ca is not None and ours:
            changes.append(self._change(ca_path, None))
        if _differs(old, wanted):
            changes.append(self._change(path, wanted))
            if old is not None and not ours:
                copies.append((f"{self.args}/{PREVIOUS}/{os.path.basename(folder)}.hosts.toml", old))
        return changes

    def _plan_mirrors(self, template: _containerd_template.Template, entries: t.Sequence[TrustEntry]) -> ContainerdPlan:
        changes = []
        wanted = []
        for entry in entries:
            if not entry.present:
                continue
            ca_file = ""
            if entry.ca:
                ca_file = f"${{SNAP_DATA}}/args/certs.d/{entry.host}/{_hosts_toml.CA_NAME}"
                ca_path = f"{self.args}/certs.d/{entry.host}/{_hosts_toml.CA_NAME}"
                if read_text(ca_path) != entry.ca:
                    changes.append(self._change(ca_path, entry.ca))
            wanted.append(_containerd_template.Entry(entry.host, f"{entry.scheme}://{entry.host}", ca_file))
        absent = [entry.host for entry in entries if not entry.present]
        text = _containerd_template.with_entries(template, wanted, absent, self.template_path)
        for host in absent:
            ca_path = f"{self.args}/certs.d/{host}/{_hosts_toml.CA_NAME}"
            if text != template.text and os.path.exists(ca_path):
                changes.append(self._change(ca_path, None))
        if text == template.text:
            return ContainerdPlan("mirrors", changes, [], False, [])
        _containerd_template.parse(text, self.template_path)  # what we are about to write is held to the same rules
        changes.append(self._change(self.template_path, text))
        return ContainerdPlan("mirrors", changes, [(f"{self.args}/{PREVIOUS}/{TEMPLATE}", template.text)], True, [])

    def _change(self, path: str, text: t.Optional[str]) -> Change:
        return Change(path, text, FILE_MODE, FOLDER_MODE, self.group)

    def _expand(self, config_path: str) -> str:
        first = config_path.split(":")[0]
        folder = first.replace("${SNAP_DATA}", os.path.dirname(self.args)).replace("$SNAP_DATA", os.path.dirname(self.args))
        if "$" in folder or not folder.startswith("/"):
            raise FleetError(
                f"{self.template_path} has config_path = {config_path!r}, which names no folder that is known here.",
                "Use ${SNAP_DATA}/args/certs.d or an absolute path.",
            )
        return folder.rstrip("/")


def _differs(old: t.Optional[str], wanted: t.Optional[str]) -> bool:
    if old is None or wanted is None:
        return old is not wanted
    try:
        return not _hosts_toml.same(old, wanted)
    except ValueError:  # ours, but somebody broke it
        return True


def _strangers(root: str, entries: t.Sequence[TrustEntry]) -> t.List[str]:
    """What is wrong with other registries' folders: not ours to change, but worth knowing, since containerd says nothing."""
    known = {name for entry in entries for name in _hosts_toml.folder_names(entry.host)}
    warnings = []
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        folder = f"{root}/{name}"
        if name in known or not os.path.isdir(folder):
            continue
        try:
            text = read_text(f"{folder}/hosts.toml")
            if text is not None:
                _hosts_toml.parse(text, f"{folder}/hosts.toml")
            elif not os.listdir(folder):
                warnings.append(f"{folder} is an empty folder: containerd uses HTTPS for that registry and does not look at _default. It was left as it is.")
        except FleetError as error:
            warnings.append(f"{error.message} containerd uses HTTPS for that registry without saying so; it was left as it is.")
    return warnings


def _group() -> t.Optional[int]:
    for name in GROUPS:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            continue
    return None
