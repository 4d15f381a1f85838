"""Add-ons that do not come up, each in its own way: one clear message, and the next run mends it."""

from __future__ import annotations

import re

import pytest
from microk8s_machines import OPTIONS, Machines

pytestmark = pytest.mark.sandbox

HOST = "gpu1"


@pytest.fixture(autouse=True)
def _as_before(ready: Machines):
    """dns and storage there, the others not, and the stand-in as usual."""
    gone = [{"name": name, "state": "disabled", "readiness": "none"} for name in ("nvidia", "registry")]
    ready.addons(HOST, {"name": "dns"}, {"name": "hostpath-storage"}, *gone)
    yield
    ready.on(HOST, f"rm -f {OPTIONS}")
    ready.on(HOST, "microk8s disable registry; microk8s disable nvidia; microk8s kubectl delete clusterrole gpu-operator-node-feature-discovery", check=False)


def test_a_failure_inside_is_found_at_once(ready: Machines) -> None:
    ready.play(HOST, "fail_inside: [registry, nvidia]")
    failed = ready.fails(HOST, "microk8s_addon", addons=[{"name": "registry"}], ready_timeout=120)
    assert "there is no Deployment container-registry/registry" in failed["msg"] and "microk8s enable printed:" in failed["msg"]
    assert "within 120 seconds" not in failed["msg"] and "rror" in failed["printed"]
    failed = ready.fails(HOST, "microk8s_addon", addons=[{"name": "nvidia"}], ready_timeout=120)
    assert "offers 0 nvidia.com/gpu" in failed["msg"] and "INSTALLATION FAILED: cannot re-use a name" in failed["msg"]
    ready.play(HOST)
    assert ready.addons(HOST, {"name": "registry"}, {"name": "nvidia"})["changed"]


def test_an_image_that_cannot_be_pulled(ready: Machines) -> None:
    ready.play(HOST, "never_comes_up: [registry]")
    failed = ready.fails(HOST, "microk8s_addon", addons=[{"name": "registry"}], ready_timeout=60)
    assert re.search(r"did not come up within \d+ seconds", failed["msg"]) and "sandbox.invalid/registry:never-comes-up" in failed["msg"]
    assert any("ImagePull" in cause for cause in failed["causes"])
    # enabled by now, as status has it: the next run still waits for the proof and says the same
    failed = ready.fails(HOST, "microk8s_addon", addons=[{"name": "registry"}], ready_timeout=4)
    assert any("ImagePull" in cause for cause in failed["causes"])


def test_pods_that_hang_in_their_init_containers(ready: Machines) -> None:
    ready.play(HOST, "never_comes_up: [nvidia]")
    failed = ready.fails(HOST, "microk8s_addon", addons=[{"name": "nvidia"}], ready_timeout=45)
    assert "is still initialising (init container toolkit-validation)" in failed["msg"] and "1.33 and 1.34" in failed["msg"]


def test_pieces_that_look_like_an_addon(ready: Machines) -> None:
    ready.play(HOST, "stuck_enabled: [nvidia]")
    ready.fails(HOST, "microk8s_addon", addons=[{"name": "nvidia"}], ready_timeout=30)
    for check in (True, False):
        message = ready.fails(HOST, "microk8s_addon", check, addons=[{"name": "nvidia"}])["msg"]
        assert "calls core/nvidia enabled, but" in message and "left only pieces" in message
    # disable does not clear them; the module does
    gone = {"name": "nvidia", "state": "disabled"}
    assert ready.addons(HOST, gone)["changed"] and not ready.addons(HOST, gone)["changed"]
    ready.play(HOST)
    assert ready.addons(HOST, {"name": "nvidia"})["changed"]


def test_a_call_that_hangs_is_ended_with_all_that_it_started(ready: Machines) -> None:
    ready.on(HOST, "systemd-run --collect --unit hold-lock flock /var/snap/microk8s/current/var/lock/.microk8s-addon-lock sleep 300")
    try:
        message = ready.fails(HOST, "microk8s_addon", addons=[{"name": "registry"}], ready_timeout=6)["msg"]
        assert "microk8s enable core/registry had not ended after 6 seconds" in message
        assert not ready.on(HOST, "pgrep --full 'lib enable core/registry'", check=False).strip()
    finally:
        ready.on(HOST, "systemctl stop hold-lock")
