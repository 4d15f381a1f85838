# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments of the four add-ons that can be enabled."""

from __future__ import annotations

import pytest
from standin import addon_dns, addon_gpu, addon_registry, addon_storage
from standin.track import Track

NOW = Track(36)


def test_dns_takes_servers_address_and_domain_by_position() -> None:
    assert addon_dns.parse([]) == ([], "10.152.183.10", "cluster.local")
    assert addon_dns.parse(["1.1.1.1,8.8.8.8"]) == (["1.1.1.1", "8.8.8.8"], "10.152.183.10", "cluster.local")
    assert addon_dns.parse(["1.1.1.1", "10.152.183.11", "my.domain"]) == (["1.1.1.1"], "10.152.183.11", "my.domain")


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 10.0.0.2\nsearch x\nnameserver 127.0.0.11\n", ["10.0.0.2"]),
        ("nameserver 127.0.0.11\n", ["8.8.8.8", "8.8.4.4"]),
        ("# nothing\n", ["8.8.8.8", "8.8.4.4"]),
    ],
)
def test_dns_skips_servers_that_pods_cannot_reach(text: str, servers: list[str]) -> None:
    assert addon_dns.upstream(text) == servers


@pytest.mark.parametrize(("size", "good"), [("20Gi", True), ("40Gi", True), ("100Gi", True), ("10Gi", False), ("9Gi", False), ("50G", False), ("0.1Ti", False)])
def test_registry_sizes(size: str, good: bool) -> None:
    assert addon_registry.size_is_good(size) is good


def test_registry_arguments() -> None:
    assert addon_registry.parse([], NOW) == ("20Gi", "", [])
    assert addon_registry.parse(["--size", "40Gi", "--storageclass", "fast"], NOW) == ("40Gi", "fast", [])
    size, _class, warnings = addon_registry.parse(["size=40Gi"], NOW)
    assert size == "40Gi"
    assert warnings[0].startswith("WARNING: This style of arguments is deprecated")
    assert addon_registry.parse(["size=40Gi"], Track(24)) == ("40Gi", "", [])


@pytest.mark.parametrize(("arguments", "minor"), [(["40Gi"], 36), (["--sise", "40Gi"], 36), (["--size", "10Gi"], 36), (["--size", "40Gi"], 24)])
def test_registry_arguments_that_are_refused(arguments: list[str], minor: int) -> None:
    with pytest.raises(addon_registry.ArgumentError, match="^ERROR: "):
        addon_registry.parse(arguments, Track(minor))


def test_storage_options_by_track() -> None:
    assert addon_storage.parse(["--reclaim-policy", "Retain", "--default-class", "false"], NOW).reclaim_policy == "Retain"
    with pytest.raises(SystemExit) as caught:
        addon_storage.parse(["--default-class", "false"], Track(29))
    assert caught.value.code == 2


def test_gpu_options_by_track() -> None:
    assert addon_gpu.parse(["--gpu-operator-driver", "host"], NOW).driver == "host"
    assert addon_gpu.parse(["--driver", "host"], NOW).deprecated
    assert addon_gpu.parse([], Track(33)).version == "v25.3.0"
    assert addon_gpu.parse(["force-system-driver"], Track(28)).driver == "host"
    with pytest.raises(SystemExit):
        addon_gpu.parse(["--gpu-operator-driver", "host"], Track(28))
    with pytest.raises(addon_gpu.ArgumentError):
        addon_gpu.parse(["--set", "a=b", "--gpu-operator-set", "a=b"], NOW)


@pytest.mark.parametrize(
    ("minor", "version", "result"),
    [(33, "v25.3.0", True), (34, "v25.3.2", True), (33, "v25.10.0", False), (35, "v25.3.0", False), (36, "", False)],
)
def test_the_gpu_addon_that_was_shipped_broken(minor: int, version: str, result: bool) -> None:
    assert addon_gpu.hangs(Track(minor), version) is result
