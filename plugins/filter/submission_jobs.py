# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The submission helper's payloads as Jobs, and Jobs in the helper's words."""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.studioml.fleet.plugins.module_utils import _names

# Kubernetes reads $(NAME) and $$ in a command; a doubled $ is one.
_EXPANDED = re.compile(r"\$(?=[$(])")
MOST = 99999


def submission_jobs(payloads: t.Sequence[t.Any]) -> list[dict[str, t.Any]]:
    """One Job a payload, numbered in five digits."""
    if isinstance(payloads, str) or not isinstance(payloads, (list, tuple)):
        raise AnsibleFilterError(f"submission_jobs needs a list of payloads, but was given {type(payloads).__name__}. A single one is a list of one.")
    if len(payloads) > MOST:
        raise AnsibleFilterError(f"submission_jobs: {len(payloads)} payloads are more than five digits can count. Split them.")
    return [{"name": f"{number:05}", "args": [_EXPANDED.sub("$$", _text(payload, number))]} for number, payload in enumerate(payloads, 1)]


def submission_name(identifier: t.Any) -> str:
    """What all Jobs of one identifier are called, less the number."""
    return _names.shortened(f"shj-{identifier}", _names.LABEL - len("-00001"))


def submission_rows(jobs: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """One row a Job."""
    return sorted((_row(job) for job in jobs), key=lambda row: row["job"])


def _text(payload: t.Any, number: int) -> str:
    lines = [payload] if isinstance(payload, str) else payload
    if not isinstance(lines, (list, tuple)) or not all(isinstance(line, (str, int, float)) for line in lines):
        raise AnsibleFilterError(f"submission_jobs: payload {number} is neither text nor a list of lines.")
    text = "\n".join(map(str, lines))
    if not text.strip():
        raise AnsibleFilterError(f"submission_jobs: payload {number} is empty.")
    if "\0" in text:
        raise AnsibleFilterError(f"submission_jobs: payload {number} has a NUL character in it, which no command line can carry.")
    return text


def _row(job: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    pods = job.get("pods") or []
    return {
        "job": job["name"],
        "identifier": (job.get("labels") or {}).get("identifier", ""),
        "state": _state(job),
        "tries": int(job.get("failed") or 0),
        "exit_code": job.get("exit_code"),
        "started": job.get("start") or "",
        "ended": job.get("end") or "",
        "node": (pods[-1].get("node") or "") if pods else "",
        "reason": job.get("reason") or "",
    }


def _state(job: t.Mapping[str, t.Any]) -> str:
    if job.get("state") == "failed":
        return "failed"
    if job.get("state") == "complete":
        return "done"
    return "running" if job.get("active") else "undefined"


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"submission_jobs": submission_jobs, "submission_name": submission_name, "submission_rows": submission_rows}
