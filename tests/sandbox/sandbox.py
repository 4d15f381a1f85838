"""Bring up a fleet of real components on one Linux machine: see README.md beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from fleetbox.cli import main  # noqa: E402  the path of the package is known only now

if __name__ == "__main__":
    sys.exit(main())
