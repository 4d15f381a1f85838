"""Runs the tests in three processes side by side, since most of them wait for daemons, and a fleet has more than one host.

Tests of one directory share a sandbox or an API server and stay together. Each line is marked with its group; pytest's own
list of what failed and its closing lines, of all groups, come last, and the exit status is the worst one.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import threading

CLONE = pathlib.Path(__file__).resolve().parents[2]
INTEGRATION = CLONE / "tests" / "integration"
#: These compare the whole machine before and after: nothing else may come and go meanwhile.
ALONE = ["tests/integration/sandbox", "tests/integration/demo"]
#: The groups take about the same time; what is named nowhere runs in the last.
NAMED = [[f"tests/integration/{name}" for name in names] for names in (
    ("site", "docker", "events"), ("molecule", "registry", "runner", "page", "api", "jobs", "microk8s"),
)]


def groups() -> list[list[str]]:
    """The test directories of each group."""
    others = sorted(f"tests/integration/{place.name}" for place in INTEGRATION.iterdir() if place.is_dir() and any(place.glob("test_*.py")))
    return [*NAMED, ["tests/unit", "tests/quality", *(name for name in others if name not in [*sum(NAMED, []), *ALONE])]]


def run(number: int, directories: list[str], statuses: dict[int, int], failed: list[str], closing: dict[int, str]) -> None:
    """One pytest whose lines are passed on as they come."""
    command = [sys.executable, "-u", "-m", "pytest", "-v", "--durations=10", *directories]
    with subprocess.Popen(command, cwd=CLONE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            print(f"[{number}] {line}", end="", flush=True)
            if line.startswith(("FAILED ", "ERROR ")):
                failed.append(f"[{number}] {line}")
            if line.startswith("=") and " in " in line:
                closing[number] = line
    statuses[number] = process.returncode


def main() -> int:
    """First what must be alone, then the groups; 0 when all are green."""
    statuses: dict[int, int] = {}
    failed: list[str] = []
    closing: dict[int, str] = {}
    run(0, ALONE, statuses, failed, closing)
    threads = [threading.Thread(target=run, args=(number, directories, statuses, failed, closing)) for number, directories in enumerate(groups(), 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("".join(failed), end="")
    for number in sorted(closing):
        print(closing[number], end="", flush=True)
    return max(statuses.get(number, 1) for number in range(len(threads) + 1))


if __name__ == "__main__":
    sys.exit(main())
