# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job whose results can be copied out: a second container holds the folder after the program has ended. Pure functions, no I/O."""

from __future__ import annotations

import copy
import posixpath
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

Thing = t.Dict[str, t.Any]

CONTAINER = VOLUME = "artefacts"
# It waits to be told that all is copied (a signal), and goes by itself when nobody comes.
SCRIPT = 'trap "exit 0" TERM INT; left=$1; while [ "$left" -gt 0 ]; do sleep 1 & wait $!; left=$((left - 1)); done; exit 0'
RELEASE = ["sh", "-c", "kill -TERM 1"]
RESOURCES = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


def with_artefacts(job: Thing, path: str, image: str = "", keep_for: int = 3600) -> Thing:
    """The same Job with an empty folder at C(path), which stays until it is copied, or for so many seconds after the pod's start."""
    if not posixpath.isabs(path) or posixpath.normpath(path) in ("/", "//"):
        raise FleetError(f"artefacts.path: {path!r} is no folder of the container.", "Give an absolute path, to which the program writes its results.")
    if keep_for < 1:
        raise FleetError(f"artefacts.keep_for: {keep_for} is no time to wait.", "Give a number of seconds above 0.")
    made = copy.deepcopy(job)
    pod = made["spec"]["template"]["spec"]
    main = pod["containers"][0]
    if any(posixpath.normpath(mount["mountPath"]) == posixpath.normpath(path) for mount in main.get("volumeMounts") or []):
        raise FleetError(f"artefacts.path: {path} is mounted already.", "Give another path, or take it out of claims and mounts.")
    mount = {"name": VOLUME, "mountPath": posixpath.normpath(path)}
    main.setdefault("volumeMounts", []).append(mount)
    pod.setdefault("volumes", []).append({"name": VOLUME, "emptyDir": {}})
    holder = {
        "name": CONTAINER,
        "image": image or main["image"],
        "command": ["sh", "-c", SCRIPT, "sh", str(keep_for)],
        "resources": RESOURCES,
        "volumeMounts": [{**mount}],
    }
    for key in ("imagePullPolicy", "securityContext"):
        if main.get(key):
            holder[key] = copy.deepcopy(main[key])
    pod["containers"].append(holder)
    # kubectl logs and kubectl exec mean the program
    made["spec"]["template"].setdefault("metadata", {}).setdefault("annotations", {})["kubectl.kubernetes.io/default-container"] = main["name"]
    return made


def holder_is_to_come(pod: Thing) -> bool:
    """Whether the container that holds the results has not begun, and still may."""
    holder = _states(pod).get(CONTAINER) or {}
    over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or pod["metadata"].get("deletionTimestamp")
    return not over and not holder.get("running") and not holder.get("terminated")


def main_has_ended(pod: Thing, container: str) -> bool:
    """Whether the program is over while its results are still held."""
    states = _states(pod)
    return bool((states.get(container) or {}).get("terminated")) and bool((states.get(CONTAINER) or {}).get("running"))


def _states(pod: Thing) -> dict[str, Thing]:
    return {one.get("name"): one.get("state") or {} for one in (pod.get("status") or {}).get("containerStatuses") or []}
