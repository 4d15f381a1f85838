"""The machine's own packet filter: the sandbox passes it, and takes its rules away exactly. Tried in a network namespace of the test."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fleetbox.paths import SANDBOX

pytestmark = pytest.mark.sandbox

SCRIPT = """
import subprocess, sys
sys.path.insert(0, {sandbox!r})
from fleetbox import network, snapshot
from fleetbox.paths import Instance
from fleetbox.state import State

def say(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout

for words in {before!r}:
    say(*words)
instance, state = Instance("try-network"), State(42)
before = snapshot.take({{"try-network"}})
for _ in range(2):
    network.ensure(instance, state)
during = say("nft", "list", "ruleset")
print(during)
assert say("nsenter", f"--net={{instance.namespace}}", "--", "ip", "-br", "-4", "address", "show", "uplink").split()[2] == "10.213.142.2/30"
assert "10.213.42.0/24 via 10.213.142.2 dev fleet-veth42" in say("ip", "route")
network.remove(instance, state)
instance.run.rmdir()
if not any(instance.run.parent.iterdir()):
    instance.run.parent.rmdir()
after = snapshot.take({{"try-network"}})
assert before.differences(after) == {{}}, before.differences(after)
"""


def run(*before: list[str]) -> str:
    script = SCRIPT.format(sandbox=str(SANDBOX), before=before)
    words = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_machine_without_a_filter_gets_one_table() -> None:
    rules = run()
    assert "table ip fleet_42" in rules and rules.count("masquerade") == 1
    assert "FORWARD" not in rules


def test_machine_that_drops_what_it_forwards() -> None:
    rules = run(["iptables-nft", "-P", "FORWARD", "DROP"], ["iptables-nft", "-A", "FORWARD", "-i", "other", "-j", "ACCEPT"])
    assert rules.count('"fleet-veth42"') == 2, "one rule for each direction, however often `up` runs"
