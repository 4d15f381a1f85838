"""daemon.json: what is merged, what is refused, and what a running daemon needs afterwards."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _daemon_json as daemon_json
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

PATH = "/etc/docker/daemon.json"


@pytest.mark.parametrize("text", [None, "", " \n", "{}", "\ufeff{}"])
def test_nothing_written_is_no_settings(text):
    assert daemon_json.parse(text, PATH) == {}


@pytest.mark.parametrize(
    ("text", "words"), [('{"a": ', "malformed"), ("{a: 1}", "malformed"), ("[]", "not an object"), ("null", "not an object"), ('{"a": 1} x', "malformed")]
)
def test_malformed_text_is_refused(text, words):
    with pytest.raises(FleetError) as caught:
        daemon_json.parse(text, PATH)
    assert words in caught.value.message and PATH in caught.value.message and "left as it is" in caught.value.message


def test_merge_keeps_what_others_wrote():
    old = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}}, "insecure-registries": ["a:1"], "bip": "10.9.0.1/24"}
    new = daemon_json.merge(old, {"insecure-registries": ["b:2", "a:1", "b:2"], "runtimes": {"crun": {"path": "crun"}}, "debug": True})
    assert new == {
        "runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": []}, "crun": {"path": "crun"}},
        "insecure-registries": ["a:1", "b:2"],
        "bip": "10.9.0.1/24",
        "debug": True,
    }
    assert list(new)[:3] == list(old) and old["insecure-registries"] == ["a:1"]


def test_lists_are_replaced_on_request():
    assert daemon_json.merge({"dns": ["1.1.1.1"]}, {"dns": ["10.0.0.1"]}, merge_lists=False) == {"dns": ["10.0.0.1"]}


def test_removed_lists_that_a_reload_would_not_clear_become_empty_once():
    once = daemon_json.without_keys({"insecure-registries": ["a:1"], "debug": True}, ["insecure-registries", "debug"])
    assert once == {"insecure-registries": []}
    assert daemon_json.without_keys(once, ["insecure-registries", "debug"]) == once
    assert daemon_json.without_keys({}, ["insecure-registries"]) == {}


def test_entries_are_taken_out_of_a_list():
    assert daemon_json.without_entries({"insecure-registries": ["a:1", "b:2", "10.0.0.0/8"]}, "insecure-registries", ["a:1"]) == {
        "insecure-registries": ["b:2", "10.0.0.0/8"]
    }
    same = {"insecure-registries": ["b:2"]}
    assert daemon_json.without_entries(same, "insecure-registries", ["a:1"]) is same


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        ({}, {}, "none"),
        ({}, {"insecure-registries": ["a:1"]}, "reload"),
        ({"insecure-registries": ["a:1"]}, {"insecure-registries": []}, "reload"),
        ({"insecure-registries": ["a:1"]}, {}, "restart"),
        ({"live-restore": True}, {}, "restart"),
        ({}, {"log-driver": "local"}, "restart"),
        ({}, {"log-driver": "local", "debug": True}, "restart"),
        ({}, {"features": {"containerd-snapshotter": False}}, "restart"),
        ({}, {"runtimes": {"nvidia": {"path": "x"}}, "default-runtime": "nvidia"}, "reload"),
    ],
)
def test_action(before, after, action):
    assert daemon_json.action_for(before, after) == action


def test_flags_are_translated_to_keys():
    line = ["-H", "fd://", "--containerd=/run/containerd/containerd.sock", "--insecure-registry", "a:1", "--config-file=/x", "--log-opt=max-size=1m", "-D"]
    assert daemon_json.flag_keys(line) == ["containerd", "debug", "hosts", "insecure-registries", "log-opts"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hosts": ["fd://"]}, "both as a flag and in the configuration file"),
        ({"insecure-registries": "hub:5000"}, "has to be a list of strings"),
        ({"insecure-registries": ["http://hub:5000"]}, "without a scheme"),
        ({"registry-mirrors": ["hub:5000"]}, "begins with http"),
        ({"log-opts": {"max-file": 3}}, "takes strings only"),
        ({"log-opts": None}, "takes strings only"),
    ],
)
def test_what_keeps_the_daemon_from_starting_is_refused_before(settings, words):
    with pytest.raises(FleetError, match=words):
        daemon_json.check(settings, ["hosts"], PATH)


def test_right_settings_pass():
    daemon_json.check(
        {"insecure-registries": ["hub:5000", "10.0.0.0/8"], "registry-mirrors": ["http://hub:5000"], "log-opts": {"max-file": "3"}}, ["hosts"], PATH
    )
