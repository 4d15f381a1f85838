"""The kubeconfig on the controller, before it is written."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.plugin_utils import _kubeconfig_file

PRINTED = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://10.0.0.5:16443
  name: microk8s-cluster
contexts:
- context: {cluster: microk8s-cluster, user: admin}
  name: microk8s
current-context: microk8s
kind: Config
preferences: {}
users:
- name: admin
  user: {token: very-secret}
"""


def test_names_stay_or_follow_the_context():
    shaped = _kubeconfig_file.shape(PRINTED, "", "")
    assert shaped["contexts"] == [{"name": "microk8s", "context": {"cluster": "microk8s-cluster", "user": "admin"}}]
    shaped = _kubeconfig_file.shape(PRINTED, "", "gpu1")
    assert (shaped["current-context"], shaped["clusters"][0]["name"], shaped["users"][0]["name"]) == ("gpu1", "gpu1", "gpu1-admin")


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("", "https://10.0.0.5:16443"),
        ("gpu1.example.com", "https://gpu1.example.com:16443"),
        ("10.1.2.3:443", "https://10.1.2.3:443"),
        ("fd00::1", "https://[fd00::1]:16443"),
        ("[fd00::1]:443", "https://[fd00::1]:443"),
    ],
)
def test_addresses(address, server):
    assert _kubeconfig_file.shape(PRINTED, address, "")["clusters"][0]["cluster"]["server"] == server


@pytest.mark.parametrize("address", ["https://10.0.0.5", "10.0.0.5/path", "10.0.0.5:port", "user@host"])
def test_addresses_that_are_none(address):
    with pytest.raises(FleetError, match="optional port"):
        _kubeconfig_file.shape(PRINTED, address, "")


@pytest.mark.parametrize("text", ["token: very-secret\n", "clusters: []\nusers: [{name: a, user: {token: very-secret}}]\n", "a: [very-secret\n", ""])
def test_what_is_none_is_not_repeated(text):
    with pytest.raises(FleetError) as caught:
        _kubeconfig_file.shape(text, "", "")
    assert "very-secret" not in caught.value.text()


def test_written_compared_and_shown_without_its_credential(tmp_path: pathlib.Path):
    file = tmp_path / "new/config"
    wanted = _kubeconfig_file.shape(PRINTED, "", "gpu1")
    assert _kubeconfig_file.read(str(file)) is None
    assert _kubeconfig_file.show(str(file), None, wanted) == {"state": "absent"}
    _kubeconfig_file.write(str(file), wanted)
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700 and len(list(file.parent.iterdir())) == 1
    current = _kubeconfig_file.read(str(file))
    assert _kubeconfig_file.same(wanted, current) and yaml.safe_load(file.read_text())["users"][0]["user"] == {"token": "very-secret"}
    shown = _kubeconfig_file.show(str(file), current, wanted)
    assert shown == _kubeconfig_file.show(str(file), wanted, wanted) and shown["credential"] == "current"
    assert "very-secret" not in str(shown) and shown["certificate_authority"].startswith("sha256:")


def test_other_words_for_the_same_do_not_count(tmp_path: pathlib.Path):
    file = tmp_path / "config"
    wanted = _kubeconfig_file.shape(PRINTED, "", "")
    file.write_text("# a comment\n" + yaml.safe_dump({**wanted, "preferences": {"colors": True}}, sort_keys=True))
    assert _kubeconfig_file.same(wanted, _kubeconfig_file.read(str(file)))
