"""The role docker with an engine from snap files, by the stand-in docker snap on real snapd: a bare host of its own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from module_runs import Hosts

pytestmark = pytest.mark.sandbox

CLONE = pathlib.Path(__file__).resolve().parents[3]
INSTANCE = "test-docker-snap"
SNAPS = [f"/opt/snaps/{name}.snap" for name in ("bare", "core", "docker")]
PLAY = {"hosts": "gpu1", "gather_facts": False, "become": True, "roles": ["studioml.fleet.docker"]}


@pytest.fixture(scope="module")
def bare() -> t.Iterator[Hosts]:
    hosts = Hosts(INSTANCE)
    hosts.sandbox("down")
    try:
        hosts.sandbox("up", "--hosts", "gpu1")
        yield hosts
    finally:
        hosts.sandbox("down")


def play(tmp_path: pathlib.Path, **variables: t.Any) -> tuple[int, str]:
    """Run the role with these variables; the exit status and what was said."""
    book = tmp_path / "play.json"
    book.write_text(json.dumps([{**PLAY, "vars": {"docker_source": "snap_file", "docker_snap_classic": True, **variables}}]), encoding="utf-8")
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    settings = {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "FLEET_SANDBOX": INSTANCE}
    words = [program, "-i", str(CLONE / "inventory/sandbox"), str(book)]
    done = subprocess.run(words, cwd=CLONE, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_file_that_is_not_there_is_named_before_anything_is_installed(bare: Hosts, tmp_path: pathlib.Path) -> None:
    status, said = play(tmp_path, docker_snap_files=[*SNAPS[:2], "/opt/snaps/none.snap"])
    assert status == 2 and "The snap file /opt/snaps/none.snap is not on the host; nothing was installed." in " ".join(said.split())
    assert bare.on("gpu1", "snap list 2>/dev/null | tail -n +2").strip() == ""


def test_the_engine_comes_from_snap_files_and_takes_its_settings(bare: Hosts, tmp_path: pathlib.Path) -> None:
    settings = {"insecure-registries": ["hub.example:5000"]}
    status, said = play(tmp_path, docker_snap_files=SNAPS, docker_settings=settings)
    assert status == 0, said
    assert json.loads(bare.on("gpu1", "cat /var/snap/docker/current/config/daemon.json"))["insecure-registries"] == ["hub.example:5000"]
    assert "hub.example:5000" in bare.on("gpu1", "/snap/bin/docker info")
    status, said = play(tmp_path, docker_snap_files=SNAPS, docker_settings=settings)
    assert status == 0 and "changed=0" in said, said
