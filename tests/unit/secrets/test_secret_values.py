# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing and report keys, AWS files, tokens and pull secrets: what is taken, and what is refused with which words."""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import key_files
import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _pull_secret, _secret_values
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

AWS = {
    "credentials": "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = geheim%wort/+=\n[other]\naws_access_key_id=x\n",
    "config": "[default]\nregion = us-west-2\noutput=json",
}


def test_signing_keys() -> None:
    public = key_files.signing_key()[1]
    made = _secret_values.signing_data({"rmq_cpu_andrei_": public, "sqs_": public.rstrip()})
    assert set(made) == {"info", "rmq_cpu_andrei_", "sqs_"} and made["sqs_"] == made["rmq_cpu_andrei_"] == public
    assert set(_secret_values.signing_data({})) == {"info"}, "an empty Secret could not be mounted file by file"


@pytest.mark.parametrize(
    ("prefix", "key", "message"),
    [
        ("rmq", None, "the prefix 'rmq' is too short"),
        ("info", None, "info is the placeholder's own name"),
        ("rmq_*", None, "cannot be the name of an entry"),
        ("r" * 254, None, "cannot be the name of an entry"),
        ("rmq_", "", "signing_keys: rmq_: it is empty"),
        ("rmq_", {"a": 1}, "signing_keys: rmq_: it is not a text"),
        ("rmq_", "ssh-ed25519 AAAA", "is no key: it is damaged or cut off"),
        ("rmq_", "ssh-ed25519", "is no key: it is damaged or cut off"),
        ("rmq_", "hello", "the line begins with hello"),
        ("rmq_", "MIIC+secret= x", "the line begins with something else"),
    ],
)
def test_wrong_signing_keys(prefix: str, key: t.Any, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        _secret_values.signing_data({prefix: key_files.signing_key()[1] if key is None else key})


def test_other_kinds_of_keys() -> None:
    private, public = key_files.signing_key()
    for wrong, message in (
        (private, "this is a private key, which has no place in a cluster"),
        (public + public, "the key has 2 lines"),
        (key_files.signing_key("ecdsa")[1], "begins with ecdsa-sha2-nistp256, and the runner verifies signatures with ssh-ed25519 only"),
        (key_files.keys()["openssh_public"], "begins with ssh-rsa"),
        (public.replace("AAAAC3", "AAAAC4"), "is no key|is no Ed25519 key"),
        (f"ssh-ed25519 {key_files.keys()['openssh_public'].split()[1]}", "is no key|is no Ed25519 key"),
    ):
        with pytest.raises(FleetError, match=message) as caught:
            _secret_values.signing_data({"rmq_": wrong})
        assert private.splitlines()[2] not in caught.value.text()


def test_report_keys() -> None:
    assert _secret_values.report_data({"rmq_": key_files.keys()["public"].strip()})["rmq_"] == key_files.keys()["public"]
    for form, message in (("spki", "SubjectPublicKeyInfo"), ("openssh_public", "OpenSSH line"), ("private", "this is a private key")):
        with pytest.raises(FleetError, match=f"report_keys: rmq_: .*{message}"):
            _secret_values.report_data({"rmq_": key_files.keys()[form]})


def test_aws_files() -> None:
    assert _secret_values.aws_data(AWS) == {"credentials": AWS["credentials"], "config": f"{AWS['config']}\n"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"credentials": "[work]\naws_access_key_id = x\n"}, r"aws: credentials: there is no profile \[default\].*there is work"),
        ({"credentials": "[default]\naws_access_key_id = x\n"}, r"the profile \[default\] has no aws_secret_access_key"),
        ({"credentials": "[default]\n"}, "has no aws_access_key_id and no aws_secret_access_key"),
        ({"credentials": "aws_secret_access_key = geheim\n"}, r"is not a file of the AWS command line \(line 1\)"),
        ({"credentials": "[default]\ngeheim\n"}, r"is not a file of the AWS command line \(line 2\)"),
        ({"config": "[profile default]\nregion=x\n"}, r"aws: config: there is no profile \[default\].*there is profile default"),
        ({"config": ""}, "aws: config: it is empty"),
        ({"config": None}, "aws: config: it is empty"),
    ],
)
def test_wrong_aws_files(wrong: dict[str, t.Any], message: str) -> None:
    with pytest.raises(FleetError, match=message) as caught:
        _secret_values.aws_data({**AWS, **wrong})
    assert "geheim" not in caught.value.text()


@pytest.mark.parametrize(("token", "message"), [("", "it is empty"), ("ghp_a\n", "white space"), ("a b", "white space")])
def test_wrong_tokens(token: str, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        _secret_values.token_data(token)


def auths(registries: list[dict[str, t.Any]], name: str = "pull") -> dict[str, t.Any]:
    return json.loads(_pull_secret.configs(registries, "pull")[name])["auths"]


def test_pull_secrets() -> None:
    found = auths(
        [
            {"host": "hub:5000", "username": "puller", "password": "wort:mit:doppelpunkt", "scheme": "http"},
            {"host": "docker.io", "username": "me", "password": "p", "email": "me@example"},
            {"host": "open:5000"},
            {"host": "gone:5000", "username": "a", "password": "b", "state": "absent"},
        ]
    )
    assert set(found) == {"hub:5000", "https://index.docker.io/v1/"}
    assert base64.b64decode(found["hub:5000"]["auth"]).decode() == "puller:wort:mit:doppelpunkt"
    assert found["https://index.docker.io/v1/"]["email"] == "me@example"


def test_several_pull_secrets_and_those_that_go() -> None:
    one = {"host": "hub:5000", "username": "a", "password": "b"}
    made = _pull_secret.configs([one, {**one, "secret": "second"}, {**one, "secret": "third", "state": "absent"}, {"host": "x", "secret": "fourth"}], "pull")
    assert list(made) == ["pull", "second", "third", "fourth"]
    assert made["third"] == made["fourth"] == "" and made["pull"] == made["second"]
    assert _pull_secret.configs([], "pull") == {}


def test_credentials_of_a_file(tmp_path: pathlib.Path) -> None:
    """As docker, podman and skopeo write it, and the older long form of an address."""
    path = tmp_path / "config.json"
    encoded = base64.b64encode(b"puller:wort").decode()
    content = {"auths": {"hub:5000": {"auth": encoded}, "https://old:5000/v1/": {"auth": encoded}, "https://index.docker.io/v1/": {"auth": encoded}}}
    path.write_text(json.dumps({**content, "HttpHeaders": {}}))
    for host in ("hub:5000", "old:5000", "docker.io"):
        (found,) = auths([{"host": host, "credentials_file": str(path)}]).values()
        assert (found["username"], found["password"]) == ("puller", "wort")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("not json geheim", "is no JSON"),
        ("[]", "has no entry for it; it has none"),
        ('{"auths": {"other": {}}}', "has no entry for it; it has other"),
        ('{"auths": {"hub:5000": {}}, "credsStore": "desktop"}', "keeps the password elsewhere"),
        ('{"auths": {"hub:5000": {"auth": "geheim"}}}', "keeps the password elsewhere"),
    ],
)
def test_files_without_credentials(tmp_path: pathlib.Path, content: str | None, message: str) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FleetError, match=f"registries: hub:5000: .*{message}") as caught:
        auths([{"host": "hub:5000", "credentials_file": str(path)}])
    assert "geheim" not in caught.value.text()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"host": "http://hub:5000"}, r"registries\[0\].host: 'http://hub:5000' is not a registry"),
        ({"host": ""}, "is not a registry"),
        ({"host": "https://puller:geheim@hub:5000"}, r"registries\[0\].host: 'hub:5000' is not a registry"),
        ({"username": ""}, "has no username"),
        ({"password": None}, "has no password"),
        ({"username": "a:b"}, "the username has a colon in it"),
        ({"password": "geheim\n"}, "or one of both a newline"),
        ({"credentials_file": "/x"}, "has a credentials_file and a username or a password"),
        ({"secret": "Pull"}, r"registries\[0\].secret: 'Pull' is not a valid name"),
    ],
)
def test_wrong_registries(wrong: dict[str, t.Any], message: str) -> None:
    with pytest.raises(FleetError, match=message) as caught:
        auths([{"host": "hub:5000", "username": "puller", "password": "geheim", **wrong}])
    assert "geheim" not in caught.value.text()


def test_a_registry_that_is_given_twice() -> None:
    one = {"host": "hub:5000", "username": "a", "password": "b"}
    with pytest.raises(FleetError, match="hub:5000 is given twice for the Secret pull"):
        auths([one, one])
