# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds on two hosts at once, with a real Go test suite that runs in real pods: followed, counted, their results brought; one of them fails."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
import typing as t
from xml.etree import ElementTree

import pytest
from access import documented, token, user, write_kubeconfig
from job_runs import begin_play, jobs, module, play, pods
from module_runs import Hosts

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from fleetbox import toolchain

pytestmark = pytest.mark.sandbox

SUITE = pathlib.Path(__file__).with_name("suite")
TOKEN = "ghp_0123456789abcdefghij"
# gpu2's own file makes its build fail
SCRIPT = """
echo token: $GITHUB_TOKEN
echo "result of $(cat /suite/host)" > /out/result
if test -e /suite/fail; then export FAIL=1; fi
exec /suite/calc.test -test.v
"""
LINES = 300


@pytest.fixture(scope="session")
def suite(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The suite's program on both nodes; the folder that has it."""
    program = tmp_path_factory.mktemp("suite") / "calc.test"
    subprocess.run([toolchain.go(), "test", "-c", "-o", program, "./calc"], cwd=SUITE, env=_go_environment(), check=True, timeout=300)
    for host in ("gpu1", "gpu2"):
        hosts.on(host, "mkdir -p /var/suite; cat > /var/suite/calc.test; chmod 755 /var/suite/calc.test", stdin=program.read_bytes())
        hosts.on(host, f"echo {host} > /var/suite/host; {'touch' if host == 'gpu2' else 'rm -f'} /var/suite/fail")
    return "/var/suite"


def _go_environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}


@pytest.fixture
def given(suite: str, image: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    return {
        "build_image": image,
        "build_name": "suite",
        "build_shell": SCRIPT,
        "build_mounts": [{"path": "/suite", "host_path": suite, "read_only": True}],
        "build_results": str(tmp_path / "results"),
        "build_artefacts": "/out",
        "build_gpus": 1,
    }


def numbers(text: str, host: str) -> list[int]:
    """The numbered lines that a host's build told."""
    return [int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{host}: line ")]


def test_one_of_two_fails(inventory: pathlib.Path, apis: dict[str, Api], namespace: str, given: dict[str, t.Any]) -> None:
    done = play(inventory, "build.yml", "-vvvv", **given)
    shown, results = done.stdout, pathlib.Path(given["build_results"])
    assert done.returncode == 2, shown + done.stderr
    assert "gpu1: --- PASS: TestSum" in shown and "gpu2: --- FAIL: TestSum" in shown
    assert "suite" in shown and "ended with exit code 1" in shown and "2 of 5 tests failed: TestSum/2+2." in shown
    recap = shown[shown.index("PLAY RECAP"):]
    assert "failed=0" in recap.split("gpu1")[1].splitlines()[0] and "failed=1" in recap.split("gpu2")[1].splitlines()[0]
    # nobody reads the token: not in the most talkative output, not in any file
    assert TOKEN not in shown + done.stderr and "gpu1: token: ********" in shown
    assert not [path for path in results.rglob("*") if path.is_file() and TOKEN in path.read_text()]
    for host, failures in (("gpu1", "0"), ("gpu2", "2")):
        assert (results / host / "result").read_text() == f"result of {host}\n"
        log = (results / f"build-{host}.log").read_text()
        assert log.startswith("token: ********\n=== RUN   TestSum\n") and log.endswith("FAIL\n" if host == "gpu2" else "PASS\n")
        suites = ElementTree.parse(results / f"tests-{host}.xml").getroot()
        assert (suites.get("tests"), suites.get("failures"), suites.get("skipped")) == ("5", failures, "1")
    failure = ElementTree.parse(results / "tests-gpu2.xml").find(".//testcase[@name='TestSum/2+2']/failure")
    assert failure is not None and "4 is not the sum <of> 2 & 2" in (failure.text or "")
    # complete: removed; failed: kept to be looked at
    assert jobs(apis["gpu1"], namespace) == [] and len(jobs(apis["gpu2"], namespace)) == 1


def test_the_api_server_restarts_meanwhile(
    hosts: Hosts, inventory: pathlib.Path, apis: dict[str, Api], namespace: str, given: dict[str, t.Any]
) -> None:
    running = begin_play(inventory, "build.yml", **{**given, "build_env": {"SLOW": LINES}})
    try:
        wait_for(lambda: all(any(pod["status"]["phase"] == "Running" for pod in pods(api, namespace)) for api in apis.values()))
        hosts.on("gpu1", "snap restart microk8s.daemon-kubelite")
        shown = running.communicate(timeout=900)[0]
    finally:
        running.kill()
    assert running.returncode == 2, shown
    for host in ("gpu1", "gpu2"):
        assert numbers(shown, host) == list(range(LINES)), host
        assert [line for line in (pathlib.Path(given["build_results"]) / f"build-{host}.log").read_text().splitlines() if line.startswith("line ")] == [
            f"line {number}" for number in range(LINES)
        ]
    assert "gpu1: complete" in shown and "gpu2: failed" in shown and "2 of 5 tests failed: TestSum/2+2." in shown


def test_a_second_container_without_a_shell(inventory: pathlib.Path, apis: dict[str, Api], namespace: str, given: dict[str, t.Any]) -> None:
    done = play(inventory, "build.yml", "-l", "gpu1", **given, build_artefacts_image="sandbox.local/pause:1")
    assert done.returncode == 2 and "its container artefacts with 128 (StartError" in done.stdout
    assert "Give artefacts.image an image that has sh and tar." in done.stdout


def test_free_gpus_are_found(inventory: pathlib.Path, apis: dict[str, Api], namespace: str, given: dict[str, t.Any]) -> None:
    done = play(inventory, "build.yml", **{**given, "build_place": "free", "build_gpus": 2})
    assert done.returncode == 0, done.stdout
    assert "gpu1: complete" in done.stdout and "gpu2: " not in done.stdout[: done.stdout.index("Say how the build ended")]


def test_a_build_that_is_kept_in_four_beats(hosts: Hosts, kubeconfig: str, namespace: str, image: str, tmp_path: pathlib.Path) -> None:
    given = {"kubeconfig": kubeconfig, "namespace": namespace, "image": image, "name": "once", "again": "keep", "keep": "always", "gpus": 2}
    given["artefacts"] = {"path": "/out", "dest": str(tmp_path / "out")}
    given.update(command=["sh", "-c", "echo 'ok  \texample.org/a\t0.1s'"], github_token=TOKEN, junit=str(tmp_path / "tests.xml"))
    results = [module("build_workload", check, **given) for check in (True, False, True, False)]
    assert [result["changed"] for result in results] == [True, True, False, False]
    assert results[0]["diff"] == results[1]["diff"] and TOKEN not in str(results)
    assert results[1]["tests"]["packages"] == 1 and (tmp_path / "tests.xml").exists() and "complete already" in results[3]["warnings"][0]
    # an ordinary Job to whoever looks at it with today's commands
    kubectl = f"microk8s kubectl -n {namespace}"
    assert "condition met" in hosts.on("gpu1", f"{kubectl} wait --for=condition=complete job/once --timeout=1s")
    assert hosts.on("gpu1", f"{kubectl} logs job/once") == "ok  \texample.org/a\t0.1s\n"
    assert hosts.on("gpu1", f"{kubectl} get jobs -l fleet.studioml.ai/job=once -o name") == "job.batch/once\n"
    described = hosts.on("gpu1", f"{kubectl} describe pod -l job-name=once")
    assert "nvidia.com/gpu:  2" in described and TOKEN not in described
    again = module("build_workload", **{**given, "gpus": 1})
    assert again["failed"] and "differs in" in again["msg"] and "resources.limits.nvidia.com" in again["msg"]


def test_the_documented_roles_are_enough(api: Api, kubeconfig: str, namespace: str, image: str, tmp_path: pathlib.Path) -> None:
    """With a secret and artefacts, under restricted pod security; without the right to copy, the build is as it is and the result says what is missing."""
    roles = ("fleet-jobs", "fleet-jobs-data", "fleet-jobs-files")
    given = {"namespace": namespace, "image": image, "gpus": 0, "github_token": TOKEN, "command": ["sh", "-c", "id -u > /out/user"]}
    given["artefacts"] = {"path": "/out", "dest": str(tmp_path / "out")}
    for number in (len(roles), len(roles) - 1):
        user(api, namespace, f"builder-{number}", documented(*roles[:number]))
        path = write_kubeconfig(tmp_path / f"{number}.yaml", kubeconfig, token(api, namespace, f"builder-{number}"))
        result = module("build_workload", kubeconfig=path, **{**given, "artefacts": {**given["artefacts"], "keep_for": 120 if number == len(roles) else 3}})
        assert not result.get("failed") and result["job"]["state"] == "complete", result
        if number == len(roles):
            assert (tmp_path / "out/user").read_text() == "65532\n" and result["artefacts"]["error"] == ""
        else:
            assert "may not run commands in pods" in result["artefacts"]["error"] and "pods/exec" in result["warnings"][0]


def wait_for(condition: t.Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)
