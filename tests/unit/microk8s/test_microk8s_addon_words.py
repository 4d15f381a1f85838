"""Names and words of add-ons on each track."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._addon_words import Wanted, check, find, value, with_driver, words
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._microk8s_status import Addon


def wanted(name: str, *arguments: str, repository: str = "core", enabled: bool = True) -> Wanted:
    return Wanted(name, repository, list(arguments), enabled, True)


def listed(*names: str, repository: str = "core") -> list[Addon]:
    return [Addon(name, repository, "1.0.0", False) for name in names]


@pytest.mark.parametrize(
    ("asked", "available", "used"),
    [
        ("gpu", ("gpu", "nvidia"), "nvidia"),
        ("nvidia", ("gpu", "dns"), "gpu"),
        ("gpu", ("gpu",), "gpu"),
        ("storage", ("hostpath-storage", "storage"), "hostpath-storage"),
        ("hostpath-storage", ("storage",), "storage"),
        ("dns", ("dns",), "dns"),
    ],
)
def test_the_newest_name_that_is_listed_is_used(asked, available, used):
    assert find(wanted(asked), listed(*available)).name == used


def test_without_repositories():
    assert find(wanted("dns"), listed("dns", repository="")).label() == "dns"


def test_a_name_that_is_not_listed():
    with pytest.raises(FleetError, match="no add-on core/regstry.*core/dns, core/registry"):
        find(wanted("regstry"), listed("dns", "registry"))
    with pytest.raises(FleetError, match="microk8s enable community"):
        find(wanted("argocd", repository="community"), listed("dns"))


@pytest.mark.parametrize("arguments", [["--size", "20Gi"], ["--size=40Gi"], ["size=100Gi"], [], ["--storageclass", "fast"]])
def test_sizes_that_the_registry_takes(arguments):
    check(wanted("registry", *arguments))


@pytest.mark.parametrize("size", ["10Gi", "19Gi", "5Gi", "50G", "0.1Ti", "40", "40gi", "Gi"])
def test_sizes_that_it_refuses(size):
    with pytest.raises(FleetError, match="at least 20Gi"):
        check(wanted("registry", "--size", size))
    check(wanted("registry", "--size", size, enabled=False))


@pytest.mark.parametrize("name", ["core/dns", "registry:size=40Gi", "--help", "", "Dns"])
def test_names_that_are_none(name):
    with pytest.raises(FleetError, match="is not one of an add-on"):
        check(wanted(name))


def test_values_in_all_their_forms():
    assert [value(arguments, "--size") for arguments in (["--size", "1"], ["--size=2"], ["size=3"], ["--sizes=4"], ["--size"])] == ["1", "2", "3", "", ""]


@pytest.mark.parametrize(
    ("addon", "arguments", "minor", "expected"),
    [
        (Addon("registry", "core", "2", False), ["--size", "40Gi"], 36, ["core/registry", "--size", "40Gi"]),
        (Addon("registry", "core", "2", False), ["--size", "40Gi"], 24, ["core/registry:size=40Gi"]),
        (Addon("registry", "", "2", False), ["--size=40Gi"], 22, ["registry:size=40Gi"]),
        (Addon("registry", "", "2", False), [], 0, ["registry"]),
        (Addon("dns", "", "1", False), ["10.0.0.2"], 0, ["dns:10.0.0.2"]),
        (Addon("hostpath-storage", "core", "1", True), ["destroy-storage"], 0, ["core/hostpath-storage", "destroy-storage"]),
    ],
)
def test_words_of_the_call(addon, arguments, minor, expected):
    assert words(addon, arguments, minor) == expected


def test_the_driver_is_always_named():
    nvidia, gpu, dns = (Addon(name, "core", "1", False) for name in ("nvidia", "gpu", "dns"))
    assert with_driver(nvidia, [], True) == ["--gpu-operator-driver", "host"]
    assert with_driver(nvidia, ["--gpu-operator-version", "v25.10.0"], False)[-2:] == ["--gpu-operator-driver", "operator"]
    assert with_driver(gpu, [], True) == ["--driver", "host"]
    assert with_driver(nvidia, ["--driver=host"], False) == ["--driver=host"]
    assert with_driver(dns, ["x"], True) == ["x"]
    assert with_driver(gpu._replace(repository=""), [], True) == ["force-system-driver"]
