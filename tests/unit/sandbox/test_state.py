"""What is written down of an instance and of the machine."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fleetbox import cli, locks, machine, snapshot, state, status, sysctls
from fleetbox.errors import SandboxError
from fleetbox.paths import Instance
from fleetbox.progress import Progress, seconds


def test_state_is_read_as_it_was_written(cache: Path) -> None:
    instance = Instance("try")
    assert state.load(instance) is None
    written = state.State(4, image="sha256:x", hosts={"gpu1": state.Host("gpu1", "10.213.4.11", "runner", gpus=2, ready=True)})
    state.save(instance, written)
    assert state.load(instance) == written
    assert stat.S_IMODE(instance.state.stat().st_mode) == 0o600
    assert status.instances() == ["try"]


def test_state_of_another_version_is_read(cache: Path) -> None:
    instance = Instance("try")
    state.write_private(instance.state, json.dumps({"number": 4, "later": 1, "hosts": {"a": {"name": "a", "address": "x", "role": "runner", "later": 2}}}))
    found = state.load(instance)
    assert found is not None and found.number == 4 and found.hosts["a"].gpus == 0


def test_state_that_is_broken_says_what_to_do(cache: Path) -> None:
    instance = Instance("try")
    state.write_private(instance.state, "{")
    with pytest.raises(SandboxError) as caught:
        state.load(instance)
    assert "down --name try" in caught.value.hint


def test_secrets_stay_and_are_private(cache: Path) -> None:
    instance = Instance("try")
    first = state.secret(instance, "runner-gpu1")
    assert state.secret(instance, "runner-gpu1") == first != state.secret(instance, "runner-gpu2")
    assert stat.S_IMODE(instance.secrets.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "Dev", "a" * 21, "1st", "a/b"])
def test_names_of_sandboxes(name: str) -> None:
    with pytest.raises(SandboxError):
        Instance(name)


def test_networks_that_are_in_use_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        stdout = "10.213.1.0/24 via 10.213.101.2 dev other\n10.213.102.0/30 dev x\n"

    monkeypatch.setattr(sysctls, "run", lambda *_: Answer)
    assert sysctls._free_number({0}) == 3


def test_policy_of_the_machine_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(machine, "POLICY", policy)
    with machine._no_service_starts():
        assert "exit 101" in policy.read_text()
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 0\n")
    with machine._no_service_starts():
        assert "exit 0" in policy.read_text()
    assert policy.exists()


def test_a_lock_is_waited_for_with_a_limit(tmp_path: Path) -> None:
    said: list[str] = []
    with locks.locked(tmp_path / "lock"), pytest.raises(SandboxError), locks.locked(tmp_path / "lock", said.append, limit=0.3):
        pass
    assert said and "waiting" in said[0]


def test_differences_of_snapshots() -> None:
    empty: dict[str, list[str]] = {name: [] for name in snapshot.Snapshot.__dataclass_fields__}
    before = snapshot.Snapshot(**{**empty, "links": ["lo", "eth0"]})
    after = snapshot.Snapshot(**{**empty, "links": ["lo", "veth"], "mounts": ["/x tmpfs"]})
    assert before.differences(before) == {}
    assert before.differences(after) == {"links": ["+ veth", "- eth0"], "mounts": ["+ /x tmpfs"]}
    assert snapshot._is_ours("/fleet-mine/1", {"mine"}) and not snapshot._is_ours("/fleet-other/1", {"mine"})
    assert not snapshot._is_ours("/home/u/.cache/studioml-fleet/sandbox/other/dockerd.json", {"mine"})


def test_progress_says_where_the_time_went(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    with progress.step("something long", long=True):
        pass
    with pytest.raises(SandboxError), progress.step("broken"):
        raise SandboxError("no")
    told = capsys.readouterr().err
    assert "something long: done in" in told and "broken: failed after" in told
    assert seconds(249) == "4 min 9 s" and seconds(3.21) == "3.2 s"
    assert "in all" in progress.table()


def test_one_clear_message(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    assert cli.main(["shell", "gpu1", "--name", "try", "--", "ls", "--all"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: Sandbox try has no host gpu1.") and "Traceback" not in told
    assert cli.main(["status", "--name", "try"]) == 3
    assert cli.main(["publish", "--name", "try", "--queue", "rmq_a"]) == 1
    with pytest.raises(SystemExit):
        cli.main(["up", "--nonsense"])


def test_kernel_settings_come_back_after_the_last_sandbox(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        stdout = ""

    before = {"net.ipv4.ip_forward": "0", "fs.inotify.max_user_instances": "128", "fs.inotify.max_user_watches": "999999", "kernel.panic": "1"}
    before |= {"vm.overcommit_memory": "0", "kernel.panic_on_oops": "0"}
    for name, value in before.items():
        (tmp_path / name).write_text(f"{value}\n")
    monkeypatch.setattr(sysctls, "_path", lambda name: tmp_path / name)
    monkeypatch.setattr(sysctls, "run", lambda *_: Answer)
    monkeypatch.setattr(sysctls, "HIDDEN", [str(tmp_path / "containerd")])

    assert [sysctls.claim("one"), sysctls.claim("two"), sysctls.claim("one")] == [0, 1, 0]
    assert sysctls.current() == {**before, "net.ipv4.ip_forward": "1", "fs.inotify.max_user_instances": "8192"}, "what is more than enough stays"
    (tmp_path / "kernel.panic").write_text("10\n")  # as a kubelet does
    sysctls.release("one")
    assert sysctls.current()["net.ipv4.ip_forward"] == "1" and (tmp_path / "containerd").is_dir()
    sysctls.release("two")
    assert sysctls.current() == before and not (tmp_path / "containerd").exists()
    sysctls.release("two")
    assert sysctls.current() == before
