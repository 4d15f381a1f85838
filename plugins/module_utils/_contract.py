# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contract of a studio-go-runner (0.9 to 0.14): names, keys, exact words, and which of two maps wins. Pure functions, no I/O."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

STATES = ("Running", "DrainAndSuspend", "DrainAndTerminate")
STATE_KEY = "STATE"
RUNNER = "studioml-go-runner"
ENV_CONFIGMAP = "studioml-env"
ENV_SECRET = "studioml-env-secret"  # noqa: S105  the name of an object
SERVICE_ACCOUNT = "studioml-account"
# Set in the pod by this collection; the same name in a user's env would silently lose or break the state contract.
RESERVED_ENV = ("K8S_NAMESPACE", "K8S_CONFIGMAP", "HOSTNAME", "NODE_NAME")
# Annotation on a map, and its value on a node map: the version of the global map after which it was written again.
TOUCHED = "fleet.studioml.ai/written-after"
# People's tools: a state that somebody typed is taken over; a state that a controller keeps (Argo, Flux, Helm) is a conflict.
HAND_TOOLS = ("kubectl", "oc", "OpenAPI-Generator", "Mozilla", "python-requests", "curl", "Go-http-client", "unknown", "before-first-apply")

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def checked_name(name: str, option: str) -> str:
    """A name that Kubernetes accepts for a ConfigMap, a Deployment and the like."""
    if not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
        raise FleetError(
            f"{option}: {name!r} is not a valid name.", "Use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, 253 at most."
        )
    return name


def checked_namespace(name: str) -> str:
    """A name that Kubernetes accepts for a namespace."""
    if not _LABEL.fullmatch(name) or len(name) > 63:
        raise FleetError(
            f"namespace: {name!r} is not a valid name.", "Use lower-case letters, digits and '-', beginning and ending with a letter or digit, 63 at most."
        )
    return name


def checked_state(state: str) -> str:
    """One of the exact words: a runner takes anything else for Unknown and goes on taking work."""
    if state not in STATES:
        raise FleetError(f"state: {state!r} is not a state that the runner knows.", f"Use exactly one of {', '.join(STATES)} (the case matters).")
    return state


def node_map(configmap: str, node: str) -> str:
    """The map that steers the runner of one node, as runner_deploy sets HOSTNAME."""
    return checked_name(f"{configmap}-{node}", "nodes")


def wins(name: str, configmap: str) -> bool:
    """Whether a node map holds: after every start and every end of a watch the maps are read in the order of their names and the last one wins."""
    return name.encode() > configmap.encode()


def checked_maps(names: t.Iterable[str], configmap: str, losers: bool = False) -> list[str]:
    """Node maps in the order given, once each; one that would lose is refused unless C(losers) are welcome (to be dropped)."""
    unique = list(dict.fromkeys(checked_name(name, "map_names") for name in names))
    for name in unique:
        if name == configmap:
            raise FleetError(f"map_names: {name} is the global map.", "Use global: true for it.")
        if not losers and not wins(name, configmap):
            raise FleetError(
                f"map_names: {name} sorts before the global map {configmap}. A runner reads its maps in the order of their names whenever its watch is renewed "
                f"(within the hour) and the last one wins, so the state in {name} would silently be lost.",
                f"Use a name that sorts after it: runner_deploy sets the runner's HOSTNAME to {configmap}-<node>, and nodes: [<node>] writes that map.",
            )
    return unique


def state_of(configmap: dict[str, t.Any] | None) -> str | None:
    """The STATE in a ConfigMap; None without map or key."""
    return ((configmap or {}).get("data") or {}).get(STATE_KEY)


def typed_by_hand(manager: str) -> bool:
    """Whether the owner of a field is a tool that people use, and not a controller that would write it again."""
    return manager.split("/")[0].startswith(HAND_TOOLS)
