# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which contexts of which files an inventory takes, what their hosts are called, and each mistake with its message. No cluster is asked."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleParserError
from ansible.plugins.loader import inventory_loader
from ansible.template import is_trusted_as_template
from inventory_runs import Inventory

from ansible_collections.studioml.fleet.plugins.plugin_utils._inventory_contexts import chosen, files

SECRET = "geheim-4711"


def kubeconfig(path: pathlib.Path, *contexts: t.Any, server: str = "https://10.0.0.11:16443") -> pathlib.Path:
    config = {
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": SECRET}}],
        "contexts": [{"name": name, "context": {"cluster": "one", "user": "one"}} for name in contexts],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def names(given: t.Any, folder: pathlib.Path, wanted: t.Sequence[str] = (), called: str = "context") -> list[tuple[str, str, str]]:
    found = chosen(files(given, False, str(folder)), wanted, called)
    return [(one.host, one.name, os.path.relpath(one.kubeconfig, folder)) for one in found]


def test_one_path_several_and_a_list(tmp_path: pathlib.Path) -> None:
    one, two = kubeconfig(tmp_path / "one.yaml", "a", "b"), kubeconfig(tmp_path / "two.yaml", "c")
    first, second = [("a", "a", "one.yaml"), ("b", "b", "one.yaml")], [("c", "c", "two.yaml")]
    assert names(str(one), tmp_path) == first
    assert names(f"{one}:{two}", tmp_path) == names([str(one), str(two)], tmp_path) == first + second
    assert names(["two.yaml", "one.yaml"], tmp_path) == second + first


def test_wildcards_and_a_file_that_is_given_twice(tmp_path: pathlib.Path) -> None:
    kubeconfig(tmp_path / "gpu2.yaml", "b")
    kubeconfig(tmp_path / "gpu1.yaml", "a")
    (tmp_path / "gpu3.yaml").symlink_to("gpu1.yaml")
    assert names(["*.yaml", "gpu2.yaml"], tmp_path) == [("a", "a", "gpu1.yaml"), ("b", "b", "gpu2.yaml")]


def test_the_environment_is_read_again_when_a_play_runs(tmp_path: pathlib.Path) -> None:
    one, two = kubeconfig(tmp_path / "one", "a"), kubeconfig(tmp_path / "two", "b")
    alone = files(str(one), True, "/")
    assert [(file.path, file.kubeconfig) for file in alone] == [(str(one), "{{ lookup('ansible.builtin.env', 'K8S_AUTH_KUBECONFIG') }}")]
    found = files(f"{one}::{two}:", True, "/")  # an optional field of a credential that was left empty
    assert [file.path for file in found] == [str(one), str(two)]
    assert found[1].kubeconfig == "{{ lookup('ansible.builtin.env', 'K8S_AUTH_KUBECONFIG').split(':')[2] }}"
    assert all(is_trusted_as_template(file.kubeconfig) for file in [*alone, *found])


def test_contexts_by_name_and_wildcard(tmp_path: pathlib.Path) -> None:
    kubeconfig(tmp_path / "all", "research", "lab-1", "lab-2", "kind")
    assert [host for host, _name, _path in names("all", tmp_path, ["lab-*", "research"])] == ["research", "lab-1", "lab-2"]


def test_names_of_hosts(tmp_path: pathlib.Path) -> None:
    kubeconfig(tmp_path / "rack2.yaml", "arn:aws:eks:eu-west-1:1:cluster/gpu", server="https://gpu2.example.com:6443/k8s")
    kubeconfig(tmp_path / "six", "six", server="https://[fd00::1]:16443")
    assert names("rack2.yaml", tmp_path)[0][0] == "arn-aws-eks-eu-west-1-1-cluster-gpu"
    assert names("rack2.yaml", tmp_path, called="file")[0][0] == "rack2"
    assert names("rack2.yaml", tmp_path, called="server")[0][0] == "gpu2.example.com"
    assert names("six", tmp_path, called="server")[0][0] == "fd00-1"


def test_a_context_that_leads_nowhere_keeps_its_name(tmp_path: pathlib.Path) -> None:
    kubeconfig(tmp_path / "odd", "odd", server="")
    assert names("odd", tmp_path, called="server")[0][0] == "odd"


WRONG = [
    ({}, "No kubeconfig is given, and none is guessed: clusters are always named. Set the option kubeconfig, or K8S_AUTH_KUBECONFIG."),
    ({"kubeconfig": "missing"}, "The kubeconfig {place}/missing does not exist. Correct the option kubeconfig, or K8S_AUTH_KUBECONFIG."),
    ({"kubeconfig": "*.none"}, "kubeconfig: no file matches {place}/*.none. The role studioml.fleet.microk8s writes a kubeconfig for each runner host."),
    ({"kubeconfig": 5}, "kubeconfig: this is neither a path nor a list of paths. Write one path, a list, or several with ':' between them."),
    ({"kubeconfig": "torn"}, "The kubeconfig {place}/torn is malformed (line 2, column "),
    ({"kubeconfig": "other"}, "{place}/other is not a kubeconfig: it has no lists of clusters and contexts."),
    ({"kubeconfig": "empty"}, "The kubeconfig {place}/empty has no contexts."),
    ({"kubeconfig": "number"}, "The kubeconfig {place}/number has a context whose name is no text. Give each context a name, in quotes where it is a number."),
    ({"kubeconfig": "one", "contexts": ["microk8s", "rack*"]}, "contexts: no kubeconfig has a context rack*. There are: microk8s."),
    (
        {"kubeconfig": ["one", "two"]},
        "Context microk8s of {place}/one and context microk8s of {place}/two would both be the host microk8s. Set context_names to another of context, file",
    ),
    ({"kubeconfig": "one", "context": "microk8s"}, "There is no option context. The options are: cache, "),
    ({"kubeconfig": "one", "connect_timeout": 0}, "connect_timeout: 0 is no time to wait. Give a number of seconds above 0."),
    ({"kubeconfig": "one", "target_timeout": -1}, "target_timeout: -1 is no time to wait. Give a number of seconds above 0."),
    ({"kubeconfig": "one", "parallel": 0}, "parallel: 0 is too small. Give 1 or more."),
]


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with all that can be wrong."""
    for name in ("one", "two"):
        kubeconfig(tmp_path / name, "microk8s")
    kubeconfig(tmp_path / "empty")
    kubeconfig(tmp_path / "number", 7)
    (tmp_path / "torn").write_text(f"users:\n  - name: a: b\n    token: {SECRET}\n", encoding="utf-8")
    (tmp_path / "other").write_text(f"[{SECRET}]", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:40] for _options, message in WRONG])
def test_a_mistake_has_its_message(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, t.Any], message: str) -> None:
    monkeypatch.delenv("K8S_AUTH_KUBECONFIG", raising=False)
    with pytest.raises(AnsibleParserError) as refused:
        Inventory(place, **options).parse()
    words = " ".join(str(refused.value).split())
    assert message.format(place=place) in words and SECRET not in words


def test_the_configuration_file_comes_before_the_environment(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(place / "absent"))
    with pytest.raises(AnsibleParserError, match="/missing does not exist"):
        Inventory(place, kubeconfig="missing").parse()
    with pytest.raises(AnsibleParserError, match="/absent does not exist"):
        Inventory(place).parse()


def test_the_command_says_it_once_and_fails_when_told_to(place: pathlib.Path) -> None:
    inventory = Inventory(place, kubeconfig="missing")
    assert inventory.list().hosts == {}
    message = f"The kubeconfig {place}/missing does not exist. Correct the option kubeconfig, or K8S_AUTH_KUBECONFIG."
    assert inventory.output.count(f"[WARNING]: Failed to parse inventory with 'auto' plugin: {message}") == 1 and "Traceback" not in inventory.output
    inventory.environment = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
    with pytest.raises(AssertionError, match="does not exist"):
        inventory.list()
    assert "Completely failed to parse inventory source" in inventory.output


def test_a_choice_that_is_none(place: pathlib.Path) -> None:
    inventory = Inventory(place, kubeconfig="one", hosts="pods")
    inventory.list()
    assert "Invalid value 'pods' for config 'hosts'" in inventory.output and "Valid values are: contexts, nodes" in inventory.output


@pytest.mark.parametrize(("name", "ours"), [("fleet.yml", True), ("lab.fleet.yaml", True), ("fleet.json", False), ("hosts.yml", False)])
def test_names_of_configuration_files(tmp_path: pathlib.Path, name: str, ours: bool) -> None:
    (tmp_path / name).write_text("plugin: studioml.fleet.fleet\n", encoding="utf-8")
    assert inventory_loader.get("studioml.fleet.fleet").verify_file(str(tmp_path / name)) is ours


def test_the_documentation_can_be_read(tmp_path: pathlib.Path) -> None:
    inventory = Inventory(tmp_path)
    shown = json.loads(inventory.run("ansible-doc", "-t", "inventory", "-j", "studioml.fleet.fleet"))
    options = shown["studioml.fleet.fleet"]["doc"]["options"]
    assert {"kubeconfig", "contexts", "hosts", "cache", "compose", "keyed_groups", "strict"} <= set(options)
    assert options["kubeconfig"]["env"][0]["name"] == "K8S_AUTH_KUBECONFIG"
