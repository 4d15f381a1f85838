# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium, spoken to over its DevTools protocol through a pair of pipes: no driver, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pathlib
import select
import subprocess
import time
import typing as t

SECONDS = 240


class Browser:
    """One Chromium with one page; use it in a C(with)."""

    def __init__(self, program: str, directory: pathlib.Path) -> None:
        self._number = 0
        self.events: list[dict[str, t.Any]] = []
        self._received = b""
        theirs_in, self._to = map(_high, os.pipe())
        self._from, theirs_out = map(_high, os.pipe())
        command = [program, "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--hide-scrollbars", f"--user-data-dir={directory}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's own sandbox refuses root
        # the protocol is on the descriptors 3 and 4 of the new process
        plumbing = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        with open(directory / "chromium.log", "wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", plumbing, *command], pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_error: object) -> None:
        self._call("Browser.close")
        os.close(self._to)
        os.close(self._from)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(60)

    def open(self, page: pathlib.Path, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Load a file at a size, in the light or the dark, and forget what was heard before."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        self.until("Page.loadEventFired")

    def evaluate(self, expression: str) -> t.Any:
        """The value of a JavaScript expression, awaited when it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key: str, code: int = 0, text: str = "", shift: bool = False) -> None:
        """A key, down and up."""
        names: dict[str, t.Any] = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **names, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def picture(self, height: int = 0) -> bytes:
        """What it looks like, as PNG; all of it, or its uppermost part."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"])

    def call(self, method: str, **params: t.Any) -> dict[str, t.Any]:
        """One command to the page."""
        return self._call(method, self._session, **params)

    def until(self, method: str) -> dict[str, t.Any]:
        """The next event of this name, also one that has come already."""
        deadline = time.monotonic() + SECONDS
        while True:
            for event in self.events:
                if event["method"] == method:
                    return event
            self._take(deadline)

    def _call(self, method: str, session: str = "", **params: t.Any) -> dict[str, t.Any]:
        self._number += 1
        number, deadline = self._number, time.monotonic() + SECONDS
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._take(deadline)
            if answer and answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return t.cast("dict[str, t.Any]", answer["result"])

    def _take(self, deadline: float) -> dict[str, t.Any]:
        """The next message; events are kept."""
        while b"\0" not in self._received:
            ready, _write, _errors = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            block = os.read(self._from, 1 << 20) if ready else b""
            assert block, "Chromium does not answer, or has ended; see chromium.log in its directory"
            self._received += block
        line, _separator, self._received = self._received.partition(b"\0")
        message = t.cast("dict[str, t.Any]", json.loads(line))
        if "method" in message:
            self.events.append(message)
        return message


def _high(descriptor: int) -> int:
    """The same pipe by a number that is not in the way of 3 and 4."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(descriptor)
    return moved
