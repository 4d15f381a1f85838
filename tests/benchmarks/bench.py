# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures what the collection promises of its speed, and prints a table of ratios. C(make bench) runs all of it.

python tests/benchmarks/bench.py [--rounds 10] [--only plays ...] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import tempfile

import clients
import counts
import idle
import plays
from table import markdown
from world import World

ALL = {"plays": plays, "clients": clients, "counts": counts, "idle": idle}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--only", nargs="+", choices=list(ALL), default=list(ALL))
    options.add_argument("--targets", type=int, default=1000)
    given = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory, World(pathlib.Path(directory), given.targets) as world:
        for name in given.only:
            rows += ALL[name].measure(world, given.rounds)
    print(markdown(rows))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
