# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What M(studioml.fleet.runner_info) found at each host, as one report: a row for each runner, and the sums over all of them. Pure functions, no I/O."""

from __future__ import annotations

import datetime
import typing as t

Found = t.Mapping[str, t.Any]
Row = dict[str, t.Any]

# Words that a person should look into, worst first; the empty one is a host without a runner.
ATTENTION = ("unreachable", "not_listening", "")


def report(hosts: t.Sequence[Found], generated: str) -> dict[str, t.Any]:
    """The report.

    :param hosts: of each its C(host), what was C(found), its C(failures) (each with a C(message)), and whether it is C(simulated).
    :param generated: when they were looked at (RFC 3339).
    """
    entries = [_host(one, generated) for one in hosts]
    rows = [row for entry in entries for row in entry["rows"]]
    return {
        "generated": generated,
        "summary": _summary(entries, rows),
        "rows": rows,
        "hosts": [{key: value for key, value in entry.items() if key != "rows"} for entry in entries],
        "notes": [f"{row['host']}: {note}" for row in rows for note in row["notes"]],
    }


def _host(one: Found, generated: str) -> dict[str, t.Any]:
    found, failures = one.get("found") or {}, list(one.get("failures") or [])
    nodes = list(found.get("nodes") or [])
    base: Row = {
        "host": str(one["host"]),
        "cluster": str(found.get("cluster_id") or "")[:8],
        "server": str(found.get("server") or ""),
        "simulated": bool(one.get("simulated")),
        "gpus_used": _used(nodes),
        "gpus_total": sum(int(node.get("gpu_allocatable") or 0) for node in nodes),
    }
    base["gpus"] = gpus(base["gpus_used"], base["gpus_total"])
    about_nodes = _about_nodes(nodes)
    if failures:
        rows = [_without(base, "unreachable", [str(failure.get("message") or "") for failure in failures])]
    else:
        rows = [_row(base, runner, about_nodes, generated) for runner in found.get("runners") or []]
        rows = rows or [_without(base, "", ["no runner in its namespace", *about_nodes])]
    return {
        **{key: base[key] for key in ("host", "server", "simulated", "gpus_used", "gpus_total")},
        "cluster_id": str(found.get("cluster_id") or ""),
        "namespace": str(found.get("namespace") or ""),
        "version": str(found.get("version") or ""),
        "nodes": nodes,
        "runners": list(found.get("runners") or []),
        "failures": failures,
        "warnings": list(found.get("warnings") or []),
        "rows": rows,
    }


def _row(base: Row, runner: Found, about_nodes: list[str], generated: str) -> Row:
    pods = list(runner.get("pods") or [])
    since = max([str(pod.get("asked_since") or "") for pod in pods] or [str(runner.get("asked_since") or "")])
    asked = sorted({str(pod.get("asked_state") or "") for pod in pods}) or [str(runner.get("asked_state") or "")]
    return {
        **base,
        "runner": f"{runner['namespace']}/{runner['name']}",
        "deployment": runner.get("deployment") or "",
        "asked": ", ".join(filter(None, asked)),
        "effective": runner.get("effective_state") or "",
        "verdict": runner.get("verdict") or "asked",
        "reason": runner.get("verdict_reason") or "",
        "advice": runner.get("listens_advice") or "",
        "ready": int(runner.get("ready") or 0),
        "replicas": int(runner.get("replicas") or 0),
        "pods": f"{int(runner.get('ready') or 0)}/{int(runner.get('replicas') or 0)}",
        "pod_names": [str(pod["name"]) for pod in pods],
        "running": runner.get("running"),
        "experiments": list(runner.get("experiments") or []),
        "enforced": list(runner.get("enforced") or []),
        "image": str(runner.get("image") or "").rpartition("/")[2],
        "image_reference": runner.get("image") or "",
        "since": short_age(since, generated),
        "asked_since": since,
        "notes": _notes(runner, pods) + about_nodes,
    }


def _without(base: Row, verdict: str, notes: list[str]) -> Row:
    """The row of a host that has no runner to show."""
    empty: Row = dict.fromkeys(("runner", "deployment", "asked", "effective", "advice", "pods", "image", "image_reference", "since", "asked_since"), "")
    numbers: Row = {"ready": 0, "replicas": 0, "running": None, "pod_names": [], "experiments": [], "enforced": []}
    return {**base, **empty, **numbers, "verdict": verdict, "reason": notes[0], "notes": notes}


def _notes(runner: Found, pods: list[Found]) -> list[str]:
    notes = []
    if runner.get("verdict") in ("not_listening", "busy", "asked"):
        notes.append(str(runner.get("verdict_reason") or ""))
    if runner.get("listens") is False:
        notes.append(" ".join(filter(None, [runner.get("listens_reason"), runner.get("listens_advice")])))
    if runner.get("restarted_since_asked"):
        notes.append(f"{runner['restarted_since_asked']} pod(s) started after they were asked to drain, and take work before they have read their state.")
    for queue in runner.get("queues") or []:
        if queue.get("poisoned"):
            notes.append(f"Queue {queue['name']} holds a message that came back {queue.get('redelivered')} times: one that fails is taken again, for ever.")
    losing = [str(pod["node_map"]) for pod in pods if pod.get("holds") is False]
    if losing:
        notes.append(f"The state in {', '.join(losing)} does not hold: the map's name sorts before that of the global map.")
    return notes


def _about_nodes(nodes: list[Found]) -> list[str]:
    notes = [f"node {node['name']} is not ready" for node in nodes if not node.get("ready")]
    return notes + [f"node {node['name']} is cordoned" for node in nodes if node.get("schedulable") is False]


def _summary(entries: list[dict[str, t.Any]], rows: list[Row]) -> dict[str, t.Any]:
    """The sums. Hosts of one cluster may show the same nodes and pods, which count once."""
    nodes, pods = {}, {}
    for entry in entries:
        place = entry["cluster_id"] or entry["host"]
        nodes.update({(place, node["name"]): node for node in entry["nodes"]})
        for runner in entry["runners"]:
            pods.update({(place, runner["namespace"], pod["name"]): pod for pod in runner.get("pods") or []})
    verdicts: dict[str, int] = {}
    asked: dict[str, int] = {}
    for row in rows:
        verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0) + 1
        asked[row["asked"]] = asked.get(row["asked"], 0) + 1
    return {
        "hosts": len(entries),
        "clusters": len({entry["cluster_id"] for entry in entries if entry["cluster_id"]}),
        "runners": sum(bool(row["runner"]) for row in rows),
        "gpus_used": _used(list(nodes.values())),
        "gpus_total": sum(int(node.get("gpu_allocatable") or 0) for node in nodes.values()),
        "experiments": sum(int(pod.get("running") or 0) for pod in pods.values()),
        "draining": sum(row["asked"].startswith("Drain") for row in rows),
        "attention": sum(verdicts.get(word, 0) for word in ATTENTION),
        "verdicts": verdicts,
        "asked": asked,
        "simulated": [entry["host"] for entry in entries if entry["simulated"]],
    }


def _used(nodes: list[Found]) -> int | None:
    """GPUs that pods have; None when a node with GPUs does not say."""
    silent = any(node.get("gpu_allocated") is None and node.get("gpu_allocatable") for node in nodes)
    return None if silent else sum(int(node.get("gpu_allocated") or 0) for node in nodes)


def gpus(used: int | None, total: int) -> str:
    """Used and total as a person reads it."""
    if not total:
        return ""
    return f"{'?' if used is None else used}/{total}"


def age(since: str, now: str) -> str:
    """How long ago something was, in the two largest units."""
    try:
        seconds = int((_moment(now) - _moment(since)).total_seconds())
    except ValueError:
        return ""
    if seconds < 60:
        return f"{max(0, seconds)} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def short_age(since: str, now: str) -> str:
    """The same in one word, for a table whose lines must not be broken: 42m, 2h15m, 3d4h."""
    words = age(since, now).replace("min", "m")
    return "".join(words.split())


def _moment(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)
