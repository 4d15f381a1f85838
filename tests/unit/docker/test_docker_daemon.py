"""How a change of daemon.json is brought into force, with a stand-in for the engine. The real one is in the integration tests."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _docker_daemon as docker_daemon
from ansible_collections.studioml.fleet.plugins.module_utils._docker import Docker
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


class StandIn(Docker):
    """An engine that does what a test says."""

    def __init__(self, running: bool = True) -> None:
        super().__init__("package")
        self._line = ["-H", "fd://"]
        self.running, self.did = running, t.cast("list[str]", [])
        self.refuse: list[str] = []
        self.shown: dict[str, t.Any] = {"ServerVersion": "20.10"}

    def active(self) -> bool:
        return self.running

    def version(self, info=None) -> str:
        return "20.10"

    def info(self) -> dict[str, t.Any]:
        return self.shown if self.running else {}

    def reason(self, since: float) -> str:
        return "unable to configure the Docker daemon"

    def reload(self) -> None:
        self.did.append("reload")

    def stop(self) -> None:
        self.did.append("stop")

    def _service(self, verb: str) -> None:
        self.did.append(verb)
        if self.refuse:
            raise FleetError(f"The Docker daemon did not {verb}: {self.refuse.pop()}.")
        self.running = True


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(docker_daemon, "RELOAD_SECONDS", 0)


def change(docker: Docker, path: pathlib.Path, start: bool = True, **settings: t.Any) -> docker_daemon.Plan:
    what = docker_daemon.plan(docker, str(path), lambda old: {**old, **settings}, apply=True, start=start)
    docker_daemon.carry_out(docker, what, 0)
    return what


def test_reload_where_that_is_enough(tmp_path):
    docker = StandIn()
    docker.shown["RegistryConfig"] = {"IndexConfigs": {"hub:5000": {"Secure": False}}, "InsecureRegistryCIDRs": ["127.0.0.0/8"]}
    assert change(docker, tmp_path / "daemon.json", **{"insecure-registries": ["hub:5000"]}).action == "reload" and docker.did == ["reload"]


def test_restart_otherwise_and_nothing_the_second_time(tmp_path):
    docker = StandIn()
    path = tmp_path / "daemon.json"
    path.write_text('{"bip": "10.9.0.1/24"}')
    path.chmod(0o640)
    what = change(docker, path, **{"log-driver": "local"})
    assert what.action == "restart" and docker.did == ["restart"] and path.stat().st_mode & 0o777 == 0o640
    assert pathlib.Path(str(path) + ".previous").read_text() == '{"bip": "10.9.0.1/24"}'
    again = change(docker, path, **{"log-driver": "local"})
    assert (again.changed, again.action, docker.did) == (False, "none", ["restart"])


def test_a_stopped_daemon_is_started_or_left(tmp_path):
    docker = StandIn(running=False)
    assert change(docker, tmp_path / "daemon.json", start=False, debug=True).action == "none" and not docker.did
    docker.shown["Debug"] = True
    assert change(docker, tmp_path / "daemon.json").action == "start" and docker.did == ["start"]


def test_a_reload_that_failed_in_silence_is_taken_back(tmp_path):
    docker = StandIn()
    path = tmp_path / "daemon.json"
    with pytest.raises(FleetError) as caught:
        change(docker, path, **{"insecure-registries": ["hub:5000"]})
    assert not path.exists() and docker.did == ["reload", "reload"] and caught.value.details["rolled_back"]
    for words in (
        "does not show the new insecure-registries",
        "unable to configure the Docker daemon",
        "The former file is in place again and the daemon runs",
    ):
        assert words in caught.value.text()


def test_a_daemon_that_does_not_come_back_runs_with_the_former_file(tmp_path):
    docker = StandIn()
    docker.refuse = ["bogus"]
    path = tmp_path / "daemon.json"
    path.write_text("{}")
    with pytest.raises(FleetError, match="did not come back with the changed .*bogus.*the daemon runs"):
        change(docker, path, bogus=True)
    assert path.read_text() == "{}" and docker.did == ["restart", "restart"] and docker.running


def test_a_daemon_that_does_not_start_is_stopped_again(tmp_path):
    docker = StandIn(running=False)
    docker.refuse = ["bogus"]
    with pytest.raises(FleetError, match="did not start with the changed .* is stopped, as it was"):
        change(docker, tmp_path / "daemon.json", bogus=True)
    assert docker.did == ["start", "stop"] and not (tmp_path / "daemon.json").exists()


def test_a_daemon_that_never_comes_back_is_said_to(tmp_path):
    docker = StandIn()
    docker.refuse = ["second", "first"]
    with pytest.raises(FleetError, match="does not run with it either.*second"):
        change(docker, tmp_path / "daemon.json", bogus=True)


@pytest.mark.parametrize("text", ['{"a": ', "[]"])
def test_a_malformed_file_is_refused_untouched(tmp_path, text):
    path = tmp_path / "daemon.json"
    path.write_text(text)
    docker = StandIn()
    with pytest.raises(FleetError, match="malformed"):
        change(docker, path, debug=True)
    assert path.read_text() == text and not docker.did and sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ({}, {"insecure-registries": ["hub:5000", "10.1.2.3/8"]}, []),
        ({}, {"insecure-registries": ["other:5000"]}, ["insecure-registries"]),
        ({"insecure-registries": ["hub:5000"]}, {"insecure-registries": []}, ["insecure-registries"]),
        ({}, {"registry-mirrors": ["http://m:1"]}, []),
        ({}, {"registry-mirrors": ["http://n:1"]}, ["registry-mirrors"]),
        ({}, {"labels": ["a=b"], "runtimes": {"nvidia": {}}, "debug": False, "live-restore": True}, []),
        ({}, {"labels": ["c"], "runtimes": {"x": {}}, "debug": True, "default-runtime": "x"}, ["labels", "runtimes", "debug", "default-runtime"]),
        ({"data-root": "/a"}, {"data-root": "/b"}, []),
    ],
)
def test_what_a_running_daemon_shows(before, after, missing):
    info = {
        "RegistryConfig": {
            "IndexConfigs": {"hub:5000": {"Secure": False}, "docker.io": {"Secure": True}},
            "InsecureRegistryCIDRs": ["10.0.0.0/8"],
            "Mirrors": ["http://m:1/"],
        },
        "Labels": ["a=b"],
        "Runtimes": {"nvidia": {}, "runc": {}},
        "Debug": False,
        "LiveRestoreEnabled": True,
    }
    assert docker_daemon.not_taken_over(info, before, after) == missing


def test_a_diff_hides_the_proxys_password(tmp_path):
    path = tmp_path / "daemon.json"
    path.write_text('{"proxies": {"http-proxy": "http://me:c2VjcmV0@proxy:3128"}}')
    what = docker_daemon.plan(StandIn(), str(path), lambda old: {**old, "debug": True}, apply=True, start=True)
    assert "c2VjcmV0" not in str(what.diff()) and what.after["proxies"]["http-proxy"] == "http://me:c2VjcmV0@proxy:3128"
