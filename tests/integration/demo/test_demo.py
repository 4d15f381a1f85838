"""The two commands of the README in a fresh clone: `make demo` ends well, `make demo-down` leaves the machine as it was."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import sanity  # noqa: E402

from fleetbox import snapshot  # noqa: E402

INSTANCE = "test-demo"
SETTINGS = {**os.environ, "FLEET_SANDBOX": INSTANCE, "ANSIBLE_NOCOLOR": "1"}
for name in ("ANSIBLE_CONFIG", "ANSIBLE_COLLECTIONS_PATH", "MAKEFLAGS", "MAKELEVEL"):
    SETTINGS.pop(name, None)

pytestmark = pytest.mark.sandbox


def make(clone: pathlib.Path, target: str) -> subprocess.CompletedProcess[str]:
    """Runs one make target in a clone, as a user without a terminal would."""
    silent: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(["make", target], cwd=clone, env=SETTINGS, text=True, timeout=2400, check=False, **silent)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[pathlib.Path]:
    """What a user has after `git clone`, at another path than this clone."""
    fresh = sanity.copy_collection(tmp_path_factory.mktemp("clone"))
    yield fresh
    make(fresh, "demo-down")


def test_demo(clone: pathlib.Path) -> None:
    before = snapshot.settled([INSTANCE])
    done = make(clone, "demo")
    said = done.stdout
    assert done.returncode == 0, said[-12000:]
    for host in ("gpu1", "gpu2"):
        for state in ("Running", "DrainAndSuspend"):
            assert f"  {host}, the runner's own log: " in said
            assert any(line.startswith(f"  {host}, ") and f"k8s state is {state}" in line for line in said.splitlines()), said[-12000:]
    assert "The fleet is up. Try:" in said
    assert "Where the time went:" in said
    page = clone / ".build" / "fleet-status.html"
    assert f"The fleet as a page: {page.as_uri()}" in said
    assert "Simulated GPUs." in page.read_text(encoding="utf-8")

    down = make(clone, "demo-down")
    assert down.returncode == 0, down.stdout[-4000:]
    assert snapshot.remaining(before, [INSTANCE]) == {}
