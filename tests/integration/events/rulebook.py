# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real ansible-rulebook process with the rulebook of this collection, and payloads as Alertmanager posts them."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request

CLONE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import environments  # noqa: E402

TOKEN = "token-of-the-test-4711"
START_SECONDS, ACT_SECONDS = 300, 300
JAVA, PACKAGE = 17, "default-jre-headless"
LABELS = {"fleet_action": "drain", "severity": "critical", "gpu": "0", "UUID": "GPU-5c8a1a5e", "job": "dcgm-exporter", "namespace": "gpu-operator"}


def java_version() -> int:
    """The Java runtime that is there; 0 without one."""
    if not shutil.which("java"):
        return 0
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "([0-9]+)', said.stderr + said.stdout)
    return int(found.group(1)) if found else 0


def rulebook_environment() -> pathlib.Path:
    """A Python environment with ansible-rulebook; Java for its rules is installed from Debian's packages where it is missing."""
    if java_version() < JAVA:
        environments.install_packages(PACKAGE)
    assert java_version() >= JAVA, f"Debian's package {PACKAGE} did not bring Java {JAVA}"
    lines = pathlib.Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8").splitlines()
    series, python = next((series, found) for series in environments.PREFERRED if (found := environments.find_python(series)))
    return environments.environment(python, [line for line in lines if line and not line.startswith("#")], name=f"events-{series}")


def alert(name: str, status: str = "firing", **labels: str) -> dict[str, t.Any]:
    """One alert of a payload."""
    ended = "2026-01-20T10:40:00Z" if status == "resolved" else "0001-01-01T00:00:00Z"
    given = {"alertname": name, **LABELS, **labels}
    said = {"summary": f"{name} at {labels}", "description": "{{ 'templates' | upper }}"}
    times = {"startsAt": "2026-01-20T10:30:00Z", "endsAt": ended}
    return {"status": status, "labels": given, "annotations": said, **times, "generatorURL": "http://prometheus:9090/graph", "fingerprint": "1a30ba71cca2921f"}


def payload(*alerts: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    """What Alertmanager posts to a webhook for one group of alerts, version 4 of its format."""
    status = "firing" if any(one["status"] == "firing" for one in alerts) else "resolved"
    common = {key: value for key, value in alerts[0]["labels"].items() if all(one["labels"].get(key) == value for one in alerts)}
    group = {"alertname": alerts[0]["labels"]["alertname"]}
    return {
        "version": "4",
        "groupKey": '{}/{fleet_action="drain"}:{}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "fleet",
        "groupLabels": group,
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
        **more,
    }


class Rulebook:
    """Started by C(with), stopped by its number; C(log) is all that it and its playbooks have said. The folder has the directory C(inventory)."""

    def __init__(self, environment: pathlib.Path, folder: pathlib.Path, port: int, token: bool = True, **settings: str) -> None:
        self.environment, self.folder, self.port, self.token, self.settings = environment, folder, port, token, settings
        self.place = folder / "rulebook.log"
        self._marks = 0

    def __enter__(self) -> Rulebook:
        (self.folder / "vars.yml").write_text(json.dumps({"fleet_alert_port": self.port}), encoding="utf-8")
        settings = {
            **os.environ,
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "ansible"),
            "TMPDIR": str(self.folder),
            "fleet_alert_token": TOKEN,
            **self.settings,
        }
        given = ["--inventory", "inventory", "--vars", "vars.yml", *(["--env-vars", "fleet_alert_token"] if self.token else [])]
        with self.place.open("wb") as log:
            self.process = subprocess.Popen(
                [self.environment / "bin" / "ansible-rulebook", "--rulebook", "studioml.fleet.alerts", *given],
                cwd=self.folder,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.until("it listens", self._listens, START_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        """Ends the process, the Java machine within it, and a playbook that it may still run: they are one process group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait(15)

    @property
    def log(self) -> str:
        return self.place.read_text(encoding="utf-8", errors="replace")

    def until(self, what: str, check: t.Callable[[], t.Any], seconds: float = ACT_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not check():
            assert self.process.poll() is None, f"ansible-rulebook has ended:\n{self.log[-6000:]}"
            assert time.monotonic() < end, f"{what}: not within {seconds:g} s\n{self.log[-6000:]}"
            time.sleep(0.1)

    def post(self, body: t.Any, token: str | None = TOKEN) -> int:
        """What Alertmanager does; the status of the answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/alerts", content, {"Content-Type": "application/json"})
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def says(self, words: str, times: int = 1) -> None:
        """Waits until the log has these words so often; line breaks do not count."""
        self.until(f"the log says {words!r}", lambda: " ".join(self.log.split()).count(words) >= times)

    def settled(self) -> None:
        """Until everything that was posted before has been acted on: actions go in order, and this one ends in a message."""
        self._marks += 1
        name = f"Marker{self._marks}"
        assert self.post(payload(alert(name, fleet_action="nothing"))) == 200
        self.says(f"Alert {name} was left alone")

    def runs(self) -> int:
        """How many playbooks have ended, and said what they do."""
        return self.log.count("TASK [Say what is done about it]")

    def _listens(self) -> bool:
        try:
            return self.post(b"", token=None) == 401
        except OSError:
            return False
