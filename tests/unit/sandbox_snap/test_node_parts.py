# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's settings, tokens, what add-node prints, and the pods' network."""

from __future__ import annotations

import json

import pytest
from standin import command, joining, node_network, options, tokens


def test_settings_are_flat_lines() -> None:
    read = options.parse("---\n# played\ntrack: '1.22'  # quoted\nnever_ready: true\nfail_inside: [registry, gpu]\nstuck_enabled: storage\n")
    assert read == options.Options(track="1.22", never_ready=True, fail_inside=("registry", "nvidia"), stuck_enabled=("hostpath-storage",))


@pytest.mark.parametrize("text", ["bogus: 1", "track", "never_ready: perhaps"])
def test_settings_that_are_refused(text: str) -> None:
    with pytest.raises(options.OptionsError, match="line 1"):
        options.parse(text)


def test_no_file_is_no_settings(tmp_path) -> None:
    assert options.read(tmp_path / "none.yaml") == options.Options()


def test_a_token_is_burnt_by_its_use_unless_it_has_a_time_to_live(tmp_path) -> None:
    path = tmp_path / "tokens"
    tokens.add(path, "once", -1, now=100)
    tokens.add(path, "often", 60, now=100)
    assert [tokens.use(path, "once", now=101), tokens.use(path, "once", now=101)] == [True, False]
    assert [tokens.use(path, "often", now=101), tokens.use(path, "often", now=159), tokens.use(path, "often", now=161)] == [True, True, False]
    assert not tokens.use(path, "", now=101)
    assert path.stat().st_mode & 0o007 == 0


def test_add_node_prints_each_format() -> None:
    addresses = ["10.0.0.5", "172.17.0.1"]
    url = "10.0.0.5:25000/abc/def"
    assert joining.describe("token", "abc", "def", addresses) == "abc"
    assert joining.describe("token-check", "abc", "def", addresses) == "abc/def"
    assert joining.describe("short", "abc", "def", addresses) == f"microk8s join {url}\nmicrok8s join 172.17.0.1:25000/abc/def"
    assert json.loads(joining.describe("json", "abc", "def", addresses)) == {"token": "abc/def", "urls": [url, "172.17.0.1:25000/abc/def"]}
    assert joining.describe("yaml", "abc", "def", addresses).splitlines()[:3] == ["token: abc/def", "urls:", f"- {url}"]
    assert f"microk8s join {url} --worker" in joining.describe("pretty", "abc", "def", addresses)


@pytest.mark.parametrize(
    ("text", "good"),
    [("10.0.0.5:25000/abc/def", True), ("10.0.0.5:25000/abc", True), ("host:25000/abc/def", False), ("10.0.0.5/abc", False)],
)
def test_a_connection_names_an_address(text: str, good: bool) -> None:
    assert bool(joining.CONNECTION.match(text)) is good


def test_routes_lead_to_all_other_nodes() -> None:
    def node(name: str, address: str, pod_range: str | None) -> dict:
        spec = {"podCIDR": pod_range} if pod_range else {}
        addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]
        return {"metadata": {"name": name}, "spec": spec, "status": {"addresses": addresses}}

    nodes = [node("a", "10.0.0.1", "10.1.0.0/24"), node("b", "10.0.0.2", "10.1.1.0/24"), node("c", "10.0.0.3", None)]
    assert node_network.routes("a", nodes) == {"10.1.1.0/24": "10.0.0.2"}
    assert json.loads(node_network.network("10.1.0.0/24"))["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.1.0.0/24"}]]


def test_an_unknown_subcommand_is_named(capsys) -> None:
    assert command.main(["nonsense"]) == 1
    assert capsys.readouterr().out.startswith("'nonsense' is not a valid MicroK8s subcommand.\n")
    assert command.main([]) == 0
    assert "stand-in" in capsys.readouterr().out
