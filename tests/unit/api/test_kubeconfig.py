# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading kubeconfigs: the good ones, and a table of bad ones with the message for each."""

from __future__ import annotations

import datetime
import json
import pathlib
import typing as t

import pytest
import yaml
from certificates import Authority

from ansible_collections.studioml.fleet.plugins.module_utils import _kubeconfig, _tls
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import KubeconfigMissing, load

SECRET = "c2VjcmV0"


def config(**changes: t.Any) -> dict[str, t.Any]:
    made: dict[str, t.Any] = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": "https://host:16443/"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "lab"}}, {"name": "two", "context": {"cluster": "c"}}],
        "users": [{"name": "u", "user": {"token": SECRET}}],
    }
    return {**made, **changes}


def write(path: pathlib.Path, content: t.Any) -> str:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(path)


def test_a_token(tmp_path: pathlib.Path) -> None:
    target = load(write(tmp_path / "k", config()))
    assert (target.server, target.namespace, target.token, target.context) == ("https://host:16443", "lab", SECRET, "one")
    assert SECRET not in repr(target) and SECRET not in target.name


def test_another_context_and_its_default_namespace(tmp_path: pathlib.Path) -> None:
    target = load(write(tmp_path / "k", config()), "two")
    assert (target.context, target.namespace, target.token) == ("two", "default", "")


def test_files_beside_it(tmp_path: pathlib.Path) -> None:
    pair = Authority("a").client("x")
    for name, content in (("ca.pem", b"CA"), ("c.pem", pair.certificate), ("k.pem", pair.key), ("t", b"tok\n")):
        (tmp_path / name).write_bytes(content)
    cluster = {"server": "https://h", "certificate-authority": "ca.pem"}
    user = {"client-certificate": "c.pem", "client-key": "k.pem", "tokenFile": "t"}
    path = write(tmp_path / "k", config(clusters=[{"name": "c", "cluster": cluster}], users=[{"name": "u", "user": user}]))
    target = load(path)
    assert (target.ca, target.certificate, target.token) == (b"CA", pair.certificate, "tok")


def test_a_file_that_changes_is_read_again(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path / "k", config())
    assert load(path).token == SECRET
    write(tmp_path / "k", config(users=[{"name": "u", "user": {"token": "another-one"}}]))
    assert load(path).token == "another-one"


def test_json_needs_no_yaml(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kubeconfig, "HAS_YAML", False)
    assert load(write(tmp_path / "k", json.dumps(config()))).token == SECRET


def test_yaml_without_the_package(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kubeconfig, "HAS_YAML", False)
    with pytest.raises(FleetError, match="no PyYAML.*kubeconfig_on: controller"):
        load(write(tmp_path / "k", config()))


BAD: list[tuple[str, t.Any, str]] = [
    ("empty", "", "is not a kubeconfig"),
    ("a list", "- 1", "is not a kubeconfig"),
    ("not text", "\x00\x01", "malformed"),
    ("malformed", f"clusters: [\n token: {SECRET}", r"malformed \(line \d, column"),
    ("tab", f"clusters:\n\t- {SECRET}", "malformed"),
    ("no current context", config(**{"current-context": ""}), "Set context to one of: one, two"),
    ("unknown context", config(**{"current-context": "three"}), r"no context 'three'.*It has: one, two"),
    ("unknown cluster", config(clusters=[]), r"no cluster 'c', which context one names.*\(none\)"),
    ("unknown user", config(users=None), "no user 'u'"),
    ("no server", config(clusters=[{"name": "c", "cluster": {}}]), "no usable server"),
    ("server of a wrong type", config(clusters=[{"name": "c", "cluster": {"server": 16443}}]), "no usable server"),
    ("bad base64", config(clusters=[{"name": "c", "cluster": {"server": "https://h", "certificate-authority-data": "%%"}}]), "not valid base64"),
    ("half a pair", config(users=[{"name": "u", "user": {"client-certificate-data": SECRET}}]), "client-key-data is missing"),
    ("file that is not there", config(users=[{"name": "u", "user": {"tokenFile": "nope"}}]), "refers to .*nope, which cannot be read: No such file"),
]


@pytest.mark.parametrize(("content", "message"), [(content, message) for _name, content, message in BAD], ids=[name for name, _content, _message in BAD])
def test_a_bad_kubeconfig_is_one_clear_message(tmp_path: pathlib.Path, content: t.Any, message: str) -> None:
    with pytest.raises(FleetError, match=f"(?s){message}") as caught:
        load(write(tmp_path / "k", content))
    assert SECRET not in caught.value.text()


def test_a_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(KubeconfigMissing, match="does not exist.*fleet_kubeconfig"):
        load(str(tmp_path / "nope"))


def test_a_directory(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FleetError, match="cannot be read: Is a directory"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"certificate-authority-data": "Zm9v"}, {}, "certificate authority .* is not valid PEM"),
        ({}, {"client-certificate-data": "Zm9v", "client-key-data": "Zm9v"}, "client certificate and key .* do not fit or are not valid PEM"),
    ],
)
def test_certificates_that_are_none(tmp_path: pathlib.Path, cluster: dict[str, str], user: dict[str, str], message: str) -> None:
    path = write(tmp_path / "k", config(clusters=[{"name": "c", "cluster": {"server": "https://h", **cluster}}], users=[{"name": "u", "user": user}]))
    with pytest.raises(FleetError, match=message):
        _tls.context(load(path))


def test_the_end_of_a_certificate_can_be_read() -> None:
    life = datetime.timedelta(days=3)
    ends = _tls.expiry(Authority("a").client("x", life=life).certificate)
    assert ends is not None
    assert abs(ends - datetime.datetime.now(datetime.UTC) - life) < datetime.timedelta(minutes=1)
    assert _tls.expiry(b"nonsense") is None
