"""`ansible-test sanity` passes without an ignore file on every supported ansible-core that this machine's Pythons can run."""

from __future__ import annotations

import pathlib
import sys

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import environments  # noqa: E402
import sanity  # noqa: E402

# minutes of one processor each, and more of them where others want it, too
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_there_is_no_ignore_file() -> None:
    assert not list((CLONE / "tests").glob("sanity/ignore*"))


@pytest.mark.parametrize("core", [core for core, pythons in environments.CORES.items() if any(map(environments.find_python, pythons))])
def test_sanity(core: str) -> None:
    outcome = sanity.run(core, environments.core_environments()[core], [])
    assert outcome.returncode == 0, outcome.stdout[-8000:]
    assert 'Running sanity test "validate-modules"' in outcome.stdout
