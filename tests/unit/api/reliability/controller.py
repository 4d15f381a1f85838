# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller, as a process that can be killed: a server that forks one for each line of parameters it is given, and tells its number."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
importlib.import_module("conftest")  # makes the collection importable

from ansible_collections.studioml.fleet.plugins.module_utils import _back, _drain, _rest  # noqa: E402
from ansible_collections.studioml.fleet.plugins.modules import runner_state  # noqa: E402

assert _drain  # it is loaded only where it is needed, and here that is once for all
_rest.PAUSE, _back.INTERVAL = 0.01, 0.3
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        try:
            outcome = runner_state.perform(job["parameters"], False)
        except BaseException as error:  # noqa: B036  whatever it is, the test is to see it
            outcome = {"failed": True, "msg": repr(error)}
        done = pathlib.Path(job["outcome"])
        done.with_suffix(".part").write_text(json.dumps(outcome))
        done.with_suffix(".part").rename(done)
        os._exit(0)
    print(child, flush=True)
