"""hosts.toml: what we write, and what containerd would silently ignore."""

from __future__ import annotations

import tomllib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _hosts_toml as hosts_toml
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError


def test_plain_http_entry():
    text = hosts_toml.render("hub:5000", "http", ("pull", "resolve"), with_ca=False)
    assert text.startswith(hosts_toml.MARK)
    assert tomllib.loads(text) == {"server": "http://hub:5000", "host": {"http://hub:5000": {"capabilities": ["pull", "resolve"]}}}
    hosts_toml.parse(text, "x")


def test_entry_with_an_authority():
    assert tomllib.loads(hosts_toml.render("r.example.org", "https", ("pull",), with_ca=True))["host"]["https://r.example.org"] == {
        "capabilities": ["pull"],
        "ca": "ca.crt",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('server = "http://a"', r"no \[host\] table"),
        ('server = "x', "malformed: line 1"),
        ('[host."hub:5000"]', "has no scheme"),
        ('[host."http://a"]\ncapabilities = ["pul"]', "capabilities is not a list of"),
        ('[host."http://a"]\nskip_verify = "yes"', "neither true nor false"),
        ('[host."http://a"]\nca = 1', "ca is neither"),
        ("host = 1", "not a set of tables"),
        ('server = 1\n[host."http://a"]', "server is not a string"),
    ],
)
def test_what_containerd_ignores_is_refused(text, words):
    with pytest.raises(FleetError, match=words) as caught:
        hosts_toml.parse(text, "/certs.d/a/hosts.toml")
    assert "left as it is" in caught.value.hint


def test_same_means_the_same_to_containerd():
    text = hosts_toml.render("a:1", "http", ("pull",), with_ca=False)
    assert hosts_toml.same(text, "# by hand\nserver='http://a:1'\n[host.'http://a:1']\ncapabilities=['pull']")
    first, second = '[host."http://a"]\n', '[host."http://b"]\n'
    assert not hosts_toml.same(first + second, second + first)


@pytest.mark.parametrize(
    ("host", "names"), [("hub:5000", ["hub_5000_", "hub:5000"]), ("hub", ["hub"]), ("[::1]:5000", ["[::1]_5000_", "[::1]:5000"]), ("[::1]", ["[::1]"])]
)
def test_folders_in_the_order_of_containerd(host, names):
    assert hosts_toml.folder_names(host) == names


@pytest.mark.parametrize("host", ["http://hub:5000", "hub:5000/path", "hub:", "", "a b", "../etc", ".", "-x", "a/../b"])
def test_what_is_no_host_is_refused(host):
    with pytest.raises(FleetError):
        hosts_toml.check_host(host)


def test_a_scheme_in_the_host_is_explained():
    with pytest.raises(FleetError, match="Write host: hub:5000 and scheme: http"):
        hosts_toml.check_host("http://hub:5000/")
