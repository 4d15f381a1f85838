"""The image of an experiment on a real Docker and a real registry. Pip is a stand-in, which notes when it ran."""

from __future__ import annotations

import re
import typing as t
import uuid

import pytest
from experiment_base import FOLDER, PREPARE
from experiment_base import build as build_base
from module_runs import Hosts, Result
from secure_registry import PASSWORD, SECURE_PORT, USER

pytestmark = pytest.mark.sandbox

HOST = "gpu1"
STATE = "docker image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort; find /root/experiment | sort"


@pytest.fixture(scope="module")
def hub(hosts: Hosts) -> t.Iterator[dict[str, str]]:
    """The hub's registry, trusted by Docker for the time of these tests."""
    entry = {"host": f"{hosts.address('hub')}:5000", "scheme": "http"}
    hosts.passes(HOST, "registry_trust_entry", registries=[entry], containerd="false")
    hosts.on(HOST, PREPARE)
    yield entry
    hosts.passes(HOST, "registry_trust_entry", registries=[{"host": entry["host"], "state": "absent"}], containerd="false")
    hosts.on(HOST, f"rm -rf {FOLDER}; docker image prune -af >/dev/null")


@pytest.fixture(scope="module")
def wanted(hosts: Hosts, hub: dict[str, str]) -> dict[str, t.Any]:
    build_base(hosts, HOST, hub)
    return {
        "context": f"{FOLDER}/sources",
        "base_image": f"{hub['host']}/base/python:3.12",
        "requirements": "requirements.txt",
        "command": ["sh", "train.sh"],
        "storage_dir": "/storage",
        "registry_url": f"http://{hub['host']}",
        "project": "Vision",
        "name": f"mnist-{uuid.uuid4().hex[:6]}",  # new to the registry, also on an instance that is kept
    }


def build(hosts: Hosts, wanted: dict[str, t.Any]) -> Result:
    return hosts.passes(HOST, "experiment_image", **wanted)


def seen(hosts: Hosts, image: str, script: str) -> str:
    """What a container of the image says."""
    return hosts.on(HOST, f"docker run --rm --network none --entrypoint sh {image} -c '{script}'").strip()


def test_a_tag_of_the_time_only_when_the_image_has_changed(hosts: Hosts, hub: dict[str, str], wanted: dict[str, t.Any]) -> None:
    first = hosts.four_beats(HOST, "experiment_image", STATE, **wanted)
    assert re.fullmatch(rf"{hub['host']}/vision/{wanted['name']}:\d{{8}}_\d{{6}}", first["image"])
    assert hosts.on(HOST, f"docker run --rm --network none {first['image']}").strip() == "first"
    assert seen(hosts, first["image"], "ls -a /experiment; echo $STORAGE_DIR").split() == [".", "..", "requirements.txt", "train.sh", "/storage"]
    installed = seen(hosts, first["image"], "cat /installed")

    hosts.on(HOST, f"echo 'echo second' > {FOLDER}/sources/train.sh")
    second = build(hosts, wanted)
    assert second["changed"] and second["tag"] > first["tag"] and hosts.on(HOST, f"docker run --rm --network none {second['image']}").strip() == "second"
    assert seen(hosts, second["image"], "cat /installed") == installed, "the layer with the requirements is the same"

    hosts.on(HOST, f"echo scipy >> {FOLDER}/sources/requirements.txt")
    third = build(hosts, wanted)
    assert third["changed"] and seen(hosts, third["image"], "cat /installed") != installed
    tags = hosts.on(HOST, f"curl -s http://{hub['host']}/v2/vision/{wanted['name']}/tags/list")
    assert all(one["tag"] in tags for one in (first, second, third)) and tags.count("_") == 3 and '"latest"' in tags


def test_a_base_image_that_has_moved_is_a_change(hosts: Hosts, hub: dict[str, str], wanted: dict[str, t.Any]) -> None:
    before = build(hosts, wanted)
    hosts.on(HOST, "docker image prune -af")
    assert build(hosts, wanted) == before, "the registry alone knows"
    hosts.on(HOST, f"echo '# newer' >> {FOLDER}/base/pip")
    build_base(hosts, HOST, hub)
    after = build(hosts, wanted)
    assert not before["changed"] and after["changed"] and seen(hosts, after["image"], "cat /bin/pip").endswith("# newer")


def test_a_build_that_fails_leaves_the_old_image(hosts: Hosts, wanted: dict[str, t.Any]) -> None:
    before = build(hosts, wanted)
    message = hosts.fails(HOST, "experiment_image", **{**wanted, "pip": ["no-such-program"]})["msg"]
    assert "failed" in message and "no-such-program" in message
    assert build(hosts, wanted) == before and "experiment-" not in hosts.on(HOST, f"ls -a {FOLDER}")


def test_a_registry_with_a_user(hosts: Hosts, wanted: dict[str, t.Any], site_authority: str) -> None:
    """Over TLS with a site's authority, which docker knows; the base image comes from the other registry."""
    secure = f"{hosts.address('hub')}:{SECURE_PORT}"
    hosts.passes(HOST, "registry_trust_entry", registries=[{"host": secure, "ca": site_authority}], containerd="false")
    own = {**wanted, "registry_url": f"https://{secure}"}
    try:
        assert "Give a username" in hosts.fails(HOST, "experiment_image", **own)["msg"]
        own.update(username=USER, password=PASSWORD)
        first = hosts.passes(HOST, "experiment_image", **own)
        assert first["changed"] and first["image"].startswith(secure) and PASSWORD not in str(first)
        assert not hosts.passes(HOST, "experiment_image", **own)["changed"]
    finally:
        hosts.passes(HOST, "registry_trust_entry", registries=[{"host": secure, "state": "absent"}], containerd="false")
