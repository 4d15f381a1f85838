"""The demo: a sandbox fleet from nothing, `site.yml` on it, work for a runner, drain and resume, and the fleet's status.

Each step is a command that a user could type; it is printed before it runs. What is there already is used again, so a
second run takes minutes less. The fleet stays up afterwards; `make demo-down` removes it.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time

from fleetbox.errors import SandboxError
from fleetbox.paths import Instance
from fleetbox.progress import Progress

CLONE = pathlib.Path(__file__).resolve().parents[2]
NAME = os.environ.get("FLEET_SANDBOX") or "fleet"
SANDBOX = [sys.executable, str(CLONE / "tests" / "sandbox" / "sandbox.py")]
BIN = CLONE / ".build" / "venv" / "bin"
PLAYBOOK = [str(BIN / "ansible-playbook"), "-i", "inventory/sandbox"]
PAGE = CLONE / ".build" / "fleet-status.html"
DEPLOYMENT = "deployment/studioml-go-runner-deployment"
STATE_LINE_SECONDS = 300
# taken 16 s after a runner's start and 14 s before its first look at its state: long enough for the drain to find it at work
EXPERIMENT_SECONDS = "30"

NEXT = """
The fleet is up. Try:

  export PATH=$PWD/.build/venv/bin:$PATH
  ansible-playbook -i inventory/sandbox site.yml                                    # changed=0
  ansible-playbook -i inventory/sandbox playbooks/drain.yml -l gpu1                 # and playbooks/resume.yml
  ansible -i inventory/sandbox gpu1 -m studioml.fleet.gpu_info
  ansible-playbook -i inventory/sandbox playbooks/status.yml -e fleet_page=fleet.html
  python3 tests/sandbox/sandbox.py publish --queue rmq_gpu1_demo --seconds 20       # work for a runner
  python3 tests/sandbox/sandbox.py shell gpu1 -- /snap/bin/microk8s kubectl get pods -A
  python3 tests/sandbox/sandbox.py status
  make demo-down                                                                    # removes every trace
"""


def run(*command: str, capture: bool = False, quiet: bool = False) -> str:
    """Runs one command of the demo in the clone and stops the demo when it fails."""
    shown = " ".join(command).replace(f"{sys.executable} {CLONE}/", "python3 ").replace(f"{BIN}/", "")
    if not quiet:
        print(f"\n$ {shown}", flush=True)
    search = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    settings = {**os.environ, "PATH": search, "FLEET_SANDBOX": NAME, "PYTHONUNBUFFERED": "1", "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg")}
    done = subprocess.run(command, cwd=CLONE, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if capture else None, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"`{shown}` ended with status {done.returncode}; what it said stands above.", "`make demo` carries on where it stopped.")
    return done.stdout or ""


def log_lines(host: str) -> list[str]:
    """What the runner of this host has logged so far."""
    command = ["/snap/bin/microk8s", "kubectl", "--namespace", "studioml", "logs", "--tail=-1", DEPLOYMENT]
    return run(*SANDBOX, "shell", host, "--", *command, capture=True, quiet=True).splitlines()


def wait_for_line(host: str, text: str, after: int) -> None:
    """Waits until the runner of this host logs this text in a line after the first ones, and prints it."""
    deadline = time.monotonic() + STATE_LINE_SECONDS
    while time.monotonic() < deadline:
        for line in log_lines(host)[after:]:
            if text in line:
                print(f"  {host}, the runner's own log: {line}", flush=True)
                return
        time.sleep(1)
    raise SandboxError(f"The runner on {host} has not logged {text!r} within {STATE_LINE_SECONDS} s.", f"Look at its log: sandbox.py shell {host}")


def change_state(playbook: str, state: str, runners: list[str]) -> None:
    """Drains or resumes all runners and shows that each has taken its new state."""
    before = {host: len(log_lines(host)) for host in runners}
    run(*PLAYBOOK, f"playbooks/{playbook}.yml")
    for host in runners:
        wait_for_line(host, f"k8s state is {state}", before[host])


def main() -> int:
    """Runs the demo from its first step to its last."""
    progress = Progress()
    try:
        with progress.step("sandbox: hosts, registry, RabbitMQ"):
            run(*SANDBOX, "up", "--name", NAME)
        runners = sorted(json.loads(Instance(NAME).inventory.read_text())["runner_hosts"]["hosts"])
        with progress.step("an experiment in the queue of each runner"):  # before they start: later on they look for new queues every five minutes
            for host in runners:
                run(*SANDBOX, "publish", "--name", NAME, "--queue", f"rmq_{host}_demo", "--seconds", EXPERIMENT_SECONDS)
        with progress.step("site.yml: from bare hosts to runners"):
            run(*PLAYBOOK, "site.yml")
        with progress.step("the runners listen to their state"):
            for host in runners:
                wait_for_line(host, "k8s state is Running", 0)
        with progress.step("drain"):
            change_state("drain", "DrainAndSuspend", runners)
        with progress.step("resume"):
            change_state("resume", "Running", runners)
        with progress.step("status of the fleet"):
            run(*PLAYBOOK, "playbooks/status.yml", "-e", f"fleet_page={PAGE}")
    except SandboxError as error:
        print(f"\nerror: {error.message}\n  {error.hint}", file=sys.stderr)
        return 1
    print(f"\nWhere the time went:\n{progress.table()}\n{NEXT}\nThe fleet as a page: {PAGE.as_uri()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
