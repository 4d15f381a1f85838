"""The stand-in runner as a process of the machine, as it would run in a pod."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from stand_in_broker import PATIENCE, VirtualHost, free_port, wait_for
from stand_in_cluster import NAMESPACE, Cluster

SERIES = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Runner:
    """A started runner; its output is kept with the moment at which each line came."""

    def __init__(self, binary: Path, environment: dict[str, str]) -> None:
        self.metrics_port = free_port()
        defaults = {"K8S_NAMESPACE": NAMESPACE, "CPU_ONLY": "true", "CLEAR_TEXT_MESSAGES": "true", "LOGXI": "*=DBG", "STAND_IN_SOCKET": ""}
        variables = {"PATH": os.environ["PATH"], "PROM_ADDRESS": f"127.0.0.1:{self.metrics_port}", **defaults, **environment}
        self.began = time.monotonic()
        self.process = subprocess.Popen([str(binary)], env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic() - self.began, line.rstrip("\n")))

    @property
    def output(self) -> str:
        return "\n".join(line for _moment, line in list(self.lines))

    def moments(self, text: str) -> list[float]:
        """Seconds after the start at which lines with the text came."""
        return [moment for moment, line in list(self.lines) if text in line]

    def states(self) -> list[str]:
        """The states that the runner says it took, in order; one that it only says again, as it does every three minutes (times the scale), counts once."""
        said = re.findall(r"k8s state is (\w+)stack\[cluster\.go:93\]", self.output)
        return [state for state, _same in itertools.groupby(said)]

    def says(self, text: str, seconds: float = PATIENCE, times: int = 1) -> list[float]:
        """Wait for lines with the text."""
        try:
            return wait_for(f"{text!r} {times} times", lambda: self.moments(text) if len(self.moments(text)) >= times else None, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the runner says:\n{self.output}") from None

    def takes(self, *states: str, seconds: float = PATIENCE) -> None:
        """Wait until exactly these states were taken, in this order."""
        try:
            wait_for(f"states {states}", lambda: tuple(self.states()) == states, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the runner says:\n{self.output}") from None

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """The series by their names; nothing where there is no such server."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60) as answer:
                text = answer.read().decode()
        except OSError:
            return found
        for line in text.splitlines():
            if match := SERIES.match(line):
                found.setdefault(match[1], []).append((dict(LABEL.findall(match[2])), float(match[3])))
        return found

    def busy(self) -> float:
        """The sum of the gauge of running experiments."""
        return sum(value for _labels, value in self.metrics().get("runner_project_running", []))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end and for the rest of the output."""
        status = self.process.wait(seconds)
        self._reader.join(PATIENCE)
        return status

    def stop(self) -> None:
        """End it as Kubernetes does in practice."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


def environment(host: VirtualHost, cluster: Cluster | None = None, scale: float = 0.1, **more: Any) -> dict[str, str]:
    """Variables of a runner at the virtual host, in the cluster where there is one."""
    variables = {"AMQP_URL": host.url, "STAND_IN_TIME_SCALE": str(scale), "HOSTNAME": "studioml-go-runner-gpu1"}
    if cluster:
        variables |= {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(cluster.port),
            "STAND_IN_SERVICE_ACCOUNT": str(cluster.account),
        }
    return variables | {name: str(value) for name, value in more.items()}
