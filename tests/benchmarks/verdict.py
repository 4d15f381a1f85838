# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures the time from the end of the last experiment, by the runner's own log, to the verdict, on a sandbox that is up.

python tests/benchmarks/verdict.py --sandbox fleet --host gpu1 [--rounds 5]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[2]
SANDBOX = [sys.executable, str(CLONE / "tests/sandbox/sandbox.py")]
sys.path[:0] = [str(CLONE / "tests/tools")]

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: E402
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder  # noqa: E402

_AnsibleCollectionFinder([str(CLONE / ".build/collections")])._install()

from ansible_collections.studioml.fleet.plugins.modules import runner_state  # noqa: E402

COMPLETED = re.compile(r"^(\S+)Z .* experiment completed", re.M)


def sandbox(name: str, *words: str) -> str:
    return subprocess.run([*SANDBOX, *words, "--name", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout


def on(name: str, host: str, words: str) -> str:
    command = [*SANDBOX, "shell", host, "--name", name, "--", *words.split()]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout


def settings(name: str, host: str) -> dict[str, t.Any]:
    script = subprocess.run([CLONE / "inventory/sandbox/sandbox.sh", "--list"], env={**os.environ, "FLEET_SANDBOX": name}, capture_output=True, check=True)
    inventory = json.loads(script.stdout)
    return {**inventory["all"]["vars"], **inventory["_meta"]["hostvars"][host]}


def change(variables: dict[str, t.Any], state: str, report: t.Callable[[str], None] | None = None) -> None:
    user, _colon, password = variables["sandbox_amqp_administrator_url"].split("//")[1].split("@")[0].partition(":")
    broker = {"url": variables["sandbox_amqp_management_url"], "username": user, "password": password}
    given = {"kubeconfig": variables["fleet_kubeconfig"], "namespace": variables["fleet_namespace"], "state": state, "wait": True, "broker": broker}
    checked = ArgumentSpecValidator(runner_state.ARGUMENTS).validate({**given, "enforce": "broker"})
    runner_state.perform(checked.validated_parameters, False, report)


def measure(name: str, host: str) -> float:
    """One round: an experiment, a drain that is busy with it, and how long after its end the verdict came."""
    variables, told = settings(name, host), []
    change(variables, "Running")
    sandbox(name, "publish", "--queue", f"rmq_{host}_demo", "--seconds", "15")
    log = "/snap/bin/microk8s kubectl -n studioml logs deployment/studioml-go-runner-deployment --tail=-1"
    before = len(COMPLETED.findall(on(name, host, log)))
    while on(name, host, log).count("experiment started") <= before:
        time.sleep(0.5)
    change(variables, "DrainAndSuspend", lambda line: told.append((time.time(), line)))
    ended = datetime.datetime.fromisoformat(COMPLETED.findall(on(name, host, log))[-1]).replace(tzinfo=datetime.UTC)
    change(variables, "Running")
    quiet = next(when for when, line in told if line.startswith("quiet"))
    assert any(line.startswith("busy") for _when, line in told), told
    return quiet - ended.timestamp()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sandbox", default="fleet")
    options.add_argument("--host", default="gpu1", help="the only runner that is not drained: others would take the experiment")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    delays = [measure(given.sandbox, given.host) for _round in range(given.rounds)]
    print(f"from the end of the experiment to the verdict: median {statistics.median(delays):.2f} s, worst {max(delays):.2f} s of {len(delays)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
