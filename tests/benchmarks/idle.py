# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""(f) What it costs to watch 1,000 targets at which nothing happens. As a program: does it, and prints the part of a core that it took.

python idle.py SECONDS < paths of kubeconfigs and namespaces, one pair a line
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import threading
import time

BAR = 0.05
SECONDS = 90  # the server sends each watch a bookmark about once a minute: some of these are in it


def measure(world, rounds: int) -> list:
    from table import Row
    from world import INTERPRETER

    lines = "\n".join(f"{world.path(name)} {name}" for name in world.names)
    done = subprocess.run([INTERPRETER, __file__, str(SECONDS)], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [Row(f"(f) idle watches of {world.count} targets", "bar", float(done.stdout) * 100, BAR * 100, 1, unit="% of a core")]


def main() -> None:
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    import conftest  # noqa: F401  it makes the collection importable from the clone

    from ansible_collections.studioml.fleet.plugins.module_utils import _descriptors, _pool
    from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
    from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
    from ansible_collections.studioml.fleet.plugins.module_utils._watch import Watch

    pairs = [line.split() for line in sys.stdin]
    _descriptors.allow(3 * len(pairs))
    seconds, begun = float(sys.argv[1]), threading.Semaphore(0)
    turns = threading.Semaphore(32)

    def follow(path: str, namespace: str) -> None:
        with turns:
            api = Api(load(path))
            events = iter(Watch(api, f"/api/v1/namespaces/{namespace}/pods", {}, time.monotonic() + 600, namespace))
            next(events)
            api.close()
        begun.release()
        for _event in events:
            pass

    _pool.start([lambda pair=pair: follow(*pair) for pair in pairs])
    for _pair in pairs:
        begun.acquire()
    time.sleep(5)  # the streams behind the lists are opened
    cpu, clock = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    print((time.process_time() - cpu) / (time.perf_counter() - clock))


if __name__ == "__main__":
    main()
