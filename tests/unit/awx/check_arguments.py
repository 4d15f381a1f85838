"""Gives calls to the real modules of awx.awx and says how each one ended: run by the Python of the environment that has them.

Standard input: {"address": ..., "calls": [[module, arguments], ...]}. Standard output: a list of messages. Nothing listens at the address, so that
a module whose arguments are right fails at its first request, and one whose arguments are wrong before that.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys

from ansible.module_utils.testing import patch_module_args


def outcome(module: str, arguments: dict[str, object]) -> str:
    """The message that the module fails with."""
    printed = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{module}").main()
    return str(json.loads(printed.getvalue().splitlines()[-1])["msg"])


def main() -> None:
    given = json.load(sys.stdin)
    print(json.dumps([outcome(module, {"controller_host": given["address"], **arguments}) for module, arguments in given["calls"]]))


main()
