# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Alertmanager, and the tools that check its configuration and Prometheus's rules: from PATH, else out of Debian's packages, which are not installed."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import typing as t
import urllib.request

import yaml
from environments import apt_alone, cache_directory

PACKAGES = {"prometheus-alertmanager": ("prometheus-alertmanager", "amtool"), "prometheus": ("promtool",)}
# Debian's Alertmanager looks for its templates in /usr/share, where an unpacked package has nothing: it gets a view of its own of that directory.
VIEW = 'mount -t overlay -o "ro,lowerdir=$0:/usr/share" overlay /usr/share && exec "$@"'
PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "events.md"


def missing() -> list[str]:
    """Programs that are not in PATH."""
    return [name for names in PACKAGES.values() for name in names if not shutil.which(name)]


def programs() -> dict[str, pathlib.Path]:
    """Where the programs are; what is missing is unpacked beside the other things that are made once, so that no service is started."""
    place = cache_directory() / "monitoring"
    if missing():
        with apt_alone():
            if not (place / "complete").exists():
                _unpack(place)
    return {name: pathlib.Path(shutil.which(name) or place / "usr" / "bin" / name) for names in PACKAGES.values() for name in names}


def _unpack(place: pathlib.Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    command = ["apt-get", "download", "-qq", *PACKAGES]
    if subprocess.run(command, cwd=place, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(command, cwd=place, check=True)
    for package in place.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, place], check=True)
        package.unlink()
    (place / "complete").touch()


def documented(title: str) -> t.Any:
    """The example of docs/events.md that begins with this comment."""
    (block,) = re.findall(rf"```yaml\n# {re.escape(title)}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return yaml.safe_load(block)


class Alertmanager:
    """Started by C(with), ended by its number."""

    def __init__(self, program: pathlib.Path, folder: pathlib.Path, port: int, config: dict[str, t.Any]) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.place = folder / "alertmanager.yml"
        self.place.write_text(json.dumps(config), encoding="utf-8")
        files = [f"--config.file={self.place}", f"--storage.path={folder / 'data'}"]
        self.command = [str(program), *files, f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        if not shutil.which(program.name):
            self.command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", VIEW, str(program.parents[1] / "share"), *self.command]

    def __enter__(self) -> Alertmanager:
        with (self.folder / "alertmanager.log").open("wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "TZ": "UTC"})
        end = time.monotonic() + 180
        while not self._ready():
            assert self.process.poll() is None and time.monotonic() < end, self.log
            time.sleep(0.1)
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    @property
    def log(self) -> str:
        return (self.folder / "alertmanager.log").read_text(encoding="utf-8", errors="replace")

    def hears(self, *labels: dict[str, str], resolved: bool = False) -> None:
        """What Prometheus sends for alerts with these labels."""
        now = datetime.datetime.now(datetime.UTC)
        ends = now - datetime.timedelta(seconds=1) if resolved else now + datetime.timedelta(hours=1)
        alerts = [{"labels": one, "startsAt": (now - datetime.timedelta(minutes=1)).isoformat(), "endsAt": ends.isoformat()} for one in labels]
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=20) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
