# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether runners read the state that is written for them, and how we know. Evidence that needs no request comes first."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _runner_log
from ansible_collections.studioml.fleet.plugins.module_utils._contract import RUNNER, state_of
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._pod_env import environment, hostname, runner_container
from ansible_collections.studioml.fleet.plugins.module_utils._runner_log import Heard

if t.TYPE_CHECKING:
    from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

Thing = t.Dict[str, t.Any]
Maps = t.Dict[str, Thing]

# On a Deployment, by whoever knows better than the image's tag does: which contract its runner keeps.
CONTRACT = "fleet.studioml.ai/contract"
ERAS = ("state", "queue_match", "none")
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
DEFAULT_NAMESPACE = "default"  # the runner's own default, whatever namespace its pod is in
ASK = f"Say which contract it keeps with the annotation {CONTRACT} ({', '.join(ERAS)}) on the Deployment, or let it log with LOGXI=*=INF."
ENFORCE = "enforce: broker or enforce: scale drains it all the same."

_VERSION = re.compile(r"(?:^|[^0-9.])v?([0-9]+)\.([0-9]+)(?:\.[0-9]+)?(?=$|[^0-9.])")
_FIRST, _LAST = (0, 9), (0, 14)


class Listening(t.NamedTuple):
    """C(listens) is None when nobody knows. C(effective) is the state of each pod by its own words, or empty. C(warnings): evidence that could not be had."""

    listens: bool | None
    era: str
    reason: str
    advice: str
    effective: dict[str, str]
    warnings: list[str]


class _Finding(t.NamedTuple):
    listens: bool | None
    reason: str
    advice: str = ""


def judge(
    api: Api,
    deployment: Thing,
    pods: list[Thing],
    maps: Maps,
    namespace: str,
    configmap: str,
    since: str = "",
    heard: dict[str, Heard] | None = None,
    may_ask: bool = True,
    mute: t.Collection[str] = (),
) -> Listening:
    """Judge the runners of one Deployment.

    :param pods: its pods.
    :param maps: the ConfigMaps of C(namespace), by name.
    :param namespace: where the state is written.
    :param configmap: the global map's name there.
    :param since: a time (RFC 3339) before which the runners' logs do not count.
    :param heard: what the pods' logs say, when the caller has read them (C(_runner_log.of_pod)); they are read here otherwise.
    :param may_ask: whether to ask the API server for the permissions of the runner's ServiceAccount, when nothing else has decided.
    :param mute: names of pods that have run for a while, and whose metrics nobody serves.
    """
    warnings: list[str] = []
    if heard is None:
        heard = listen(api, pods, since, warnings)
    effective = {pod["metadata"]["name"]: heard.get(pod["metadata"]["name"], Heard()).state for pod in pods}
    era = era_of(deployment)
    finding = _configured(deployment, pods, maps, namespace, configmap, heard) or _by_log(heard)
    if finding is None and any(effective.values()):
        era, finding = "state", _Finding(True, "Its log names the state that it follows.")
    if finding is None:
        finding = _by_era(deployment, era) or (_permission(api, deployment, namespace, warnings) if may_ask else None)
    if finding is None and era == "state" and any(pod["metadata"]["name"] in mute for pod in pods):
        finding = _Finding(None, "Its version reads STATE and has metrics, but nobody serves them: is it of the version that it says?", ASK)
    if finding is None and era == "state":
        finding = _Finding(True, "Its version reads STATE, and its settings let it.")
    if finding is None:
        image = _image(deployment) or "(none)"
        finding = _Finding(None, f"Nobody knows which contract it keeps: the tag of its image {image} has no version.", ASK)
    return Listening(finding.listens, era, finding.reason, finding.advice, effective, warnings)


def listen(api: Api, pods: list[Thing], since: str, warnings: list[str]) -> dict[str, Heard]:
    """Read the logs of the pods that run. One that cannot be read is a warning."""
    found = {}
    for pod in pods:
        name = pod["metadata"]["name"]
        if _runner_log.started(pod) is None:
            continue
        try:
            found[name] = _runner_log.of_pod(api, pod["metadata"]["namespace"], pod, since)
        except FleetError as error:
            warnings.append(f"The log of pod {name} cannot be read: {error.message}")
    return found


def era_of(deployment: Thing) -> str:
    """The contract by annotation, else by the version in the image's tag: C(state), C(queue_match), C(none) or C(unknown)."""
    said = ((deployment["metadata"].get("annotations") or {}).get(CONTRACT) or "").strip()
    if said in ERAS:
        return said
    tag = _image(deployment).partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = _VERSION.search(tag)
    if not found:
        return "unknown"
    version = (int(found.group(1)), int(found.group(2)))
    if version < _FIRST:
        return "unknown"
    return "state" if version <= _LAST else "none"


def _configured(deployment: Thing, pods: list[Thing], maps: Maps, namespace: str, configmap: str, heard: dict[str, Heard]) -> _Finding | None:
    """What the runner's own settings say against it."""
    spec = deployment["spec"]["template"]["spec"]
    container = runner_container(spec)
    values = environment(container, maps, {"metadata.namespace": deployment["metadata"]["namespace"]})
    watched = _setting(container, values, "k8s-namespace", DEFAULT_NAMESPACE)
    followed = _setting(container, values, "k8s-configmap", RUNNER)
    for variable, value in (("K8S_NAMESPACE", watched), ("K8S_CONFIGMAP", followed)):
        if value == "":
            return _Finding(False, f"Its {variable} is empty, with which a runner hangs at its start.", f"Give {variable} a value, or leave it out.")
    watched = next((one.watched for one in heard.values() if one.watched), watched)
    if watched != namespace:
        return _Finding(
            False,
            f"It reads its state in namespace {watched}, and the map is in {namespace}.",
            "Set K8S_NAMESPACE in its pod to metadata.namespace (runner_deploy does).",
        )
    own = [hostname(pod, maps) for pod in pods]
    if followed != configmap and not any(state_of(maps.get(name)) for name in own):
        return _Finding(
            False,
            f"It reads its state in map {followed}, and the state is in {configmap}.",
            f"Give configmap: {followed}, or set K8S_CONFIGMAP in its pod.",
        )
    if not any(state_of(maps.get(name)) for name in [followed, *own]):
        advice = f"Write one: runner_state with state=Running and configmap={followed}."
        return _Finding(False, f"Namespace {namespace} has no map {followed} with a STATE, and none for a node.", advice)
    if spec.get("automountServiceAccountToken") is False:
        return _Finding(
            False,
            "Its pod has no token for the API server (automountServiceAccountToken is false).",
            f"Set automountServiceAccountToken: true in the pod; until then {ENFORCE}",
        )
    return None


def _by_era(deployment: Thing, era: str) -> _Finding | None:
    if era not in ("queue_match", "none"):
        return None
    by = f"annotation {CONTRACT}" if (deployment["metadata"].get("annotations") or {}).get(CONTRACT) else f"tag of its image {_image(deployment)}"
    what = "reads QUEUE_MATCH and QUEUE_MISMATCH from its map, and not STATE" if era == "queue_match" else "reads no map"
    return _Finding(False, f"By the {by} it is of a version that {what}.", f"Only 0.9 to 0.14 read STATE; {ENFORCE}")


def _by_log(heard: dict[str, Heard]) -> _Finding | None:
    """What the runners' own words say against it."""
    for name, one in sorted(heard.items()):
        if one.offline:
            advice = f"Let its ServiceAccount watch configmaps (runner_deploy does), and restart it; until then {ENFORCE}"
            return _Finding(False, f"Pod {name} says that it cannot watch its maps ({one.offline}).", advice)
    quiet = sorted(name for name, one in heard.items() if one.silent)
    if not quiet:
        return None
    advice = f"Is it of a later version than 0.14, or was its permission to watch configmaps taken away? {ENFORCE}"
    return _Finding(False, f"Pod {quiet[0]} logs what it does, and has named no state since its start.", advice)


def _permission(api: Api, deployment: Thing, namespace: str, warnings: list[str]) -> _Finding | None:
    """Ask the API server whether the runner's ServiceAccount may watch the maps. Whoever may not ask, does not know."""
    home, account = deployment["metadata"]["namespace"], deployment["spec"]["template"]["spec"].get("serviceAccountName") or "default"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{home}", "system:authenticated"]
    wanted = {"namespace": namespace, "verb": "watch", "version": "v1", "resource": "configmaps"}
    spec = {"user": f"system:serviceaccount:{home}:{account}", "groups": groups, "resourceAttributes": wanted}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    try:
        answer = api.request("POST", REVIEWS, body=body)
    except FleetError as error:
        warnings.append(f"Whether ServiceAccount {account} may watch configmaps is not known: {error.message}")
        return None
    if (answer.get("status") or {}).get("allowed", True):
        return None
    return _Finding(
        False,
        f"Its ServiceAccount {home}/{account} may not watch configmaps in namespace {namespace}.",
        f"Grant it by a Role and RoleBinding (runner_deploy does), then restart it; until then {ENFORCE}",
    )


def _setting(container: Thing, values: dict[str, str], flag: str, otherwise: str) -> str:
    """A setting of the runner: the command line wins over the environment."""
    words = " ".join([*(container.get("command") or []), *(container.get("args") or [])])
    found = re.search(rf"(?:^|\s)--?{flag}(?:=|\s+)[\"']?([^\s\"']*)", words)
    if found:
        return found.group(1)
    return values.get(flag.upper().replace("-", "_"), otherwise)


def _image(deployment: Thing) -> str:
    return str(runner_container(deployment["spec"]["template"]["spec"]).get("image") or "")
