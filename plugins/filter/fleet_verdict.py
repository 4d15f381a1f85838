# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a host, as one object: the end of site.yml and verify.yml."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError


def fleet_failure(result: t.Mapping[str, t.Any], step: str) -> dict[str, str]:
    """One failed task as the step and its message; of a loop, the messages of the items that failed."""
    if not isinstance(result, t.Mapping):
        raise AnsibleFilterError(f"fleet_failure needs the result of a task, but was given {type(result).__name__}.")
    items = [item for item in result.get("results", []) if item.get("failed") or item.get("unreachable")]
    messages = [str(item.get("msg", "")).strip() for item in items] or [str(result.get("msg", "")).strip()]
    return {"step": step.split(" : ")[-1], "message": " ".join(filter(None, messages)) or "The task failed without a message."}


def fleet_verdict(host: str, failures: t.Sequence[t.Mapping[str, str]], runner: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Judge a host by what failed before and by what its cluster says of its nodes and runners."""
    found = [dict(failure) for failure in failures]
    nodes = list(runner.get("nodes", []))
    runners = list(runner.get("runners", []))
    offered = sum(int(node.get("gpu_allocatable") or 0) for node in nodes)
    if wanted.get("runner") and not found:
        found += [{"step": "Verify", "message": message} for message in complaints(runners, nodes, offered, int(wanted.get("gpus") or 0))]
    return {
        "host": host,
        "ok": not found,
        "failures": found,
        "simulated": bool(wanted.get("simulated")),
        "nodes": [{"name": node["name"], "ready": node["ready"]} for node in nodes],
        "gpus": {"found": int(wanted.get("gpus") or 0), "offered": offered},
        "runners": [{key: entry.get(key) for key in ("name", "namespace", "image", "replicas", "ready", "asked_state")} for entry in runners],
    }


def complaints(runners: t.Sequence[t.Mapping[str, t.Any]], nodes: t.Sequence[t.Mapping[str, t.Any]], offered: int, gpus: int) -> list[str]:
    """Everything that is wrong with a cluster that should run runners, each with what to look at."""
    wrong = [f"Node {node['name']} is not ready. Look at: kubectl describe node {node['name']}." for node in nodes if not node["ready"]]
    if offered < gpus:
        wrong.append(f"The host has {gpus} GPU(s), but its cluster offers {offered}. Look at the device plugin's pods.")
    if not runners:
        wrong.append("The cluster has no runner in the namespace that was asked. Run site.yml, or correct fleet_namespace.")
    for entry in runners:
        ready, replicas = int(entry.get("ready") or 0), int(entry.get("replicas") or 0)
        if ready < replicas:
            wrong.append(
                f"Runner {entry['namespace']}/{entry['name']} has {ready} of {replicas} pods ready. "
                f"Look at: kubectl -n {entry['namespace']} describe {entry.get('kind', 'Deployment').lower()} {entry.get('deployment', entry['name'])}."
            )
        if not entry.get("asked_state"):
            wrong.append(f"Runner {entry['namespace']}/{entry['name']} has no STATE. Write one: runner_state with state=Running.")
    return wrong


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"fleet_failure": fleet_failure, "fleet_verdict": fleet_verdict}
