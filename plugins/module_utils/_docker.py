# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's Docker engine: which one it is (a package or the snap), what it says of itself, and how it is started, reloaded and asked why not."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _service_log
from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed, find, run
from ansible_collections.studioml.fleet.plugins.module_utils._daemon_json import SNAP_FLAG_KEYS, flag_keys
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

SNAP_DATA = "/var/snap/docker/current"
SNAP_PID_FILES = ("/run/snap.docker/docker.pid", "/var/run/snap.docker/docker.pid")
VALIDATES_FROM = 23

# The lines of a daemon's log that say why, best first; the rest is noise around them.
REASONS = (
    re.compile(r"(unable to configure the Docker daemon.*)"),
    re.compile(r'(?:Error reloading configuration|Error reconfiguring the daemon)["\s:]*(.*)'),
    re.compile(r"(failed to start daemon.*)", re.IGNORECASE),
    re.compile(r'level=(?:fatal|error) msg="?(.*)'),
)


class Docker:
    """The engine of this host; C(flavour) is V(package), V(snap) or V(absent)."""

    def __init__(self, flavour: str) -> None:
        self.flavour = flavour
        snap = flavour == "snap"
        self.unit = "snap.docker.dockerd.service" if snap else "docker.service"
        self.client = "/snap/bin/docker" if snap else (find("docker") or "docker")
        self.daemon = "/snap/docker/current/bin/dockerd" if snap else (find("dockerd") or "dockerd")
        self.certs_folder = SNAP_DATA + "/etc/docker/certs.d" if snap else "/etc/docker/certs.d"
        self._line: t.Optional[t.List[str]] = None

    def config_file(self) -> str:
        """The file that the daemon reads."""
        if self.flavour == "snap":
            return SNAP_DATA + "/config/daemon.json"
        line = self.command_line()
        for position, word in enumerate(line):
            if word.startswith("--config-file="):
                return word.split("=", 1)[1]
            if word == "--config-file" and position + 1 < len(line):
                return line[position + 1]
        return "/etc/docker/daemon.json"

    def command_line(self) -> t.List[str]:
        """The flags that the package's unit gives to the daemon (the snap's come from a wrapper and are known).

        A running daemon's own are the truth; a unit's may have variables in it ($DOCKER_OPTS of Debian), which are left out.
        """
        if self._line is None:
            self._line = []
            if self.flavour == "package" and find("systemctl"):
                shown = run(["systemctl", "show", "--property=MainPID,ExecStart", self.unit], timeout=30).out
                started = re.findall(r"argv\[\]=(.*?) ;", shown)
                planned = [word for word in started[-1].split()[1:] if not word.startswith("$")] if started else []
                pid = re.search(r"^MainPID=([1-9][0-9]*)$", shown, re.MULTILINE)
                self._line = (_running_line(pid.group(1)) if pid else []) or planned
        return self._line

    def flag_keys(self) -> t.List[str]:
        """The settings that the file cannot have, because the command line does."""
        return list(SNAP_FLAG_KEYS) if self.flavour == "snap" else flag_keys(self.command_line())

    def run(self, *arguments: str, timeout: float = 60, environment: t.Optional[t.Mapping[str, str]] = None) -> Completed:
        """The docker client with some arguments."""
        return run([self.client, *arguments], timeout=timeout, extra_environment=environment)

    def info(self) -> t.Dict[str, t.Any]:
        """What the running daemon says of itself; empty when it does not answer."""
        if self.flavour == "absent":
            return {}
        try:
            done = self.run("info", "--format", "{{json .}}", timeout=15)
            info = json.loads(done.out)
        except (FleetError, ValueError):
            return {}
        return info if isinstance(info, dict) and info.get("ServerVersion") and not info.get("ServerErrors") else {}

    def version(self, info: t.Optional[t.Mapping[str, t.Any]] = None) -> str:
        """The daemon's version: the running one's, else the program's own word."""
        running = (info or {}).get("ServerVersion")
        if running or self.flavour == "absent":
            return running or ""
        found = re.search(r"version ([0-9][^, ]*)", run([self.daemon, "--version"], timeout=15).out)
        return found.group(1) if found else ""

    def active(self) -> bool:
        """Whether the unit runs, or is on its way."""
        return run(["systemctl", "is-active", self.unit], timeout=30).out.strip() in ("active", "activating", "reloading")

    def start(self) -> None:
        """Start the unit.

        :raises FleetError: when systemd says no, with the daemon's own words.
        """
        self._service("start")

    def restart(self) -> None:
        """Restart the unit; a limit on starts that was hit before does not count."""
        self._service("restart")

    def stop(self) -> None:
        """Stop the unit, and its attempts to start again."""
        run(["systemctl", "stop", self.unit], timeout=120)

    def reload(self) -> None:
        """Make the running daemon read its file again. That this went well says nothing: a failing reload returns 0 too."""
        if self.flavour == "snap":
            os.kill(self._snap_pid(), signal.SIGHUP)
            return
        done = run(["systemctl", "reload", self.unit], timeout=60)
        if done.rc != 0:
            raise FleetError(f"systemctl reload {self.unit} failed: {done.words()}.")

    def wait_ready(self, timeout: float) -> t.Dict[str, t.Any]:
        """Wait until the daemon answers.

        :returns: what it says of itself.
        :raises FleetError: when it has not in C(timeout) seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            info = self.info()
            if info:
                return info
            if time.monotonic() >= deadline:
                raise FleetError(f"The Docker daemon has not answered for {timeout:g} seconds.")
            time.sleep(0.5)

    def reason(self, since: float) -> str:
        """Why the daemon failed after a moment (seconds since the epoch), in its own words; empty when its log does not say."""
        return _service_log.reason(self.unit, REASONS, since)

    def validate(self, config_file: str, version: str) -> str:
        """What C(dockerd --validate) has against a file; empty when nothing, or when this release cannot tell (before 23)."""
        if major(version) < VALIDATES_FROM:
            return ""
        flags = [word for word in self.command_line() if not word.startswith("--config-file")] if self.flavour == "package" else []
        done = run([self.daemon, "--validate", "--config-file", config_file, *flags], timeout=60)
        return "" if done.rc == 0 or "unknown flag" in done.err else done.words()

    def _service(self, verb: str) -> None:
        since = time.time()
        run(["systemctl", "reset-failed", self.unit], timeout=30)
        done = run(["systemctl", verb, self.unit], timeout=180)
        if done.rc != 0:
            raise FleetError(f"The Docker daemon did not {verb}: {self.reason(since) or done.words()}.")

    def _snap_pid(self) -> int:
        for path in SNAP_PID_FILES:
            try:
                with open(path, encoding="ascii") as handle:
                    pid = int(handle.read())
                with open(f"/proc/{pid}/comm", encoding="ascii") as handle:
                    if handle.read().strip() == "dockerd":
                        return pid
            except (OSError, ValueError):
                continue
        raise FleetError("The process of the docker snap's daemon was not found.", "See 'snap services docker' on the host.")


def _running_line(pid: str) -> t.List[str]:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as handle:
            return [word for word in handle.read().split("\0") if word][1:]
    except OSError:
        return []


def major(version: str) -> int:
    """The first number of a version; 0 when there is none."""
    first = version.split(".")[0]
    return int(first) if first.isdigit() else 0


def detect() -> Docker:
    """The engine of this host; of two, the one that runs."""
    package = Docker("package") if find("dockerd") else None
    snap = Docker("snap") if os.path.isdir(SNAP_DATA) and os.path.exists("/snap/bin/docker") else None
    if package and snap:
        return snap if snap.active() and not package.active() else package
    return package or snap or Docker("absent")
