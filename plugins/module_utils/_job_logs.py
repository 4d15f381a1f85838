# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The logs of Jobs and pods that are there: read, or followed to their end, into a file, the terminal and the result."""

from __future__ import annotations

import filecmp
import os
import re
import tempfile
import threading
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_lines import JobLines, Report
from ansible_collections.studioml.fleet.plugins.module_utils._kinds import path
from ansible_collections.studioml.fleet.plugins.module_utils._names import dns_label, dns_name
from ansible_collections.studioml.fleet.plugins.module_utils._pod_log import PodLog
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Params = t.Dict[str, t.Any]
Thing = t.Dict[str, t.Any]

# Pods that are read or followed side by side.
MOST = 16
_AGO = re.compile(r"(\d+)([smhd]?)$")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$")


def since_of(text: str | None) -> str:
    """A time as it was given, or the seconds of a length of time."""
    if not text:
        return ""
    ago = _AGO.match(text)
    if ago and int(ago.group(1)) > 0:
        return str(int(ago.group(1)) * _SECONDS[ago.group(2)])
    if not _TIME.match(text):
        raise FleetError(f"since: {text!r} is neither a length of time nor a time.", "Give one such as 10m or 2h, or 2026-01-20T10:00:00Z.")
    return text


def read(api: Api, params: Params, namespace: str, check: bool, report: Report = None, label: str = "") -> Thing:
    """What the module does at one target."""
    given = [option for option in ("name", "selector", "pod") if params[option]]
    if len(given) != 1:
        raise FleetError(f"One of name, selector and pod says whose log is meant; given: {' and '.join(given) or 'none'}.", "Give one of them.")
    if params["lines"] < 0 or params["timeout"] <= 0:
        raise FleetError("lines and timeout are numbers that are not negative.", "Correct them.")
    since, follow = since_of(params["since"]), params["follow"] and not check
    if params["name"] and follow and not params["previous"] and not params["container"]:
        return _followed_job(api, params, namespace, since, report, label)
    pods = _pods(api, params, namespace)
    return _read(api, params, namespace, pods, since, follow, check, report, label)


def _followed_job(api: Api, params: Params, namespace: str, since: str, report: Report, label: str) -> Thing:
    """Also the pods that a Job makes from now on, to its end."""
    from ansible_collections.studioml.fleet.plugins.module_utils._job_wait import to_end

    name = dns_label(params["name"], "name")
    with _File(params["dest"], False) as file:
        found = to_end(
            api,
            namespace,
            name,
            timeout=params["timeout"],
            report=report,
            follow=True,
            log_file=file.place,
            log_lines=params["lines"],
            label=label,
            schedule=params["timeout"],
            image_pull=params["timeout"],
            since=since,
            tail=params["lines"] if not since and not params["dest"] else None,
        )
        changed = file.keep()
    newest = found["state"]["pods"][-1]["name"] if found["state"]["pods"] else ""
    logs = [_entry(newest, "", found["log"], "")] if newest else []
    waits = {"warnings": [f"{found['message']} {found['hint']}"]} if found["cause"] and found["state"]["state"] != "failed" else {}
    return {"changed": changed, "namespace": namespace, "job": found["state"], "logs": logs, **waits}


def _pods(api: Api, params: Params, namespace: str) -> list[Thing]:
    if params["pod"]:
        pod = api.find(path("Pod", namespace, dns_name(params["pod"], "pod")), namespace)
        if pod is None:
            raise FleetError(f"Pod {params['pod']} is not in namespace {namespace}.", "Correct pod or namespace; kubectl get pods lists what there is.")
        return [pod]
    selector = params["selector"] or f"job-name={dns_label(params['name'], 'name')}"
    found = api.request("GET", path("Pod", namespace), {"labelSelector": selector}, namespace=namespace).get("items") or []
    if not found and params["name"] and api.find(path("Job", namespace, params["name"]), namespace) is None:
        raise FleetError(f"Job {params['name']} is not in namespace {namespace}.", "Correct name or namespace; keep and ttl remove one at its end.")
    return sorted(found, key=lambda pod: (str(pod["metadata"].get("creationTimestamp") or ""), pod["metadata"]["name"]))


def _read(
    api: Api, params: Params, namespace: str, pods: list[Thing], since: str, follow: bool, check: bool, report: Report, label: str
) -> Thing:
    deadline, several = time.monotonic() + params["timeout"], len(pods) > 1
    with _File(params["dest"], check) as file:
        lines = JobLines(label or params["name"] or params["pod"] or params["selector"], report, follow, file.place, params["lines"])
        tail = params["lines"] if not since and not params["dest"] else None

        def one(pod: Thing, entry: Thing) -> None:
            container = params["container"] or pod["spec"]["containers"][0]["name"]
            name = pod["metadata"]["name"]
            place = lines.of(name, several)
            log = PodLog(api, namespace, name, container, _runs(pod, container), since)
            try:
                if follow:
                    log.follow(place.sink, deadline, place.flush, tail)
                else:
                    log.read(place.sink, deadline, place.flush, tail, params["previous"])
                place.flush()
                entry.update(_entry(name, container, lines.last(name), ""))
            except FleetError as error:
                entry.update(_entry(name, container, lines.last(name), error.message))

        try:
            entries = _side_by_side(pods, one) if follow else _one_by_one(pods, one)
        finally:
            lines.close()
        if entries and all(entry["error"] for entry in entries):
            raise FleetError(f"No log could be read: {entries[0]['error']}", "A container that has not begun has none; job_info tells why it waits.")
        changed = file.keep()
    return {"changed": changed, "namespace": namespace, "logs": entries}


def _one_by_one(pods: list[Thing], work: t.Callable[[Thing, Thing], None]) -> list[Thing]:
    """In the order of their start, so that a file has one after the other."""
    entries: list[Thing] = [{} for _pod in pods]
    for pod, entry in zip(pods, entries):
        work(pod, entry)
    return entries


def _side_by_side(pods: list[Thing], work: t.Callable[[Thing, Thing], None]) -> list[Thing]:
    if len(pods) > MOST:
        raise FleetError(f"{len(pods)} pods are too many to be followed at once.", f"Choose up to {MOST} of them by name, selector or pod.")
    entries: list[Thing] = [{} for _pod in pods]
    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in zip(pods, entries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return entries


def _runs(pod: Thing, container: str) -> int:
    for one in (pod.get("status") or {}).get("containerStatuses") or []:
        if one.get("name") == container:
            return int(one.get("restartCount", 0))
    return 0


def _entry(pod: str, container: str, lines: list[str], error: str) -> Thing:
    return {"pod": pod, "container": container, "lines": lines, "error": error}


class _File:
    """Where a whole log goes: beside its place first, so that a log that breaks off replaces nothing. In check mode it is only compared."""

    def __init__(self, dest: str | None, check: bool) -> None:
        self.dest = os.path.abspath(os.path.expanduser(dest)) if dest else ""
        self.place, self._check = "", check

    def __enter__(self) -> _File:
        if self.dest:
            try:
                descriptor, self.place = tempfile.mkstemp(prefix=f".{os.path.basename(self.dest)}-", dir=None if self._check else os.path.dirname(self.dest))
                os.close(descriptor)
            except OSError as error:
                raise FleetError(f"dest: {self.dest} cannot be written: {error.strerror}.", "Give a path in a folder that is there and yours.") from None
        return self

    def keep(self) -> bool:
        """Put it in place; whether it is another one than before."""
        if not self.dest:
            return False
        same = os.path.isfile(self.dest) and filecmp.cmp(self.place, self.dest, shallow=False)
        if not same and not self._check:
            os.replace(self.place, self.dest)
        return not same

    def __exit__(self, *_error: object) -> None:
        if self.place and os.path.exists(self.place):
            os.unlink(self.place)
