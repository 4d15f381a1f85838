# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of Jobs do by hand: run a playbook of ours, run a module as the controller does, make a Job without any of our code."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import subprocess
import sys
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from module_runs import CLONE

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

PROGRAM = pathlib.Path(sys.executable).with_name("ansible-playbook")


def play(inventory: pathlib.Path, book: str, *more: str, **variables: t.Any) -> subprocess.CompletedProcess[str]:
    """A playbook as a person runs it."""
    return subprocess.run(_command(inventory, book, more, variables), env=_environment(), cwd=CLONE, capture_output=True, text=True, timeout=900, check=False)


def begin_play(inventory: pathlib.Path, book: str, *more: str, **variables: t.Any) -> subprocess.Popen[str]:
    """The same, while more is done beside it."""
    command = _command(inventory, book, more, variables)
    return subprocess.Popen(command, env=_environment(), cwd=CLONE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _command(inventory: pathlib.Path, book: str, more: t.Sequence[str], variables: dict[str, t.Any]) -> list[str]:
    return [str(PROGRAM), "-i", str(inventory), str(CLONE / "playbooks" / book), "-e", json.dumps(variables), *more]


def _environment() -> dict[str, str]:
    return {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}


def module(what: str, /, check: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
    """A module in this process, as the controller runs it; its result, whether it failed or not."""
    code = importlib.import_module(f"ansible_collections.studioml.fleet.plugins.modules.{what}")
    checked = ArgumentSpecValidator(code.ARGUMENTS).validate(arguments)
    assert not checked.error_messages, checked.error_messages
    try:
        return code.perform(checked.validated_parameters, check)
    except FleetError as error:
        return {"failed": True, **error.result()}


def fails(what: str, /, **arguments: t.Any) -> dict[str, t.Any]:
    """A module that must fail with one clear message."""
    result = module(what, **arguments)
    assert result.get("failed") and "\n" not in result["msg"], result
    return result


def make_job(api: Api, namespace: str, name: str, script: str, image: str, pod: dict[str, t.Any] | None = None, **container: t.Any) -> None:
    """A Job of somebody else's making."""
    main = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script], **container}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [main], **(pod or {})}
    body = {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
    api.request("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", body=body)


def pods(api: Api, namespace: str, selector: str = "") -> list[dict[str, t.Any]]:
    return api.request("GET", f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector} if selector else None).get("items") or []


def jobs(api: Api, namespace: str) -> list[str]:
    return [job["metadata"]["name"] for job in api.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs").get("items") or []]
