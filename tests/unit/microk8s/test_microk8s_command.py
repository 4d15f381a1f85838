"""The command of MicroK8s with its traps; the program is a fake one."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import time
import typing as t

import pytest
from microk8s_doubles import NOT_READY, STOPPED, TRACEBACK, WORKER, node, program

from ansible_collections.studioml.fleet.plugins.module_utils import _microk8s_ready, _process_group
from ansible_collections.studioml.fleet.plugins.module_utils._command import Completed
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s import MicroK8s, last_lines
from ansible_collections.studioml.fleet.plugins.module_utils._process_group import TookTooLong
from ansible_collections.studioml.fleet.plugins.module_utils._snapd import Snapd


@pytest.fixture
def host(tmp_path: pathlib.Path) -> MicroK8s:
    for folder in ("snap/microk8s/current", "var/snap/microk8s/current/var/lock", "var/snap/microk8s/current/args"):
        (tmp_path / folder).mkdir(parents=True)
    return MicroK8s(str(tmp_path))


def fake(host: MicroK8s, script: str) -> None:
    program(pathlib.Path(host.command), script)


def lock(host: MicroK8s, name: str) -> None:
    pathlib.Path(host.data, "var/lock", name).touch()


def answer(text: str, status: int = 0) -> str:
    return f"cat <<'EOT'\n{text}EOT\nexit {status}\n"


def test_absent_is_one_look_and_no_call(tmp_path: pathlib.Path):
    assert _microk8s_ready.look(MicroK8s(str(tmp_path))).state == "absent"


def test_disabled_snap(tmp_path: pathlib.Path):
    (tmp_path / "var/snap/microk8s").mkdir(parents=True)
    condition = _microk8s_ready.look(MicroK8s(str(tmp_path)))
    assert condition.state == "stopped" and "disabled" in condition.reason


def test_stopped_and_worker_by_their_locks(host: MicroK8s):
    lock(host, "clustered.lock")
    assert _microk8s_ready.look(host).state == "worker"
    lock(host, "stopped.lock")
    assert _microk8s_ready.look(host).state == "stopped"


@pytest.mark.parametrize(("text", "kind"), [(STOPPED, "stopped"), (WORKER, "worker"), (NOT_READY, "notready")])
def test_exit_status_0_does_not_mean_yaml(host: MicroK8s, text, kind):
    fake(host, answer(text))
    assert host.status().kind == kind


def test_no_permission(host: MicroK8s):
    fake(host, "echo 'Insufficient permissions to access MicroK8s.' >&2; exit 1")
    with pytest.raises(FleetError, match="become: true"):
        host.status()


def test_kubectl_of_a_worker_ends_with_0_and_a_sentence(host: MicroK8s):
    fake(host, answer(WORKER))
    with pytest.raises(FleetError, match="Please use the control plane node"):
        host.get("nodes")


def test_kubectl_that_prints_no_json(host: MicroK8s):
    fake(host, "echo No resources found")
    with pytest.raises(FleetError, match="printed no JSON"):
        host.get("nodes")


def test_kubectl_that_fails(host: MicroK8s):
    fake(host, "echo 'The connection to the server 127.0.0.1:16443 was refused' >&2; exit 1")
    condition = _microk8s_ready.look(host)
    assert condition.state == "notready" and "was refused" in condition.reason


def test_a_cordoned_node_is_ready(host: MicroK8s):
    fake(host, answer(json.dumps(node(cordoned=True)) + "\n"))
    condition = _microk8s_ready.look(host)
    assert condition.state == "ready" and condition.node and condition.node.cordoned


def test_a_hanging_call_is_ended_with_its_children(host: MicroK8s, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    child = tmp_path / "child"

    class Begun(subprocess.Popen):
        """Its time begins when it has said what it says."""

        def communicate(self, *given: t.Any, **more: t.Any) -> t.Any:
            until(lambda: child.exists() and child.read_text().endswith("\n"))
            return super().communicate(*given, **more)

    monkeypatch.setattr(subprocess, "Popen", Begun)
    monkeypatch.setattr(_process_group, "GRACE_SECONDS", 60)
    fake(host, f"echo begun; (echo $$ >{tmp_path}/parent; exec sleep 600) & echo $! > {child}; wait")
    start = time.monotonic()
    with pytest.raises(TookTooLong) as caught:
        host.call("enable", "core/dns", timeout=0.5)
    assert time.monotonic() - start < 200 and "begun" in caught.value.printed
    until(lambda: gone(int(child.read_text())))


def until(check: t.Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not check():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(number: int) -> bool:
    """Whether a process has ended, though nobody may have asked for its status yet."""
    try:
        return "Z" in pathlib.Path(f"/proc/{number}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_wait_is_bounded_and_says_why(host: MicroK8s, tmp_path: pathlib.Path):
    fake(host, "echo 'connection refused' >&2; exit 1")
    with pytest.raises(FleetError) as caught:
        _microk8s_ready.wait_ready(host, 0.1, Snapd(str(tmp_path / "none")))
    assert "not ready within 0.1 seconds" in caught.value.text() and "snapd does not answer" in caught.value.text()
    assert caught.value.details["state"] == "notready"


def test_no_wait_for_what_does_not_come(host: MicroK8s):
    lock(host, "stopped.lock")
    start = time.monotonic()
    with pytest.raises(FleetError, match="microk8s start"):
        _microk8s_ready.wait_ready(host, 600)
    assert time.monotonic() - start < 60


def test_flags_from_the_files_in_args(host: MicroK8s):
    pathlib.Path(host.data, "args/kube-apiserver").write_text("# a comment\n--secure-port=17443\n")
    pathlib.Path(host.data, "args/kubelet").write_text("--hostname-override=Box.example\n")
    assert host.api_port() == 17443 and host.node_name() == "Box.example"
    pathlib.Path(host.data, "args/kubelet").write_text("--hostname-override=${NODE_NAME}\n")
    assert host.node_name() == os.uname().nodename.lower()


def test_kubeconfig_of_a_worker_and_a_broken_one(host: MicroK8s):
    fake(host, answer(WORKER))
    with pytest.raises(FleetError, match="control plane node"):
        host.kubeconfig()
    fake(host, "echo 'apiVersion: v1'; echo 'token: secret'; exit 1")
    with pytest.raises(FleetError) as caught:
        host.kubeconfig()
    assert "secret" not in caught.value.text()


def test_a_traceback_is_told_by_its_last_line():
    words = last_lines(Completed(1, TRACEBACK, ""))
    assert words.endswith("returned non-zero exit status 9.") and "File" not in words and "Checking if NVIDIA" in words
