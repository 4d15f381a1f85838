# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does a runner read its state? Each piece of evidence on a real API server; logs and metrics come through it, from a kubelet and a pod of the test."""

from __future__ import annotations

import pathlib
import typing as t

import hands
import pytest
from beats import call
from certificates import Authority
from control_plane import ControlPlane
from faults import FaultServer, answer
from metrics_server import MetricsServer

from ansible_collections.studioml.fleet.plugins.module_utils import _listening, _metrics
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._contract import RUNNER
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.module_utils._state import read_maps
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy

pytestmark = pytest.mark.apiserver
DEPLOYMENT = "studioml-go-runner-deployment"
IMAGE = "hub:5000/runner:0.14.2"
OLD = "2026-01-20T10:00:00.000000000Z"


@pytest.fixture
def api(kubeconfig: pathlib.Path) -> t.Iterator[Api]:
    api = Api(load(str(kubeconfig)), request_timeout=60)
    yield api
    api.close()


@pytest.fixture
def deployment(admin: Api, kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    """A runner as runner_deploy makes it; nobody runs its pods."""
    call(runner_deploy, kubeconfig=str(kubeconfig), namespace=namespace, image=IMAGE, wait=False)
    return hands.read(admin, namespace, "deployments", DEPLOYMENT, "/apis/apps/v1")


@pytest.fixture
def kubelet(admin: Api, tmp_path: pathlib.Path) -> t.Iterator[FaultServer]:
    """What the API server asks for logs, on a node of its name."""
    server = FaultServer(tmp_path, Authority("kubelet").server(["127.0.0.1"]))
    hands.node(admin, "listening-node", server)
    yield server
    admin.request("DELETE", "/api/v1/nodes/listening-node")
    server.stop()


def pod_of(admin: Api, namespace: str, deployment: dict[str, t.Any], started: str = OLD, address: str = "") -> dict[str, t.Any]:
    """A pod of the Deployment that runs, as the API server tells of it."""
    template = deployment["spec"]["template"]
    body = {"metadata": {"name": "pod-1", "labels": template["metadata"]["labels"]}, "spec": {**template["spec"], "nodeName": "listening-node"}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body=body)
    status = hands.running()
    status["containerStatuses"][0]["state"] = {"running": {"startedAt": started.replace(".000000000", "")}}
    if address:
        status.update(podIP=address, podIPs=[{"ip": address}])
    hands.report(admin, namespace, "pod-1", status)
    return hands.read(admin, namespace, "pods", "pod-1")


def judge(api: Api, namespace: str, deployment: dict[str, t.Any], *pods: dict[str, t.Any], configmap: str = RUNNER) -> _listening.Listening:
    return _listening.judge(api, deployment, list(pods), read_maps(api, namespace), namespace, configmap)


def changed(deployment: dict[str, t.Any], **env: str | None) -> dict[str, t.Any]:
    """The same Deployment with other variables in its pod."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    kept = [one for one in container["env"] if one["name"] not in env]
    container["env"] = kept + [{"name": name, "value": value} for name, value in env.items() if value is not None]
    return deployment


def test_a_runner_of_ours_listens(api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    found = judge(api, namespace, deployment)
    assert found == _listening.Listening(True, "state", "Its version reads STATE, and its settings let it.", "", {}, [])


@pytest.mark.parametrize(
    ("image", "era", "listens"),
    [
        ("leafai/studio-go-runner:0.9.27-feature", "state", True),
        ("hub:5000/r:v0.14.3", "state", True),
        ("hub:5000/r:0.14.3-stand-in@sha256:1234", "state", True),
        ("hub:5000/r:0.15.0", "none", False),
        ("hub:5000/r:1.0", "none", False),
        ("hub:5000/r:0.8.1", "unknown", None),
        ("hub:5000/r:latest", "unknown", None),
        ("hub:5000/r@sha256:0914", "unknown", None),
        ("hub:5000/r", "unknown", None),
    ],
)
def test_the_version_in_the_tag(api: Api, namespace: str, deployment: dict[str, t.Any], image: str, era: str, listens: bool | None) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
    found = judge(api, namespace, deployment)
    assert (found.era, found.listens) == (era, listens)
    if listens is False:
        assert found.reason == f"By the tag of its image {image} it is of a version that reads no map."
        assert found.advice == "Only 0.9 to 0.14 read STATE; enforce: broker or enforce: scale drains it all the same."
    if listens is None:
        assert "has no version" in found.reason and "annotation fleet.studioml.ai/contract" in found.advice


@pytest.mark.parametrize(
    ("contract", "image", "listens", "words"),
    [
        ("state", "hub:5000/r:latest", True, "Its version reads STATE"),
        ("queue_match", IMAGE, False, "By the annotation fleet.studioml.ai/contract it is of a version that reads QUEUE_MATCH and QUEUE_MISMATCH"),
        ("none", IMAGE, False, "reads no map"),
        ("misspelt", IMAGE, True, "Its version reads STATE"),
    ],
)
def test_the_annotation_knows_better(api: Api, namespace: str, deployment: dict[str, t.Any], contract: str, image: str, listens: bool, words: str) -> None:
    deployment["metadata"].setdefault("annotations", {})[_listening.CONTRACT] = contract
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
    found = judge(api, namespace, deployment)
    assert found.listens is listens and words in found.reason


def test_another_namespace_than_the_map_is_in(api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    found = judge(api, namespace, changed(deployment, K8S_NAMESPACE=None))
    assert found.listens is False
    assert found.reason == f"It reads its state in namespace default, and the map is in {namespace}."
    assert "Set K8S_NAMESPACE in its pod to metadata.namespace" in found.advice
    deployment["spec"]["template"]["spec"]["containers"][0]["args"] = [f"--k8s-namespace={namespace}"]
    assert judge(api, namespace, deployment).listens is True, "the command line wins"


def test_settings_of_a_map_of_the_environment(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    hands.configmap(admin, namespace, "more", {"K8S_NAMESPACE": "elsewhere"})
    changed(deployment, K8S_NAMESPACE=None)
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"].append({"configMapRef": {"name": "more"}})
    assert "It reads its state in namespace elsewhere" in judge(api, namespace, deployment).reason


def test_another_map_and_an_empty_name(api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    found = judge(api, namespace, changed(deployment, K8S_CONFIGMAP="other"))
    assert found.listens is False and found.reason == "It reads its state in map other, and the state is in studioml-go-runner."
    found = judge(api, namespace, changed(deployment, K8S_CONFIGMAP=""))
    assert found.listens is False and found.reason == "Its K8S_CONFIGMAP is empty, with which a runner hangs at its start."


def test_no_map(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/{RUNNER}")
    found = judge(api, namespace, deployment)
    assert found.listens is False and found.reason == f"Namespace {namespace} has no map {RUNNER} with a STATE, and none for a node."
    assert found.advice == f"Write one: runner_state with state=Running and configmap={RUNNER}."


def test_no_token(api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] = False
    found = judge(api, namespace, deployment)
    assert found.listens is False and "automountServiceAccountToken is false" in found.reason


def test_a_permission_that_is_missing(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    admin.request("DELETE", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/studioml-role-bind")
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["watch"]}]
    hands.await_rights(admin, f"system:serviceaccount:{namespace}:studioml-account", rules, namespace, allowed=False)
    found = judge(api, namespace, deployment)
    assert found.listens is False
    assert found.reason == f"Its ServiceAccount {namespace}/studioml-account may not watch configmaps in namespace {namespace}."
    assert "Grant it by a Role and RoleBinding" in found.advice


def test_who_may_not_ask_about_permissions_is_warned(control_plane: ControlPlane, admin: Api, namespace: str, deployment: dict[str, t.Any]) -> None:
    hands.grant(admin, namespace, "looker", ["get", "list"], [""], ["configmaps"])
    limited = Api(load(str(control_plane.kubeconfig("looker", "looker", []))))
    found = judge(limited, namespace, deployment)
    limited.close()
    assert found.listens is True
    assert len(found.warnings) == 1 and "Whether ServiceAccount studioml-account may watch configmaps is not known" in found.warnings[0]


@pytest.mark.parametrize(
    ("log", "listens", "state", "words"),
    [
        ("INF runner k8s state is Runningstack[cluster.go:93]", True, "Running", "Its log names the state that it follows."),
        ("INF runner queue found", False, "", "Pod pod-1 logs what it does, and has named no state since its start."),
        ("k8s watcher starting in namespace default", False, "", "It reads its state in namespace default"),
        ("WRN runner k8s monitoring offline error: 403", False, "", "Pod pod-1 says that it cannot watch its maps (k8s monitoring offline error: 403)."),
        ("ERR runner nothing much", True, "", "Its version reads STATE"),
    ],
)
def test_the_log_of_the_runner(
    admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any], kubelet: FaultServer, log: str, listens: bool, state: str, words: str
) -> None:
    kubelet.behaviours = [answer(f"{OLD} {log}\n".encode())]
    found = judge(api, namespace, deployment, pod_of(admin, namespace, deployment))
    assert (found.listens, found.effective, found.warnings) == (listens, {"pod-1": state}, [])
    assert words in found.reason
    assert "timestamps=true" in kubelet.requests[-1].url and "tailLines=4000" in kubelet.requests[-1].url


def test_the_log_knows_better_than_the_tag(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any], kubelet: FaultServer) -> None:
    kubelet.behaviours = [answer(f"{OLD} INF runner k8s state is DrainAndSuspendstack[cluster.go:93]\n".encode())]
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "hub:5000/r:latest"
    found = judge(api, namespace, deployment, pod_of(admin, namespace, deployment))
    assert (found.listens, found.era, found.effective) == (True, "state", {"pod-1": "DrainAndSuspend"})


def test_a_log_that_cannot_be_read_is_a_warning(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any], kubelet: FaultServer) -> None:
    kubelet.behaviours = [answer(b"the disk is full", 500)]
    found = judge(api, namespace, deployment, pod_of(admin, namespace, deployment))
    assert found.listens is True and found.effective == {"pod-1": ""}
    assert len(found.warnings) == 1 and found.warnings[0].startswith("The log of pod pod-1 cannot be read: ")


def test_a_version_that_should_have_metrics_and_has_none(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any], kubelet: FaultServer) -> None:
    kubelet.behaviours = [answer(f"{OLD} ERR runner nothing\n".encode())]
    pod = pod_of(admin, namespace, deployment)
    maps = read_maps(api, namespace)
    found = _listening.judge(api, deployment, [pod], maps, namespace, RUNNER, mute={"pod-1"})
    assert found.listens is None and "nobody serves them" in found.reason and "annotation fleet.studioml.ai/contract" in found.advice
    assert _listening.judge(api, deployment, [pod], maps, namespace, RUNNER, mute={"another"}).listens is True


def test_metrics_through_the_pod_proxy(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any], kubelet: FaultServer) -> None:
    with MetricsServer('runner_project_running{project="p",experiment="e",queue_name="amqp://h/%2f?rmq_x"} 1\n') as server:
        pod_of(admin, namespace, deployment, address=server.address)
        found = _metrics.of_pod(api, namespace, "pod-1", server.port)
        assert (found.running, found.experiments) == (1, [{"project": "p", "experiment": "e", "queue": "rmq_x"}])
        server.text = "<html>\n"
        with pytest.raises(FleetError, match=r"Pod pod-1 in namespace .* is not Prometheus' text format"):
            _metrics.of_pod(api, namespace, "pod-1", server.port)


def test_metrics_that_nobody_serves(admin: Api, api: Api, namespace: str, deployment: dict[str, t.Any], kubelet: FaultServer) -> None:
    with MetricsServer("") as server:
        address, port = server.address, server.port
    pod_of(admin, namespace, deployment, address=address)
    with pytest.raises(_metrics.Mute, match=r"Pod pod-1 .* does not answer at port .* \(its metrics\): .*connection refused.*Later ones have no metrics"):
        _metrics.of_pod(api, namespace, "pod-1", port)
    with pytest.raises(ApiError, match='pods "pod-2" not found'):
        _metrics.of_pod(api, namespace, "pod-2", port)
