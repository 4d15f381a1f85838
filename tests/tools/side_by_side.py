"""Runs the tests in three processes side by side, since most of them wait for daemons, and a fleet has more than one host.

Tests of one directory share a sandbox or an API server and stay together; who is free takes the next directory. Each line is marked with the number of
its directory. Last come pytest's closing lines, of all directories with the time each took, and after them what failed, with the reason: whoever sees only
the end of a long output sees why. The exit status is the worst one.
"""

from __future__ import annotations

import pathlib
import queue
import subprocess
import sys
import threading
import typing as t

CLONE = pathlib.Path(__file__).resolve().parents[2]
INTEGRATION = CLONE / "tests" / "integration"
SIDE_BY_SIDE = 3
#: How much is said of a failure at the end, in characters; with -v once, pytest itself leaves the reason out where the name is long.
REASON = 300
#: What stands around the words of pytest's closing line.
EDGE = "= \n"
#: pytest's status where a machine has not what any test of a directory needs (a browser, for one).
NOTHING_SELECTED = 5
#: These compare the whole machine before and after: nothing else may come and go meanwhile.
ALONE = ["tests/integration/sandbox", "tests/integration/demo"]
#: The longest first, so that all end at about the same time; directories of integration tests that are not named come last.
LONGEST_FIRST = [
    ["tests/integration/site"],
    ["tests/quality"],
    ["tests/unit/api"],
    *([f"tests/integration/{name}"] for name in ("molecule", "jobs", "doors", "microk8s", "registry")),
    ["tests/unit", "--ignore=tests/unit/api"],
]


class Outcome(t.NamedTuple):
    """What became of one run of pytest."""

    status: int
    failed: list[str]
    closing: str


def parts() -> list[list[str]]:
    """What pytest is given, each for a process of its own."""
    found = sorted(f"tests/integration/{place.name}" for place in INTEGRATION.iterdir() if place.is_dir() and any(place.glob("test_*.py")))
    return [*LONGEST_FIRST, *([name] for name in found if name not in [*ALONE, *sum(LONGEST_FIRST, [])])]


def run(number: int, arguments: list[str]) -> Outcome:
    """One pytest whose lines are passed on as they come."""
    command = [sys.executable, "-u", "-m", "pytest", "-vv", "--durations=10", *arguments]
    failed, closing = [], "pytest ended without a word"
    with subprocess.Popen(command, cwd=CLONE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            print(f"[{number}] {line}", end="", flush=True)
            if " short test summary info " in line:
                failed.clear()  # what was like it until here is in the output of a test
            if line.startswith(("FAILED ", "ERROR ")):
                failed.append(f"[{number}] {line.strip():.{REASON}}\n")
            if line.startswith("=") and " in " in line:
                closing = f"=== {line.strip(EDGE)} ==="
    status = 0 if process.returncode == NOTHING_SELECTED and " deselected in " in closing else process.returncode
    if status and not failed:
        failed.append(f"[{number}] pytest of {' '.join(arguments)} ended with status {process.returncode}\n")
    return Outcome(status, failed, f"{closing} [{number}] {' '.join(arguments)}\n")


def main() -> int:
    """First what must be alone, then the others; 0 when all are green."""
    work: queue.SimpleQueue[tuple[int, list[str]]] = queue.SimpleQueue()
    for part in enumerate(parts(), 1):
        work.put(part)
    expected = work.qsize() + 1
    outcomes = {0: run(0, ALONE)}

    def worker() -> None:
        while True:
            try:
                number, arguments = work.get_nowait()
            except queue.Empty:
                return
            outcomes[number] = run(number, arguments)

    threads = [threading.Thread(target=worker) for _number in range(SIDE_BY_SIDE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = [outcomes[number] for number in sorted(outcomes)]
    print("".join(outcome.closing for outcome in ended), end="")
    print("".join(line for outcome in ended for line in outcome.failed), end="", flush=True)
    return max(1 if len(ended) < expected else 0, *(outcome.status for outcome in ended))


if __name__ == "__main__":
    sys.exit(main())
