"""The generator as a module, and an environment with the real awx.awx."""

from __future__ import annotations

import pathlib
import sys

import pytest

CLONE = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import environments  # noqa: E402


@pytest.fixture(scope="session")
def awx_environment() -> pathlib.Path:
    """A Python environment with the package ansible that still carries awx.awx, and awxkit."""
    text = (pathlib.Path(__file__).parent / "requirements.txt").read_text(encoding="utf-8")
    requirements = [line for line in text.splitlines() if line and not line.startswith("#")]
    python = next(found for found in map(environments.find_python, environments.PREFERRED) if found)
    return environments.environment(python, requirements, name="awx")
