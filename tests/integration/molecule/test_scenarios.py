"""Every Molecule scenario, from bare hosts to bare machine: create, prepare, converge, idempotence, verify, destroy."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(sys.executable).parent
INSTANCE = "test-molecule"
SCENARIOS = sorted(path.parent.name for path in (CLONE / "molecule").glob("*/molecule.yml"))
SETTINGS = {**os.environ, "FLEET_SANDBOX": INSTANCE, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}

pytestmark = pytest.mark.sandbox


def sandbox(*arguments: str) -> None:
    """Runs the sandbox's command for the instance of these tests."""
    subprocess.run([sys.executable, CLONE / "tests/sandbox/sandbox.py", *arguments], env=SETTINGS, check=True, timeout=1800)


@pytest.fixture(scope="module", autouse=True)
def instance() -> t.Iterator[None]:
    """A sandbox without hosts; each scenario brings its own and removes them."""
    sandbox("up", "--bare")
    yield
    sandbox("down")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    command = [BIN / "molecule", "test", "--scenario-name", scenario]
    silent: dict[str, t.Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=CLONE, env=SETTINGS, text=True, timeout=1150, check=False, **silent)
    assert done.returncode == 0, done.stdout[-12000:]
    assert "idempotence" in done.stdout.lower() and "verify" in done.stdout.lower()


#: Roles that only speak to an API server or to an AWX, or whose images would have to be made once more for a scenario, and the tests that play them twice.
PLAYED_ELSEWHERE = {
    "awx": "tests/unit/awx/test_awx_play.py",
    "companions": "tests/integration/api/test_companions.py",
    "experiment": "tests/integration/registry/test_experiment_play.py",
    "runner_secrets": "tests/unit/api/test_runner_secrets_role.py",
    "submission": "tests/unit/api/jobs/test_submission_role.py",
}


def test_every_role_has_a_scenario() -> None:
    assert {path.name for path in (CLONE / "roles").iterdir()} == set(SCENARIOS) | set(PLAYED_ELSEWHERE)
    for role, place in PLAYED_ELSEWHERE.items():
        assert role in (CLONE / place).read_text(encoding="utf-8")
