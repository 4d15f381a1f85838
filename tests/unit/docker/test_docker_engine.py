"""What is known of an engine, with stand-in programs in a folder of their own; the real one is in the integration tests."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import time

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _command, _docker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


@pytest.fixture
def programs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a program that answers as told; the search path has nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_command, "EXTRA_PATH", ())
    monkeypatch.setattr(_docker, "SNAP_DATA", str(tmp_path / "snap"))

    def make(name: str, script: str) -> pathlib.Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


def answer(text: str) -> str:
    return f"/bin/cat <<'END'\n{text}\nEND"


def test_nothing_is_installed(programs):
    docker = _docker.detect()
    assert (docker.flavour, docker.version(), docker.info(), docker.config_file()) == ("absent", "", {}, "/etc/docker/daemon.json")


def test_a_package_is_asked(programs):
    programs("dockerd", "echo Docker version 29.1.3, build abc")
    programs("docker", answer(json.dumps({"ServerVersion": "29.1.3"})))
    programs(
        "systemctl",
        answer("MainPID=0\nExecStart={ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// --config-file /etc/d.json $DOCKER_OPTS ; ignore_errors=no }"),
    )
    docker = _docker.detect()
    assert docker.flavour == "package" and docker.version() == "29.1.3" == docker.info()["ServerVersion"]
    assert docker.config_file() == "/etc/d.json" and docker.flag_keys() == ["hosts"]


@pytest.mark.parametrize("text", ["", "Cannot connect", '{"ServerErrors": ["Cannot connect"]}', '{"ServerVersion": ""}'])
def test_a_daemon_that_does_not_answer(programs, text):
    programs("dockerd", "")
    programs("docker", answer(text))
    assert _docker.detect().info() == {}


@pytest.mark.parametrize(
    ("version", "script", "problem"),
    [
        ("20.10.24+dfsg1", "exit 1", ""),
        ("29.1.3", "echo configuration OK >&2", ""),
        ("29.1.3", "echo unable to configure the Docker daemon with file: bogus >&2; exit 1", "unable to configure the Docker daemon with file: bogus"),
        ("", "exit 1", ""),
    ],
)
def test_files_are_validated_by_releases_that_can(programs, version, script, problem):
    programs("dockerd", f'case "$*" in "--validate --config-file /x") {script};; *) exit 9;; esac')
    assert _docker.Docker("package").validate("/x", version) == problem


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("noise\nunable to configure the Docker daemon with file /f: EOF\nmore noise", "unable to configure the Docker daemon with file /f: EOF"),
        ('time="x" level=error msg="Error reconfiguring the daemon: invalid mirror: x"', "invalid mirror: x"),
        ('time="x" level=info msg="fine"\nfailed to start daemon: no space', "failed to start daemon: no space"),
        ("nothing of use", ""),
    ],
)
def test_the_log_says_why(programs, log, reason):
    programs("dockerd", "")
    programs("journalctl", answer(log))
    assert _docker.Docker("package").reason(0) == reason


def test_the_snap_has_its_own_places(tmp_path, monkeypatch):
    docker = _docker.Docker("snap")
    assert docker.config_file() == "/var/snap/docker/current/config/daemon.json" and docker.certs_folder == "/var/snap/docker/current/etc/docker/certs.d"
    assert docker.flag_keys() == ["data-root", "exec-root", "group", "pidfile"] and docker.unit == "snap.docker.dockerd.service"


def test_the_snaps_daemon_is_reloaded_by_its_process(tmp_path, monkeypatch):
    (tmp_path / "dockerd").symlink_to("/bin/sleep")
    pid_file = tmp_path / "docker.pid"
    monkeypatch.setattr(_docker, "SNAP_PID_FILES", (str(tmp_path / "none"), str(pid_file)))
    with pytest.raises(FleetError, match="was not found"):
        _docker.Docker("snap").reload()
    # whoever runs the tests under nohup has SIGHUP ignored, and so would the daemon
    daemon = subprocess.Popen([tmp_path / "dockerd", "600"], preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    pid_file.write_text(f"{daemon.pid}\n")
    deadline = time.monotonic() + 60
    while pathlib.Path(f"/proc/{daemon.pid}/comm").read_text() != "dockerd\n":
        assert time.monotonic() < deadline, "it did not start"
        time.sleep(0.01)
    _docker.Docker("snap").reload()
    assert daemon.wait(60) == -signal.SIGHUP
    with pytest.raises(FleetError, match="was not found"):
        _docker.Docker("snap").reload()


def test_programs_that_hang_or_are_missing(programs):
    programs("slow", "exec /bin/sleep 600")
    with pytest.raises(FleetError, match="had not ended after 0.2 seconds"):
        _command.run(["slow"], timeout=0.2)
    with pytest.raises(FleetError, match="nothing is not installed"):
        _command.run(["nothing"])
    assert _command.find("slow") and _command.find("nothing") is None
