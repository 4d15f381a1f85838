"""Add-ons that converge, on a double of MicroK8s that keeps objects and plays its lies."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from microk8s_doubles import node, workload

from ansible_collections.studioml.fleet.plugins.module_utils import _addon_proof, _addons, _gpu
from ansible_collections.studioml.fleet.plugins.module_utils._addon_words import Wanted
from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_status import Addon, Status

CLASS = {"kind": "StorageClass", "metadata": {"name": "microk8s-hostpath"}, "reclaimPolicy": "Delete"}
MADE: dict[str, list[dict[str, t.Any]]] = {
    "dns": [workload("kube-system", "coredns")],
    "hostpath-storage": [workload("kube-system", "hostpath-provisioner"), CLASS],
    "nvidia": [workload("gpu-operator-resources", "plugin", kind="DaemonSet")],
    "ingress": [],
}


class Double(MicroK8s):
    """A ready MicroK8s whose objects come and go with its add-ons."""

    def __init__(self, root: pathlib.Path) -> None:
        super().__init__(str(root))
        for folder in ("snap/microk8s/current", "run/lock"):
            (root / folder).mkdir(parents=True)
        self.enabled: set[str] = set()
        self.calls: list[tuple[str, ...]] = []
        self.answer = Completed(0, "done", "")
        self.makes = True
        self.this = node("gpu1")
        self.pods: list[dict[str, t.Any]] = []

    def node_name(self) -> str:
        return "gpu1"

    def get(self, *words: str) -> dict[str, t.Any]:
        if words[0] == "node":
            return self.this
        if words[0].startswith("pods"):
            return {"items": self.pods}
        if words[0].startswith("clusterrole"):
            return {"items": [{"metadata": {"name": "gpu-operator-left"}}, {"metadata": {"name": "view"}}]}
        made = [item for name in self.enabled if self.makes for item in MADE[name]]
        return {"items": [node("gpu1", gpus=2 if "nvidia" in self.enabled and self.makes else 0, cordoned=bool(self.this["spec"])), *made]}

    def status(self) -> Status:
        assert not self.this["spec"], "status of a cordoned node says that it does not run"
        return Status("running", [Addon(name, "core", "1.0.0", name in self.enabled) for name in (*MADE, "registry")])

    def kubectl(self, *words: str, timeout: float = 0, stdin: str = "") -> str:
        self.calls.append(("kubectl", *words))
        return ""

    def call(self, *words: str, timeout: float = 0, stdin: str = "", hint: str = "") -> Completed:
        self.calls.append(words)
        name = words[1].split("/")[1]
        if self.answer.rc == 0 and "not found" not in self.answer.out:
            (self.enabled.add if words[0] == "enable" else self.enabled.discard)(name)
        return self.answer


@pytest.fixture
def host(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    monkeypatch.setattr(_addons, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(_addons, "NOTHING_SECONDS", 0.02)
    monkeypatch.setattr(_gpu, "gpus", lambda roots: [])
    return Double(tmp_path)


def wanted(name: str, *arguments: str, enabled: bool = True, prove: bool = True) -> Wanted:
    return Wanted(name, "core", list(arguments), enabled, prove)


def run(host: Double, *addons: Wanted, check: bool = False, timeout: float = 60) -> list[_addons.Result]:
    return _addons.converge(host, addons, timeout, check)[0]


def test_four_beats(host: Double):
    addons = (wanted("dns"), wanted("storage"), wanted("nvidia"), wanted("ingress"))
    assert [result.changed for result in run(host, *addons, check=True)] == [True] * 4 and host.calls == []
    assert [result.changed for result in run(host, *addons)] == [True] * 4
    assert host.calls == [
        ("enable", "core/dns"), ("enable", "core/hostpath-storage"), ("enable", "core/nvidia", "--gpu-operator-driver", "operator"), ("enable", "core/ingress"),
    ]  # fmt: skip
    host.calls.clear()
    for check in (True, False):
        assert not any(result.changed for result in run(host, *addons, check=check))
    assert host.calls == []


def test_already_enabled_meanwhile_is_no_change_of_ours(host: Double):
    host.answer = Completed(0, "Addon core/dns is already enabled\n", "Infer repository core for addon dns")
    assert not run(host, wanted("dns"))[0].changed
    # what an add-on says of another one that it needs does not count
    assert run(host, wanted("hostpath-storage"))[0].changed


def test_a_failure_inside_with_status_0(host: Double):
    host.makes, host.answer = False, Completed(0, "Deployed NVIDIA GPU operator", "Error: INSTALLATION FAILED: cannot re-use a name that is still in use")
    with pytest.raises(FleetError) as caught:
        run(host, wanted("nvidia"), timeout=60)
    text = caught.value.text()
    assert "offers 0 nvidia.com/gpu, and nothing runs in gpu-operator-resources" in text and "cannot re-use a name" in text and "1.33 and 1.34" in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Completed(1, "ERROR: unknown argument to enable registry: x", ""), "failed with status 1: ERROR: unknown argument"),
        (Completed(0, "Addon core/dns not found", ""), "Addon core/dns not found"),
    ],
)
def test_a_call_that_failed(host: Double, answer, words):
    host.answer = answer
    with pytest.raises(FleetError) as caught:
        run(host, wanted("dns"))
    assert words in caught.value.text()


def test_pieces_that_look_enabled(host: Double):
    host.enabled, host.makes = {"nvidia"}, False
    for check in (True, False):
        with pytest.raises(FleetError, match="left only pieces"):
            run(host, wanted("nvidia"), check=check)
    assert host.calls == []


def test_enabled_but_not_up_yet_is_waited_for(host: Double, monkeypatch: pytest.MonkeyPatch):
    host.enabled = {"dns"}
    looks = iter([workload("kube-system", "coredns", up=0)] * 2 + [workload("kube-system", "coredns")] * 9)
    monkeypatch.setattr(Double, "get", lambda self, *words: node() if words[0] == "node" else {"items": [node(), next(looks)]})
    assert not run(host, wanted("dns"))[0].changed and host.calls == []


def test_what_pods_say_when_it_never_comes_up(host: Double, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(MADE, "dns", [workload("kube-system", "coredns", up=0)])
    waiting = {"name": "coredns", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}
    host.pods = [
        {"kind": "Pod", "metadata": {"name": "coredns-1"}, "status": {"containerStatuses": [waiting]}},
        {"kind": "Pod", "metadata": {"name": "other-1"}, "status": {"containerStatuses": [waiting]}},
        {"kind": "Event", "metadata": {}, "type": "Warning", "reason": "Failed", "message": "no\nsuch image", "involvedObject": {"name": "coredns-1"}},
    ]
    with pytest.raises(FleetError) as caught:
        run(host, wanted("dns"), timeout=0.3)
    assert "has 0 of 1 pods available" in caught.value.text()
    assert caught.value.details["causes"] == [
        "the pod coredns-1 waits: ImagePullBackOff Back-off pulling image (container coredns)",
        "event Failed: no such image",
    ]


def test_disabled_and_what_is_left_of_it(host: Double, monkeypatch: pytest.MonkeyPatch):
    host.enabled = {"nvidia", "dns"}
    gone = wanted("nvidia", enabled=False)
    assert run(host, gone, check=True)[0].changed and host.calls == []
    stuck = iter([True, True, False, False])
    monkeypatch.setattr(Double, "status", lambda self: Status("running", [Addon("nvidia", "core", "1", next(stuck))]))
    assert run(host, gone)[0].changed
    assert host.calls[0] == ("disable", "core/nvidia")
    assert [call[1:4] for call in host.calls[1:]] == [("delete", kind, "gpu-operator-left") for kind in ("clusterrole", "clusterrolebinding")]


def test_a_cordoned_node(host: Double):
    host.enabled, host.this = {"dns"}, node("gpu1", cordoned=True)
    assert not run(host, wanted("dns"))[0].changed
    with pytest.raises(FleetError, match="Uncordon it"):
        run(host, wanted("ingress"))


def test_absent_is_a_guess_in_check_mode_only(tmp_path: pathlib.Path):
    absent = MicroK8s(str(tmp_path))
    results, note = _addons.converge(absent, [wanted("dns"), wanted("registry", enabled=False)], 1, True)
    assert [result.changed for result in results] == [True, False] and "not installed" in note
    with pytest.raises(FleetError, match="Install it first"):
        _addons.converge(absent, [wanted("dns")], 1, False)
    with pytest.raises(FleetError, match="at least 20Gi"):
        _addons.converge(absent, [wanted("registry", "--size", "1Gi")], 1, True)


def test_another_run_holds_the_lock(host: Double):
    from ansible_collections.studioml.fleet.plugins.module_utils import _lock

    with _lock.held(host.path(_addons.LOCK), 1, "a test"), pytest.raises(FleetError, match="another process holds"):
        run(host, wanted("dns"), timeout=0.1)


@pytest.mark.parametrize(
    ("items", "ready", "made"),
    [
        ([], False, False),
        ([workload("kube-system", "coredns", up=0)], False, True),
        ([workload("kube-system", "coredns", wanted=0, up=0)], False, True),
        ([workload("kube-system", "coredns", wanted=2, up=1)], False, True),
        ([workload("kube-system", "coredns", wanted=2, up=2)], True, True),
        ([workload("default", "coredns")], False, False),
    ],
)
def test_a_rolled_out_deployment(items, ready, made):
    proof = _addon_proof.look("dns", _addon_proof.Snapshot(items, "gpu1"))
    assert proof and (proof.ready, proof.made) == (ready, made)


def test_gpus_of_another_node_do_not_count():
    proof = _addon_proof.look("nvidia", _addon_proof.Snapshot([node("gpu1"), node("gpu2", gpus=4)], "gpu1"))
    assert proof and not proof.ready and not proof.made
