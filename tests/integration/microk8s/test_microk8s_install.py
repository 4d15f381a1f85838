"""microk8s_snap and microk8s_info on a bare host: files instead of the store, four beats, and every way in which it cannot work."""

from __future__ import annotations

import typing as t

import pytest
from microk8s_machines import FILES, Machines

pytestmark = pytest.mark.sandbox

HOST = "gpu1"
SNAPS = "snap list 2>/dev/null; snap get system refresh.hold 2>/dev/null; getent group microk8s; ls /var/lib/studioml-fleet 2>&1"


def asked(change: dict[str, t.Any]) -> dict[str, t.Any]:
    """The usual arguments with a change; a channel stands instead of the files."""
    return change if "channel" in change else {**FILES, **change}


def test_a_bare_host_is_seen_in_one_look(bare: Machines) -> None:
    seen = bare.passes(HOST, "microk8s_info")
    assert (seen["state"], seen["version"], seen["addons"], seen["node"]) == ("absent", "", [], {})
    assert "not installed" in bare.fails(HOST, "microk8s_info", wait_ready=5)["msg"]


def test_a_bare_host_is_predicted(bare: Machines, tmp_path) -> None:
    addons = bare.passes(HOST, "microk8s_addon", check=True, addons=[{"name": "dns"}, {"name": "registry", "state": "disabled"}])
    assert addons["changed"] and "not installed" in addons["note"] and [addon["changed"] for addon in addons["addons"]] == [True, False]
    kubeconfig = bare.passes(HOST, "microk8s_kubeconfig", check=True, dest=str(tmp_path / "config"))
    assert kubeconfig["changed"] and kubeconfig["note"] and not (tmp_path / "config").exists()
    assert "Install it first" in bare.fails(HOST, "microk8s_addon", addons=[{"name": "dns"}])["msg"]
    assert "Install it first" in bare.fails(HOST, "microk8s_kubeconfig", dest=str(tmp_path / "config"))["msg"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"snap_file": "/opt/snaps/none.snap"}, ("/opt/snaps/none.snap is not a file", "Nothing was changed")),
        ({"base_snap_files": ["/opt/none.snap"]}, ("base_snap_files: /opt/none.snap", "Nothing was changed")),
        ({"assertion_file": "/opt/none.assert"}, ("assertion_file: /opt/none.assert", "Nothing was changed")),
        ({"users": ["nobody", "somebody"]}, ("no user somebody", "Nothing was changed")),
        ({"channel": "1.36"}, ('"1.36" is not track/risk',)),
        ({"channel": "latest/stable"}, ("track/risk", "latest moves")),
    ],
)
def test_mistakes_are_found_before_anything_is_changed(bare: Machines, change, words) -> None:
    before = bare.on(HOST, SNAPS, check=False)
    message = bare.fails(HOST, "microk8s_snap", **asked(change))["msg"]
    assert all(text in message for text in words)
    assert bare.on(HOST, SNAPS, check=False) == before


def test_check_mode_finds_them_too(bare: Machines) -> None:
    assert "users: there is no user somebody" in bare.fails(HOST, "microk8s_snap", check=True, users=["somebody"], **FILES)["msg"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channel": "1.36/stable"}, ("from 1.36/stable failed", "store cannot be reached", "snap_file")),
        ({"base_snap_files": []}, ('cannot install snap base "bare"', "base_snap_files")),
        ({"classic": False}, ("classic confinement", "Set classic: true")),
        ({"assertion_file": "/etc/hostname"}, ("Reading the assertion /etc/hostname failed",)),
    ],
)
def test_snapd_says_no_in_its_own_words(bare: Machines, change, words) -> None:
    message = bare.fails(HOST, "microk8s_snap", **asked(change))["msg"]
    assert all(text in message for text in words), message
    assert bare.passes(HOST, "microk8s_info")["state"] == "absent"


def test_no_snapd(bare: Machines) -> None:
    bare.on(HOST, "mv /usr/bin/snap /usr/bin/snap.away")
    assert "snapd is not installed" in bare.fails(HOST, "microk8s_snap", **FILES)["msg"]
    bare.on(HOST, "mv /usr/bin/snap.away /usr/bin/snap; systemctl stop snapd.socket snapd.service")
    message = bare.fails(HOST, "microk8s_snap", **FILES)["msg"]
    assert "does not answer" in message and "systemctl enable --now snapd.socket" in message
    bare.on(HOST, "systemctl start snapd.socket")


def test_installed_held_joined_and_ready(bare: Machines) -> None:
    result = bare.four_beats(HOST, "microk8s_snap", SNAPS + "; true", users=["nobody"], **FILES)
    assert (result["action"], result["state"], result["users_added"], result["group"]) == ("install", "ready", ["nobody"], "microk8s")
    assert result["revision"] == "x1" and result["version"].startswith("v1.36")
    seen = bare.passes(HOST, "microk8s_info")
    assert seen["state"] == "ready" and seen["node"]["ready"] and not seen["node"]["cordoned"] and seen["api_port"] == 16443
    assert seen["refresh_held"] and seen["refresh_hold"]["by"] == "system" and seen["refresh_hold"]["lasting"]
    assert seen["group_members"] == ["nobody"] and seen["registry_style"] == "certs.d" and seen["confinement"] == "classic"
    assert {"dns", "registry", "nvidia"} <= {addon["name"] for addon in seen["addons"]}
    assert all(service["active"] for service in seen["services"])


def test_a_hold_that_runs_out_is_moved_on(bare: Machines) -> None:
    bare.on(HOST, "snap set system refresh.hold=$(date -u -d '+10 days' +%Y-%m-%dT%H:%M:%SZ)")
    assert not bare.install(HOST, hold_refreshes=False)["changed"]
    result = bare.four_beats(HOST, "microk8s_snap", "snap get system refresh.hold 2>/dev/null", **FILES)
    assert result["action"] == "none" and not result["held"]


def test_the_same_file_by_another_name_and_another_file(bare: Machines) -> None:
    bare.on(HOST, "cp /opt/snaps/microk8s.snap /root/other.snap")
    assert not bare.install(HOST, snap_file="/root/other.snap")["changed"]
    bare.on(HOST, "head -c 4096 /dev/zero >> /root/other.snap")
    for check in (True, False):
        message = bare.fails(HOST, "microk8s_snap", check, **{**FILES, "snap_file": "/root/other.snap"})["msg"]
        assert "restarts the node" in message and "allow_refresh: true" in message
    result = bare.four_beats(HOST, "microk8s_snap", "snap list microk8s 2>/dev/null", **{**FILES, "snap_file": "/root/other.snap", "allow_refresh": True})
    assert (result["action"], result["revision"], result["state"]) == ("refresh", "x2", "ready")


def test_a_channel_is_a_refresh_too(bare: Machines) -> None:
    message = bare.fails(HOST, "microk8s_snap", channel="1.36/stable")["msg"]
    assert "(from a file) is installed" in message and "allow_refresh" in message
    message = bare.fails(HOST, "microk8s_snap", channel="1.36/stable", allow_refresh=True)["msg"]
    assert "Refreshing the snap microk8s to 1.36/stable failed" in message and "store cannot be reached" in message
    assert bare.passes(HOST, "microk8s_info", wait_ready=240)["state"] == "ready"


def test_stopped_and_disabled_nodes_are_started(bare: Machines) -> None:
    same = {**FILES, "snap_file": "/root/other.snap"}
    for script, action in (("microk8s stop", "start"), ("snap disable microk8s", "enable")):
        bare.on(HOST, script)
        assert bare.passes(HOST, "microk8s_info")["state"] == "stopped"
        assert "stopped" in bare.fails(HOST, "microk8s_info", wait_ready=5)["msg"]
        assert bare.four_beats(HOST, "microk8s_snap", "snap services microk8s 2>/dev/null | awk '{print $1, $3}'", **same)["action"] == action


def test_a_node_that_never_gets_ready(machines: Machines) -> None:
    machines.renew("gpu2")
    machines.play("gpu2", "never_ready: true")
    failed = machines.fails("gpu2", "microk8s_snap", **{**FILES, "ready_timeout": 60})
    assert "not ready within 60 seconds" in failed["msg"] and "is not Ready: KubeletNotReady" in failed["msg"] and failed["state"] == "notready"
    assert "microk8s inspect" in failed["msg"]
    machines.on("gpu2", "snap stop microk8s.daemon-containerd")
    failed = machines.fails("gpu2", "microk8s_info", wait_ready=3)
    assert "The service snap.microk8s.daemon-containerd.service is down" in failed["msg"]
    machines.on("gpu2", "rm /etc/microk8s-stand-in.yaml; snap start microk8s; snap restart microk8s")
    assert machines.install("gpu2")["state"] == "ready"
