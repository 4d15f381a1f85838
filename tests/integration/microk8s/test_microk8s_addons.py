"""microk8s_addon on a real cluster: converged, proven, drift told, and taken away again."""

from __future__ import annotations

import pytest
from microk8s_machines import OPTIONS, Machines

pytestmark = pytest.mark.sandbox

HOST = "gpu1"
STATE = "microk8s kubectl get deploy,ds,pvc,sc -A -o custom-columns=K:.kind,N:.metadata.name,U:.metadata.uid,G:.metadata.generation --no-headers"
REGISTRY = {"name": "registry", "arguments": ["--size", "21Gi"]}


def test_a_list_converges_and_each_is_proven(ready: Machines) -> None:
    # a fresh node enables dns by itself; that is over before the first look, so that both beats see the same
    ready.addons(HOST, {"name": "dns"})
    result = ready.four_beats(HOST, "microk8s_addon", STATE, addons=[{"name": "dns"}, {"name": "storage"}, REGISTRY])
    proofs = {addon["name"]: addon["proof"] for addon in result["addons"]}
    assert "coredns has 1 of 1" in proofs["dns"] and "hostpath-provisioner has 1 of 1" in proofs["storage"]
    assert "Bound" in proofs["registry"] and "answers 200" in proofs["registry"]
    assert "21Gi" in ready.on(HOST, "microk8s kubectl get pvc -n container-registry registry-claim -o jsonpath={.spec.resources.requests.storage}")


def test_drift_is_told_and_left(ready: Machines) -> None:
    before = ready.on(HOST, STATE)
    asked = [
        {"name": "registry", "arguments": ["--size", "40Gi"]},
        {"name": "hostpath-storage", "arguments": ["--reclaim-policy", "Retain"]},
        {"name": "dns", "arguments": ["192.0.2.53"]},
    ]
    result = ready.addons(HOST, *asked)
    told = [text for addon in result["addons"] for text in addon["drift"]]
    assert not result["changed"] and ready.on(HOST, STATE) == before
    assert "40Gi is asked for, it has 21Gi" in told[0] and "Retain is asked for, it has Delete" in told[1] and "192.0.2.53 asked for" in told[2]
    assert any("40Gi" in str(warning) for warning in result["warnings"])


def test_a_cordoned_node_is_proven_all_the_same(ready: Machines) -> None:
    ready.on(HOST, f"microk8s kubectl cordon {HOST}")
    try:
        seen = ready.passes(HOST, "microk8s_info", wait_ready=60)
        assert seen["state"] == "ready" and seen["node"]["cordoned"] and seen["addons"] == []
        assert not ready.addons(HOST, {"name": "dns"}, REGISTRY)["changed"]
        assert not ready.install(HOST)["changed"]
        assert "Uncordon it" in ready.fails(HOST, "microk8s_addon", addons=[{"name": "nvidia"}])["msg"]
    finally:
        ready.on(HOST, f"microk8s kubectl uncordon {HOST}")


def test_a_worker_is_left_alone(ready: Machines, tmp_path) -> None:
    lock = "/var/snap/microk8s/current/var/lock/clustered.lock"
    ready.on(HOST, f"touch {lock}")
    try:
        assert ready.passes(HOST, "microk8s_info", wait_ready=60)["state"] == "worker"
        assert "control plane" in ready.fails(HOST, "microk8s_addon", addons=[{"name": "dns"}])["msg"]
        assert "Please use the control plane node" in ready.fails(HOST, "microk8s_kubeconfig", dest=str(tmp_path / "config"))["msg"]
    finally:
        ready.on(HOST, f"rm {lock}")


@pytest.mark.parametrize("check", [True, False])
def test_mistakes_are_found_before_the_call(ready: Machines, check) -> None:
    before = ready.on(HOST, STATE)
    for addon, words in (
        ({"name": "regstry"}, "There is no add-on core/regstry on this host; these are:"),
        ({"name": "metallb", "repository": "community"}, "microk8s enable community"),
        ({"name": "registry", "arguments": ["--size", "10Gi"]}, 'cannot have the size "10Gi"'),
        ({"name": "registry", "arguments": ["--size=50G"]}, "whole Gi"),
        ({"name": "core/dns"}, 'the name "core/dns" is not one'),
    ):
        assert words in ready.fails(HOST, "microk8s_addon", check, addons=[addon])["msg"]
    assert ready.on(HOST, STATE) == before


def test_gpus_are_offered_with_the_driver_named(ready: Machines) -> None:
    ready.on(HOST, "simulate-gpus --count 2 --driver ready --nvidia-smi failing")
    message = ready.fails(HOST, "microk8s_addon", addons=[{"name": "nvidia"}])["msg"]
    assert "driver does not work" in message and "couldn't communicate with the NVIDIA driver" in message
    ready.on(HOST, "simulate-gpus --nvidia-smi working")
    result = ready.four_beats(HOST, "microk8s_addon", STATE, addons=[{"name": "gpu"}])
    assert result["addons"][0]["proof"] == f"the node {HOST} offers 2 nvidia.com/gpu"


def test_taken_away_again(ready: Machines) -> None:
    gone = [{"name": name, "state": "disabled"} for name in ("nvidia", "registry", "hostpath-storage")]
    ready.on(HOST, "echo kept > /var/snap/microk8s/common/default-storage/data")
    ready.four_beats(HOST, "microk8s_addon", STATE, addons=gone)
    assert ready.on(HOST, "cat /var/snap/microk8s/common/default-storage/data").strip() == "kept"
    ready.addons(HOST, {"name": "hostpath-storage"})
    ready.addons(HOST, {"name": "hostpath-storage", "state": "disabled", "arguments": ["destroy-storage"]})
    assert "No such file" in ready.on(HOST, "ls /var/snap/microk8s/common/default-storage/data", check=False)


@pytest.mark.parametrize("track", ["1.22", "1.24"])
def test_names_and_words_of_older_tracks(machines: Machines, track) -> None:
    machines.renew("gpu2")
    machines.play("gpu2", f'track: "{track}"')
    machines.install("gpu2")
    result = machines.addons("gpu2", {"name": "dns"}, {"name": "hostpath-storage"}, REGISTRY, {"name": "nvidia"})
    assert all(addon["after"] == "enabled" and addon["proof"] for addon in result["addons"])
    assert "21Gi" in machines.on("gpu2", "microk8s kubectl get pvc -n container-registry registry-claim -o jsonpath={.spec.resources.requests.storage}")
    assert machines.passes("gpu2", "microk8s_info")["registry_style"] == ("mirrors" if track == "1.22" else "certs.d")
    machines.on("gpu2", f"rm {OPTIONS}")
