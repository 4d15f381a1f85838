"""Writes each task's whole result, with its diff, as one line of JSON to the file that MODULE_RESULTS names; used by the tests."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: module_results
type: aggregate
short_description: Results of modules, for tests
description: Writes each task's whole result to a file.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "module_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, outcome, **more):
        with open(os.environ["MODULE_RESULTS"], "a", encoding="utf-8") as handle:
            handle.write(json.dumps({**outcome.result, **more}, default=str) + "\n")

    def v2_runner_on_ok(self, result):
        self._write(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write(result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self._write(result, failed=True)
