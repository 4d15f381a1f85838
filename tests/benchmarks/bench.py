# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures what the collection promises of its speed, and prints a table of ratios. C(make bench) runs all of it.

python tests/benchmarks/bench.py [--rounds 5] [--targets 1000] [--only plays ...] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import ssl
import sys
import tempfile

import ansible.release
import clients
import counts
import idle
import jobs
import memory
import plays
from table import markdown
from world import World

ALL = {"plays": plays, "clients": clients, "counts": counts, "idle": idle, "jobs": jobs, "memory": memory}
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="how often each play runs; the table has the medians")
    options.add_argument("--targets", type=int, default=1000, help="how many targets (b), (e) and (f) have")
    options.add_argument("--only", nargs="+", choices=list(ALL), default=list(ALL), help="measure these alone")
    options.add_argument("--write", type=pathlib.Path, help="put the table into this page, in place of the one that it has")
    given = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as directory, World(pathlib.Path(directory), given.targets) as world:
        version = world.admin.request("GET", "/version")["gitVersion"]
        for name in given.only:
            rows += ALL[name].measure(world, given.rounds)
    machine = (
        f"{os.cpu_count()} cores, load {os.getloadavg()[2]:.1f} in the last quarter of an hour; Python {platform.python_version()}, "
        f"ansible-core {ansible.release.__version__}, {' '.join(ssl.OPENSSL_VERSION.split()[:2])}, Kubernetes {version}; medians of {given.rounds} rounds."
    )
    shown = f"{markdown(rows)}\n\n{machine}"
    print(shown)
    if given.write:
        page = given.write.read_text(encoding="utf-8")
        given.write.write_text(f"{page[:page.index(BEGIN)]}{BEGIN}\n{shown}\n{page[page.index(END):]}", encoding="utf-8")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
