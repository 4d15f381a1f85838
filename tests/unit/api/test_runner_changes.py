# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New versions of a runner with the real controllers: a drain before, a way back after, each kind's rollout. Scheduler, kubelet and metrics are stand-ins."""

from __future__ import annotations

import pathlib
import time
import typing as t

import hands
import pytest
from beats import Result, call
from control_plane import ControlPlane
from metrics_server import MetricsServer

from ansible_collections.studioml.fleet.plugins.module_utils import _causes, _deploy, _former, _ownership, _wait, _workload
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_info, runner_state

pytestmark = pytest.mark.apiserver
RUNNER = "studioml-go-runner"
DEPLOYMENT = f"{RUNNER}-deployment"
IDLE = "runner_queue_checked 1\n"
BUSY = 'runner_project_running{host="h",queue_type="rmq",queue_name="q",project="p",experiment="long"} 1\n'
GOOD, BAD = "hub:5000/leafai/studio-go-runner:0.14.1", "hub:5000/leafai/studio-go-runner:bad"
NEW = "hub:5000/leafai/studio-go-runner:0.14.2"


@pytest.fixture(scope="module", autouse=True)
def controllers(control_plane: ControlPlane) -> t.Iterator[None]:
    control_plane.start_controllers()
    yield
    control_plane.stop_program("kube-controller-manager")


@pytest.fixture(scope="module")
def worker(admin: Api) -> t.Iterator[str]:
    hands.node(admin, "changer")
    admin.request("PATCH", "/api/v1/nodes/changer", body={"spec": {"taints": None}}, content_type=hands.MERGE)
    yield "changer"
    admin.request("DELETE", "/api/v1/nodes/changer")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_causes, "SHORT_GRACE", 0.5)
    monkeypatch.setattr(_workload, "MIN_READY_SECONDS", 1)


@pytest.fixture
def metrics() -> t.Iterator[MetricsServer]:
    with MetricsServer(IDLE) as server:
        yield server


@pytest.fixture
def given(admin: Api, kubeconfig: pathlib.Path, namespace: str, metrics: MetricsServer) -> dict[str, t.Any]:
    return {
        "kubeconfig": str(kubeconfig),
        "namespace": namespace,
        "image": GOOD,
        "env": {"PROM_ADDRESS": f":{metrics.port}"},
        "gpus": 1,
        "wait_timeout": 120,
        "drain_timeout": 120,
    }


class Kubelet(hands.Kubelet):
    """Pods of the bad image crash, all others run and serve metrics."""

    def __init__(self, admin: Api, namespace: str, node: str, address: str) -> None:
        super().__init__(admin, namespace, node_name=node)
        self.address = address

    def _serve(self, pod: dict[str, t.Any]) -> None:
        bad = pod["spec"]["containers"][0]["image"] == BAD
        status = hands.waiting("CrashLoopBackOff", restarts=3) if bad else {**hands.running(), "podIP": self.address, "podIPs": [{"ip": self.address}]}
        self.statuses = (status,)
        super()._serve(pod)


@pytest.fixture
def kubelet(admin: Api, namespace: str, worker: str, metrics: MetricsServer) -> t.Iterator[Kubelet]:
    with Kubelet(admin, namespace, worker, metrics.address) as running:
        yield running


def live(admin: Api, namespace: str, name: str = DEPLOYMENT) -> Result:
    return hands.read(admin, namespace, "deployments", name, "/apis/apps/v1")


def image(admin: Api, namespace: str) -> str:
    return str(live(admin, namespace)["spec"]["template"]["spec"]["containers"][0]["image"])


def state(admin: Api, namespace: str, name: str = RUNNER) -> str:
    return str(hands.read(admin, namespace, "configmaps", name)["data"]["STATE"])


def untouched(admin: Api, namespace: str, replicas: int = 1) -> None:
    """Nothing is left of a drain."""
    there = live(admin, namespace)
    assert there["spec"]["replicas"] == replicas and _ownership.remembered_replicas(there) is None
    assert not _ownership.annotation(there, _deploy.DRAINED) and state(admin, namespace) == "Running"


def test_a_new_version_waits_for_the_work_and_comes_back(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet) -> None:
    call(runner_deploy, **given)
    wanted = {**given, "image": NEW, "drain_first": True}
    predicted = call(runner_deploy, check=True, **wanted)
    lines: list[str] = []
    made = runner_deploy.perform({**_validated(wanted)}, False, lines.append)
    assert predicted["diff"] == made["diff"] and made["changed"] and made["rollout"]["ready"]
    assert made["drain"]["verdict"] == "quiet" and [one["step"] for one in made["drain"]["enforced"]] == ["scale"]
    assert image(admin, namespace) == NEW
    untouched(admin, namespace)
    again = call(runner_deploy, **wanted)
    assert not again["changed"] and "drain" not in again, again["diff"]


def _validated(options: dict[str, t.Any]) -> dict[str, t.Any]:
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    return dict(ArgumentSpecValidator(runner_deploy.ARGUMENTS).validate(options).validated_parameters)


def test_more_pods_with_a_new_version(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet) -> None:
    call(runner_deploy, **given)
    made = call(runner_deploy, **{**given, "image": NEW, "drain_first": True, "replicas": 2})
    assert made["rollout"]["ready"]
    untouched(admin, namespace, 2)
    assert not call(runner_deploy, **{**given, "image": NEW, "replicas": 2})["changed"]


def test_a_last_look_that_takes_longer_than_is_left_says_what_it_is_busy_with(
    given: dict[str, t.Any], kubelet: Kubelet, metrics: MetricsServer
) -> None:
    """Looks of 2 s, and one of them begins when less than that is left: a pause at that moment is no silence."""
    call(runner_deploy, **given)
    metrics.text, metrics.pause = BUSY, 2.0
    with pytest.raises(FleetError, match=r"Nothing was deployed, and the runner is to run as before.*1 experiment \(long\)"):
        call(runner_deploy, **{**given, "image": NEW, "drain_first": True, "drain_timeout": 3})


def test_one_that_does_not_get_quiet_is_left_as_it_was(
    admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet, metrics: MetricsServer, unhurried: None
) -> None:
    call(runner_deploy, **given)
    metrics.text = BUSY
    with pytest.raises(FleetError, match=r"Nothing was deployed, and the runner is to run as before.*1 experiment \(long\)"):
        call(runner_deploy, **{**given, "image": NEW, "env": {**given["env"], "MAX_CORES": 2}, "drain_first": True, "drain_timeout": 8})
    assert image(admin, namespace) == GOOD
    assert hands.read(admin, namespace, "configmaps", "studioml-env")["data"] == given["env"]
    untouched(admin, namespace)


def test_one_that_somebody_has_drained_stays_drained(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet, metrics: MetricsServer) -> None:
    call(runner_deploy, **given)
    call(runner_state, kubeconfig=given["kubeconfig"], namespace=namespace, state="DrainAndSuspend", wait=True, enforce="scale", metrics_port=metrics.port)
    made = call(runner_deploy, **{**given, "image": NEW, "drain_first": True})
    assert made["changed"] and image(admin, namespace) == NEW
    assert state(admin, namespace) == "DrainAndSuspend" and live(admin, namespace)["spec"]["replicas"] == 0
    assert any("stays scaled to 0" in warning for warning in made["warnings"])


def test_a_run_that_was_interrupted_before_its_resume(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet, metrics: MetricsServer) -> None:
    call(runner_deploy, **given)
    call(runner_state, kubeconfig=given["kubeconfig"], namespace=namespace, state="DrainAndSuspend", wait=True, enforce="scale", metrics_port=metrics.port)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{DEPLOYMENT}"
    admin.request("PATCH", path, body={"metadata": {"annotations": {_deploy.DRAINED: "yes"}}}, content_type=hands.MERGE)
    made = call(runner_deploy, **given, drain_first=True)
    assert made["changed"] and "by a run that was interrupted; it is resumed now" in made["warnings"][0]
    untouched(admin, namespace)
    assert not call(runner_deploy, **given, drain_first=True)["changed"]


def test_a_runner_of_one_node_is_drained_by_the_map_of_its_node(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet, worker: str) -> None:
    pinned = {**given, "node_name": worker}
    call(runner_deploy, **pinned)
    seen: list[str] = []
    made = runner_deploy.perform({**_validated({**pinned, "image": NEW, "drain_first": True})}, False, seen.append)
    assert made["drain"]["verdict"] == "quiet"
    untouched(admin, namespace)
    maps = [item["metadata"]["name"] for item in admin.request("GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]]
    assert f"{RUNNER}-{worker}" not in maps, "it had none before"


def test_back_to_the_version_before(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet) -> None:
    back = {**given, "state": "rolled_back"}
    with pytest.raises(FleetError, match="has no former version"):
        call(runner_deploy, **back)
    first = {**given, "secret_env": {"AMQP_URL": "amqp://a:geheim@hub"}, "cache": {"size": "2Gi"}}
    call(runner_deploy, **first)
    call(runner_deploy, **{**given, "image": NEW, "replicas": 2, "env": {**given["env"], "MAX_CORES": 1}})
    predicted = call(runner_deploy, check=True, **back)
    made = call(runner_deploy, **back)
    assert predicted["diff"] == made["diff"] and made["changed"] and made["rollout"] == {**made["rollout"], "ready": True, "image": GOOD}
    assert "geheim" not in str(made) and "geheim" not in str(predicted)
    assert image(admin, namespace) == GOOD and live(admin, namespace)["spec"]["replicas"] == 2, "how many there are is no part of the version"
    assert "MAX_CORES" not in hands.read(admin, namespace, "configmaps", "studioml-env")["data"]
    assert hands.read(admin, namespace, "secrets", "studioml-env-secret")["data"]["AMQP_URL"]
    assert not call(runner_deploy, **back)["changed"], "a second time there is nothing to bring back"
    assert not call(runner_deploy, **first, replicas=2)["changed"], "it is exactly what was deployed"
    gone = call(runner_deploy, **{**given, "state": "absent"})
    assert f"{DEPLOYMENT}-former" in [one["name"] for one in gone["objects"]]


def test_back_with_a_drain_brings_back_as_many_pods(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet) -> None:
    call(runner_deploy, **given)
    call(runner_deploy, **{**given, "image": NEW, "replicas": 2})
    made = call(runner_deploy, **{**given, "state": "rolled_back", "drain_first": True})
    assert made["rollout"]["ready"] and image(admin, namespace) == GOOD
    untouched(admin, namespace, 2)


def test_back_while_it_is_drained(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet, metrics: MetricsServer) -> None:
    """The former version, too, was kept while a drain had scaled it to 0: then it has no number of pods of its own."""
    where = {"kubeconfig": given["kubeconfig"], "namespace": namespace, "metrics_port": metrics.port}
    call(runner_deploy, **given, replicas=2)
    call(runner_state, **where, state="DrainAndSuspend", wait=True, enforce="scale")
    end = time.monotonic() + 120
    while not _wait.is_rolled_out(live(admin, namespace)):  # only then it is a version to go back to
        assert time.monotonic() < end
        time.sleep(0.05)
    call(runner_deploy, **{**given, "image": NEW, "replicas": 2})
    back = {**given, "state": "rolled_back"}
    assert call(runner_deploy, **back)["changed"]
    assert image(admin, namespace) == GOOD and live(admin, namespace)["spec"]["replicas"] == 0
    call(runner_state, **where, state="Running")
    assert live(admin, namespace)["spec"]["replicas"] == 2
    call(runner_deploy, **{**given, "replicas": 2})
    assert call(runner_deploy, **{**given, "image": NEW, "replicas": 2})["rollout"]["ready"]
    assert call(runner_deploy, **back)["rollout"]["image"] == GOOD
    untouched(admin, namespace, 2)


def test_a_drain_that_fails_leaves_the_former_version(
    admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet, metrics: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(runner_deploy, **given)
    call(runner_deploy, **{**given, "image": NEW})
    third = {**given, "image": "hub:5000/leafai/studio-go-runner:0.14.3", "drain_first": True}
    metrics.text = BUSY
    with pytest.raises(FleetError, match="Nothing was deployed"):
        call(runner_deploy, **{**third, "drain_timeout": 1})
    metrics.text = IDLE
    with monkeypatch.context() as patched:
        patched.setattr(_former, "keep", refused)
        with pytest.raises(FleetError, match="Not today"):
            call(runner_deploy, **third)
    untouched(admin, namespace)
    assert call(runner_deploy, **{**given, "state": "rolled_back"})["rollout"]["image"] == GOOD


def refused(*_given: t.Any) -> t.NoReturn:
    raise FleetError("Not today.", "Try tomorrow.")


def test_a_version_that_cannot_be_brought_back_does_not_hide_why_it_was_to_be(
    admin: Api, given: dict[str, t.Any], kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(runner_deploy, **given)
    monkeypatch.setattr(_former, "recall", refused)
    with pytest.raises(FleetError, match=r"CrashLoopBackOff.*The former version could not be brought back: Not today\. Try tomorrow\.") as caught:
        call(runner_deploy, **{**given, "image": BAD, "rollback_on_failure": True})
    assert caught.value.details["rollout"] and caught.value.result()["rolled_back"] is False


def test_a_version_that_does_not_come_up_gives_way_to_the_former(admin: Api, given: dict[str, t.Any], namespace: str, kubelet: Kubelet) -> None:
    call(runner_deploy, **given)
    with pytest.raises(FleetError, match=r"CrashLoopBackOff.*The former version was brought back and is up\.") as caught:
        call(runner_deploy, **{**given, "image": BAD, "rollback_on_failure": True, "drain_first": True})
    assert caught.value.result()["rolled_back"] and image(admin, namespace) == GOOD
    untouched(admin, namespace)
    with pytest.raises(FleetError, match="CrashLoopBackOff"):
        call(runner_deploy, **{**given, "image": BAD})
    with pytest.raises(FleetError, match="CrashLoopBackOff"):
        call(runner_deploy, **{**given, "image": BAD, "env": {**given["env"], "MAX_CORES": 3}})
    assert call(runner_deploy, **{**given, "state": "rolled_back"})["rollout"]["image"] == GOOD, "what was never up is no version to go back to"


@pytest.mark.parametrize("kind", ["DaemonSet", "Job"])
def test_each_kind_is_followed(admin: Api, given: dict[str, t.Any], kubelet: Kubelet, kind: str) -> None:
    made = call(runner_deploy, **given, kind=kind)
    nodes = admin.request("GET", "/api/v1/nodes")["items"]  # those that other tests have left are not ready, and keep a taint that says so
    fitting = [node for node in nodes if {taint["key"] for taint in node["spec"].get("taints") or []} <= {"node.kubernetes.io/unschedulable"}]
    assert made["rollout"]["ready"] and len(made["rollout"]["pods"]) == (1 if kind == "Job" else len(fitting))
    assert not call(runner_deploy, **given, kind=kind)["changed"]
    [seen] = call(runner_info, **{key: given[key] for key in ("kubeconfig", "namespace")}, gather=[])["runners"]
    assert (seen["kind"], seen["replicas"], seen["ready"]) == (kind, len(made["rollout"]["pods"]), len(made["rollout"]["pods"]))
    other = {**given, "kind": kind, "image": BAD, "again": "replace"}
    with pytest.raises(FleetError, match=rf"{kind} studioml-go-runner-{kind.lower()} .*pods (available|ready)\).*CrashLoopBackOff"):
        call(runner_deploy, **other)
