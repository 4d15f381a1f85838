# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What snapd says over its own socket: snaps, their services, its settings. Typed JSON, where the command prints columns for people. Reads only."""

from __future__ import annotations

import http.client
import json
import re
import socket
import typing as t
import urllib.parse

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

SOCKET = "/run/snapd.socket"
TIMEOUT = 30.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


class Service(t.NamedTuple):
    """A service of a snap; C(unit) is systemd's name for it."""

    name: str
    unit: str
    enabled: bool
    active: bool


class InstalledSnap(t.NamedTuple):
    """A snap as it is installed; C(channel) is what it follows, empty for one that came from a file."""

    name: str
    version: str
    revision: str
    channel: str
    confinement: str
    base: str
    active: bool
    file: str
    held_until: str


class Snapd:
    """snapd of this host."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path

    def snap(self, name: str) -> t.Optional[InstalledSnap]:
        """One snap, None when it is not installed."""
        status, found = self._get(f"/v2/snaps/{urllib.parse.quote(name)}")
        if status == 404:
            return None
        self._refuse(status, found)
        return InstalledSnap(
            name=found["name"],
            version=found.get("version", ""),
            revision=str(found.get("revision", "")),
            channel=found.get("tracking-channel", ""),
            confinement=found.get("confinement", ""),
            base=found.get("base", ""),
            active=found.get("status") == "active",
            file=found.get("mounted-from", ""),
            held_until=found.get("hold", ""),
        )

    def services(self, name: str) -> t.List[Service]:
        """The services of a snap."""
        status, found = self._get("/v2/apps?" + urllib.parse.urlencode({"select": "service", "names": name}))
        if status == 404:
            return []
        self._refuse(status, found)
        return [Service(app["name"], f"snap.{name}.{app['name']}.service", bool(app.get("enabled")), bool(app.get("active"))) for app in found]

    def version(self) -> t.Tuple[int, int]:
        """snapd's own version; (0, 0) for one that was built without a number."""
        status, found = self._get("/v2/system-info")
        self._refuse(status, found)
        numbers = re.match(r"([0-9]+)\.([0-9]+)", str(found.get("version", "")))
        return (int(numbers.group(1)), int(numbers.group(2))) if numbers else (0, 0)

    def setting(self, key: str) -> str:
        """One of the system's settings as text, empty when it is not set."""
        status, found = self._get("/v2/snaps/system/conf?" + urllib.parse.urlencode({"keys": key}))
        if status in (400, 404) and isinstance(found, dict) and found.get("kind") in ("option-not-found", "snap-not-found"):
            return ""
        self._refuse(status, found)
        value = found.get(key, "")
        return value if isinstance(value, str) else json.dumps(value)

    def _get(self, path: str) -> t.Tuple[int, t.Any]:
        connection = _UnixConnection(self._path)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read().decode("utf-8")).get("result")
        except OSError as error:
            raise FleetError(
                f"snapd does not answer on {self._path}: {error.strerror or error}.",
                "Install snapd (apt install snapd) or start it (systemctl enable --now snapd.socket), then run again.",
            ) from None
        except (ValueError, AttributeError, http.client.HTTPException) as error:
            raise FleetError(f"snapd answered {path} with what is no JSON: {error!r}.", "Look at 'journalctl -u snapd' on the host.") from None
        finally:
            connection.close()

    @staticmethod
    def _refuse(status: int, found: t.Any) -> None:
        if status != 200:
            words = found.get("message", "") if isinstance(found, dict) else ""
            raise FleetError(f"snapd answered with status {status}: {words}", "Look at 'journalctl -u snapd' on the host.")
