# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""runner_secrets on a real API server: four beats, rotation, what others made, a controller that is stopped, least privilege, bad input, removal."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import pathlib
import sys
import threading
import typing as t

import hands
import pytest
from beats import Beats, Result, call
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils import _message_pair, _rest
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_secrets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "secrets"))
import key_files  # noqa: E402

pytestmark = pytest.mark.apiserver
KEY, PASSPHRASE, PREVIOUS = "studioml-runner-key-secret", "studioml-runner-passphrase-secret", "studioml-runner-key-secret-previous"
AWS = {"credentials": "[default]\naws_access_key_id = AKIAX\naws_secret_access_key = geheim-aws\n", "config": "[default]\nregion = us-west-2\n"}
EVERYTHING = {KEY, PASSPHRASE, "studioml-signing", "studioml-report-keys", "studioml-runner-aws-sqs", "studioml-go-docker-key", "release-github-token"}


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace, "key_bits": 2048}


@pytest.fixture
def full(given: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        **given,
        "signing_keys": {"rmq_gpu_": key_files.signing_key()[1]},
        "report_keys": {"rmq_gpu_": key_files.keys()["public"]},
        "aws": AWS,
        "registries": [{"host": "hub:5000", "username": "puller", "password": "geheim-hub"}],
        "github_token": "ghp_geheim",
    }


def actions(result: Result) -> dict[str, str]:
    return {one["name"]: one["action"] for one in result["objects"]}


def data(admin: Api, namespace: str, name: str) -> dict[str, str]:
    stored = hands.read(admin, namespace, "secrets", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in stored.items()}


def names(admin: Api, namespace: str) -> set[str]:
    listed = admin.request("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]
    return {one["metadata"]["name"] for one in listed}


def pair(admin: Api, namespace: str) -> tuple[str, str, str]:
    keys = data(admin, namespace, KEY)
    return keys["ssh-privatekey"], keys["ssh-publickey"], data(admin, namespace, PASSPHRASE)["ssh-passphrase"]


def by_hand(admin: Api, namespace: str, name: str, content: dict[str, str], kind: str = "Opaque") -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": content}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/secrets", {"fieldManager": "kubectl-create"}, body)


def opened(private: str, passphrase: str, folder: pathlib.Path) -> str:
    """The public key that openssl finds in a private one."""
    word = folder / "word"
    word.write_text(passphrase)
    return key_files.run("openssl", "rsa", "-passin", f"file:{word}", "-RSAPublicKey_out", stdin=private)


def test_four_beats(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    beats = Beats(control_plane, runner_secrets, **given)
    # The list, four that are not in it, the namespace, four written (the two of the pair in three steps, so that no two runs write it); then the list alone.
    assert beats.counts() == [10, 14, 1, 1]
    assert [result["key_pair"]["origin"] for result in beats.results] == ["generated", "generated", "kept", "kept"]


def test_four_beats_of_everything(control_plane: ControlPlane, admin: Api, full: dict[str, t.Any], namespace: str) -> None:
    beats = Beats(control_plane, runner_secrets, **full)
    assert beats.counts() == [16, 20, 1, 1]
    assert names(admin, namespace) == EVERYTHING
    private, public, passphrase = pair(admin, namespace)
    shown = json.dumps(beats.results)
    assert "geheim" not in shown and passphrase not in shown and "PRIVATE" not in shown and private.splitlines()[5] not in shown
    assert beats.results[-1]["key_pair"] == {**beats.results[1]["key_pair"], "origin": "kept"}


def test_four_beats_with_a_namespace_that_is_not_there(control_plane: ControlPlane, full: dict[str, t.Any], namespace: str) -> None:
    beats = Beats(control_plane, runner_secrets, **{**full, "namespace": f"{namespace}-new"})
    assert actions(beats.results[0]) == actions(beats.results[1]) == {**dict.fromkeys(EVERYTHING, "created"), f"{namespace}-new": "created"}


def test_what_is_stored_is_what_a_runner_reads(admin: Api, full: dict[str, t.Any], namespace: str, tmp_path: pathlib.Path) -> None:
    """Decoded by openssl and ssh-keygen, which know nothing of our code."""
    result = call(runner_secrets, **full)
    private, public, passphrase = pair(admin, namespace)
    assert private.startswith("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,")
    assert passphrase and not passphrase.endswith("\n")
    assert opened(private, passphrase, tmp_path) == public == result["key_pair"]["public_key"]
    with pytest.raises(AssertionError):
        opened(private, f"{passphrase}x", tmp_path)
    assert set(data(admin, namespace, "studioml-signing")) == {"info", "rmq_gpu_"}
    assert data(admin, namespace, "studioml-report-keys")["rmq_gpu_"] == key_files.keys()["public"]
    assert data(admin, namespace, "studioml-runner-aws-sqs") == AWS
    assert data(admin, namespace, "release-github-token") == {"github_token": "ghp_geheim"}
    stored = hands.read(admin, namespace, "secrets", "studioml-go-docker-key")
    assert stored["type"] == "kubernetes.io/dockerconfigjson"
    assert json.loads(base64.b64decode(stored["data"][".dockerconfigjson"]))["auths"]["hub:5000"]["password"] == "geheim-hub"


def test_a_pair_that_is_given(admin: Api, given: dict[str, t.Any], namespace: str, control_plane: ControlPlane) -> None:
    keys = key_files.keys()
    beats = Beats(control_plane, runner_secrets, **given, private_key=keys["private"], passphrase=key_files.PASSPHRASE)
    assert pair(admin, namespace) == (keys["private"], keys["public"], key_files.PASSPHRASE)
    assert beats.results[1]["key_pair"]["fingerprint"] == keys["fingerprint"]
    assert key_files.PASSPHRASE not in json.dumps(beats.results, ensure_ascii=False)


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"signing_keys": {}}, {"studioml-signing"}),
        ({"signing_keys": None}, set()),
        ({"report_keys": {}}, {"studioml-report-keys"}),
        ({"aws": None, "github_token": None}, set()),
        ({"github_token": "ghp_anders"}, {"release-github-token"}),
        ({"registries": [{"host": "hub:5000", "username": "puller", "password": "anders"}]}, {"studioml-go-docker-key"}),
        ({"registries": [{"host": "hub:5000", "state": "absent"}]}, {"studioml-go-docker-key"}),
    ],
    ids=["no-signing", "signing-not-said", "no-report", "not-said", "token", "password", "registry-gone"],
)
def test_four_beats_of_a_change(control_plane: ControlPlane, full: dict[str, t.Any], change: dict[str, t.Any], changed: set[str]) -> None:
    call(runner_secrets, **full)
    wanted = {**full, **change}
    if not changed:
        assert not call(runner_secrets, **wanted)["changed"]
        return
    beats = Beats(control_plane, runner_secrets, **wanted)
    assert {name for name, action in actions(beats.results[1]).items() if action != "unchanged"} == changed
    assert "geheim" not in json.dumps(beats.results) and "anders" not in json.dumps(beats.results)


def test_a_rotation(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, tmp_path: pathlib.Path) -> None:
    call(runner_secrets, **given)
    old = pair(admin, namespace)
    predicted = call(runner_secrets, True, **given, rotate=True)
    assert pair(admin, namespace) == old and PREVIOUS not in names(admin, namespace)
    made = call(runner_secrets, **given, rotate=True)
    assert predicted["diff"] == made["diff"] and made["changed"] and made["key_pair"]["previous"]
    new, kept = pair(admin, namespace), data(admin, namespace, PREVIOUS)
    assert (kept["ssh-privatekey"], kept["ssh-publickey"], kept["ssh-passphrase"]) == old
    assert new[0] != old[0] and new[1] != old[1] and new[2] == old[2] and opened(new[0], new[2], tmp_path) == new[1]
    mark = control_plane.mark()
    for more in ({"rotate": True}, {}):
        again = call(runner_secrets, **given, **more)
        assert not again["changed"] and again["key_pair"]["previous"] and pair(admin, namespace) == new
    assert len(control_plane.requests(mark)) == 2
    for check in (True, False):
        assert actions(call(runner_secrets, check, **given, drop_previous=True))[PREVIOUS] == "deleted"
    assert PREVIOUS not in names(admin, namespace) and pair(admin, namespace) == new
    assert not call(runner_secrets, **given, drop_previous=True)["changed"]
    assert call(runner_secrets, **given, rotate=True)["changed"], "a rotation that was ended may be followed by another"


def test_the_way_back(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    """As docs/secrets.md has it."""
    call(runner_secrets, **given)
    old = pair(admin, namespace)
    call(runner_secrets, **given, rotate=True)
    new = pair(admin, namespace)
    kept = data(admin, namespace, PREVIOUS)
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{PREVIOUS}")
    call(runner_secrets, **given, rotate=True, private_key=kept["ssh-privatekey"], passphrase=kept["ssh-passphrase"])
    assert pair(admin, namespace) == old and data(admin, namespace, PREVIOUS)["ssh-publickey"] == new[1]


def pod(admin: Api, namespace: str, name: str, volume: dict[str, t.Any], started: str) -> None:
    container = {"name": "studioml-go-runner", "image": "x"}
    spec = {"containers": [container], "volumes": [{"name": "keys", **volume}], "automountServiceAccountToken": False}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body={"metadata": {"name": name}, "spec": spec})
    status = hands.running()
    status["containerStatuses"][0]["state"]["running"]["startedAt"] = started
    hands.report(admin, namespace, name, status)


def test_the_old_pair_stays_while_a_runner_has_it(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_secrets, **given)
    projected = {"projected": {"sources": [{"secret": {"name": PASSPHRASE}}]}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body={"metadata": {"name": "default"}})
    pod(admin, namespace, "old", {"secret": {"secretName": KEY}}, "2020-01-01T00:00:00Z")
    pod(admin, namespace, "old-too", projected, "2020-01-01T00:00:00Z")
    pod(admin, namespace, "other", {"secret": {"secretName": "another"}}, "2020-01-01T00:00:00Z")
    pod(admin, namespace, "new", {"secret": {"secretName": KEY}}, "2999-01-01T00:00:00Z")
    call(runner_secrets, **given, rotate=True)
    for check in (True, False):
        with pytest.raises(FleetError, match=f"drop_previous: old, old-too in namespace {namespace} began before the new pair was written"):
            call(runner_secrets, check, **given, drop_previous=True)
    assert PREVIOUS in names(admin, namespace)
    for name in ("old", "old-too"):
        admin.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", body={"gracePeriodSeconds": 0})
    assert call(runner_secrets, **given, drop_previous=True)["changed"]


class Killed(BaseException):
    """Stands for the controller's end at one moment."""


@pytest.mark.parametrize(("rotate", "moment"), [(False, moment) for moment in range(7)] + [(True, moment) for moment in range(5)])
def test_a_controller_that_is_stopped(
    admin: Api, given: dict[str, t.Any], namespace: str, rotate: bool, moment: int, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Whatever is written by then: the next run ends with a pair that fits, and a rotation never loses the old one."""
    if rotate:
        call(runner_secrets, **given)
    wanted = {**given, "rotate": rotate, "passphrase": "neues-wort"}
    old = pair(admin, namespace) if rotate else None
    sent, writes = _rest.Api.request, [0]

    def stopping(api: Api, method: str, path: str, query: dict[str, t.Any] | None = None, *more: t.Any, **named: t.Any) -> dict[str, t.Any]:
        if method == "PATCH" and "dryRun" not in (query or {}):
            if writes[0] == moment:
                raise Killed
            writes[0] += 1
        return sent(api, method, path, query, *more, **named)

    with monkeypatch.context() as patched:
        patched.setattr(_rest.Api, "request", stopping)
        with pytest.raises(Killed):
            call(runner_secrets, **wanted)
    assert call(runner_secrets, **wanted)["key_pair"]["previous"] == rotate
    private, public, passphrase = pair(admin, namespace)
    assert passphrase == "neues-wort" and opened(private, passphrase, tmp_path) == public
    if old:
        kept = data(admin, namespace, PREVIOUS)
        assert (kept["ssh-privatekey"], kept["ssh-publickey"]) == old[:2] and public != old[1]
        # the new passphrase may have been written before the controller was stopped; the old key is of no use without its own
        assert kept["ssh-passphrase"] == old[2]


@pytest.mark.parametrize("rotate", [False, True])
def test_hosts_of_one_cluster_at_the_same_moment(admin: Api, given: dict[str, t.Any], namespace: str, rotate: bool, tmp_path: pathlib.Path) -> None:
    """Each would make a pair of its own; they all end with the same one."""
    old = {}
    if rotate:
        old = call(runner_secrets, **given)["key_pair"]
    together = threading.Barrier(5)

    def one(_number: int) -> Result:
        together.wait(120)
        return call(runner_secrets, **given, rotate=rotate)

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        results = list(pool.map(one, range(5)))
    private, public, passphrase = pair(admin, namespace)
    assert opened(private, passphrase, tmp_path) == public
    assert {result["key_pair"]["public_key"] for result in results} == {public}
    assert sum(result["key_pair"]["origin"] == "generated" for result in results) == 1
    if rotate:
        assert public != old["public_key"] == data(admin, namespace, PREVIOUS)["ssh-publickey"]
    again = call(runner_secrets, **given)
    assert not again["changed"] and again["key_pair"]["public_key"] == public
    managers = {one["manager"] for name in (KEY, PASSPHRASE) for one in hands.read(admin, namespace, "secrets", name)["metadata"]["managedFields"]}
    assert managers == {"studioml.fleet"}, "no claim is left"


def test_a_pair_that_a_person_has_made_is_kept(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    keys = key_files.keys()
    by_hand(admin, namespace, KEY, {"ssh-privatekey": keys["private"], "ssh-publickey": keys["public"]})
    by_hand(admin, namespace, PASSPHRASE, {"ssh-passphrase": key_files.PASSPHRASE})
    result = call(runner_secrets, **given)
    assert result["key_pair"]["origin"] == "kept" and result["key_pair"]["fingerprint"] == keys["fingerprint"]
    assert {actions(result)[name] for name in (KEY, PASSPHRASE)} == {"unchanged"}
    with pytest.raises(FleetError, match="ssh-p.*key is set by kubectl-create.*force_conflicts: true"):
        call(runner_secrets, **given, rotate=True)
    assert PREVIOUS not in names(admin, namespace), "what cannot be rotated is not half rotated"
    made = call(runner_secrets, **given, rotate=True, force_conflicts=True)
    assert made["key_pair"]["origin"] == "generated" and data(admin, namespace, PREVIOUS)["ssh-privatekey"] == keys["private"]
    mark = control_plane.mark()
    assert not call(runner_secrets, **given)["changed"] and len(control_plane.requests(mark)) <= 2
    assert set(actions(call(runner_secrets, **given, state="absent"))) == {"studioml-signing", "studioml-report-keys"}


def test_a_pair_that_cannot_work_is_named(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    keys = key_files.keys()
    by_hand(admin, namespace, KEY, {"ssh-privatekey": keys["private"], "ssh-publickey": keys["public"]})
    by_hand(admin, namespace, PASSPHRASE, {"ssh-passphrase": f"{key_files.PASSPHRASE}\n"})
    with pytest.raises(FleetError, match=f"Secret {namespace}/{KEY}: it begins or ends with a newline") as caught:
        call(runner_secrets, **given)
    assert key_files.PASSPHRASE not in caught.value.text() and names(admin, namespace) == {KEY, PASSPHRASE}


def test_what_somebody_has_changed_is_proven_again(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(runner_secrets, **given)
    body = {"stringData": {"ssh-passphrase": "ganz-anders"}}
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/secrets/{PASSPHRASE}", {"fieldManager": "kubectl-edit"}, body, hands.MERGE)
    with pytest.raises(FleetError, match="does not open the key") as caught:
        call(runner_secrets, **given)
    assert "ganz-anders" not in caught.value.text()


def test_keys_of_others_are_left_alone(admin: Api, full: dict[str, t.Any], namespace: str) -> None:
    by_hand(admin, namespace, "studioml-signing", {"theirs_": "x"})
    plain = {**full, "signing_keys": None}
    assert actions(call(runner_secrets, **plain))["studioml-signing"] == "unchanged"
    assert data(admin, namespace, "studioml-signing") == {"theirs_": "x"}
    call(runner_secrets, **full)
    assert set(data(admin, namespace, "studioml-signing")) == {"theirs_", "rmq_gpu_", "info"}
    with pytest.raises(FleetError, match=r"data\.theirs_ is set by kubectl-create"):
        call(runner_secrets, **{**full, "signing_keys": {"theirs_": key_files.signing_key()[1]}})


def test_removal_keeps_the_pair_unless_told(control_plane: ControlPlane, admin: Api, full: dict[str, t.Any], namespace: str) -> None:
    call(runner_secrets, **full)
    by_hand(admin, namespace, "studioml-go-docker-key-2", {"a": "b"})
    beats = Beats(control_plane, runner_secrets, **full, state="absent")
    assert names(admin, namespace) == {KEY, PASSPHRASE, "studioml-go-docker-key-2"} and beats.counts()[2:] == [1, 1]
    assert "geheim" not in json.dumps(beats.results)
    assert set(actions(call(runner_secrets, **full, state="absent", remove_key_pair=True))) == {KEY, PASSPHRASE}


RIGHTS = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": sorted(EVERYTHING | {PREVIOUS}), "verbs": ["get", "create", "patch"]}]
END = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [PREVIOUS], "verbs": ["delete"]}
REMOVAL = [END, {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]


def least(admin: Api, control_plane: ControlPlane, namespace: str, rules: list[dict[str, t.Any]]) -> str:
    user = f"secrets-{namespace}"
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    hands.apply(admin, f"{rbac}/roles/{user}", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": user}, "rules": rules}, "t")
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user}
    body = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": user}, "roleRef": ref}
    hands.apply(admin, f"{rbac}/rolebindings/{user}", {**body, "subjects": [{"kind": "User", "name": user, "apiGroup": ref["apiGroup"]}]}, "t")
    hands.await_rights(admin, user, rules, namespace)
    return str(control_plane.kubeconfig(user, user, []))


def test_least_privilege(control_plane: ControlPlane, admin: Api, full: dict[str, t.Any], namespace: str) -> None:
    """These rights are enough for all of it, they reach no other Secret, and each of them is needed."""
    user = {**full, "kubeconfig": least(admin, control_plane, namespace, RIGHTS + REMOVAL), "create_namespace": False}
    by_hand(admin, namespace, "another", {"a": "b"})
    mark = control_plane.mark()
    for more in ({}, {}, {"rotate": True}, {"drop_previous": True}):
        call(runner_secrets, **user, **more)
    asked = {(one["verb"], one["objectRef"].get("name")) for one in control_plane.requests(mark) if one["responseStatus"]["code"] < 400}
    assert not [name for _verb, name in asked if name == "another"]
    review = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    for verb, name, allowed in (("get", KEY, True), ("get", "another", False), ("list", "", False), ("delete", KEY, False), ("create", "another", False)):
        attributes = {"namespace": namespace, "verb": verb, "resource": "secrets", "name": name}
        spec = {"user": f"secrets-{namespace}", "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        assert admin.request("POST", review, body=body)["status"]["allowed"] is allowed, (verb, name)


@pytest.mark.parametrize(("rules", "message"), [([END], "lacks the verb 'list' on pods"), (REMOVAL[1:], "lacks the verb 'delete' on secrets")])
def test_the_end_of_a_rotation_needs_its_rights(
    control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, rules: list[dict[str, t.Any]], message: str
) -> None:
    user = {**given, "kubeconfig": least(admin, control_plane, namespace, RIGHTS + rules), "create_namespace": False}
    for more in ({}, {"rotate": True}):
        call(runner_secrets, **user, **more)
    with pytest.raises(FleetError, match=message):
        call(runner_secrets, **user, drop_previous=True)
    assert PREVIOUS in names(admin, namespace)


@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_each_right_is_needed(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, verb: str) -> None:
    fewer = [{**RIGHTS[0], "verbs": [one for one in RIGHTS[0]["verbs"] if one != verb]}]
    user = {**given, "kubeconfig": least(admin, control_plane, namespace, fewer), "create_namespace": False}
    with pytest.raises(FleetError, match=f"lacks the verb '{verb}' on secrets"):
        call(runner_secrets, **user)
    assert not names(admin, namespace)


BAD: list[tuple[dict[str, t.Any], str]] = [
    ({"private_key": lambda: key_files.keys()["openssh"], "passphrase": key_files.PASSPHRASE}, "private_key: the key is a PEM block BEGIN OPENSSH"),
    ({"private_key": lambda: key_files.keys()["private"], "passphrase": "geheim"}, "does not open the key"),
    ({"private_key": lambda: key_files.keys()["private"]}, "private_key is given without its passphrase"),
    ({"passphrase": "geheim\n"}, "passphrase: it begins or ends with a newline"),
    ({"signing_keys": {"abc": "x"}}, "signing_keys: the prefix 'abc' is too short"),
    ({"report_keys": {"rmq_": lambda: key_files.keys()["spki"]}}, "report_keys: rmq_: the key is in the form SubjectPublicKeyInfo"),
    ({"aws": {"credentials": "[geheim", "config": "x"}}, "aws: credentials: it is not a file of the AWS command line"),
    ({"registries": [{"host": "http://hub", "password": "geheim"}]}, r"registries\[0\].host"),
    ({"github_token": "geheim\n"}, "github_token: it has white space in it"),
    ({"key_secret": "Key"}, "key_secret: 'Key' is not a valid name"),
    ({"signing_secret": KEY}, f"Two of the Secrets would be called {KEY}"),
    ({"rotate": True, "drop_previous": True}, "rotate and drop_previous are both set"),
    ({"namespace": "not-there", "create_namespace": False}, 'namespaces "not-there" not found'),
    ({"cluster_id": "another"}, "leads to another cluster"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=lambda value: "-".join(value) if isinstance(value, dict) else "")
def test_bad_input_stores_nothing(admin: Api, full: dict[str, t.Any], namespace: str, wrong: dict[str, t.Any], message: str) -> None:
    made = {key: value() if callable(value) else value for key, value in wrong.items()}
    made = {key: {k: v() if callable(v) else v for k, v in value.items()} if isinstance(value, dict) else value for key, value in made.items()}
    for check in (True, False):
        with pytest.raises(FleetError, match=message) as caught:
            call(runner_secrets, check, **{**full, **made})
        assert "geheim" not in caught.value.text()
    assert not names(admin, namespace)


def test_a_namespace_that_is_being_deleted(admin: Api, namespace: str, given: dict[str, t.Any]) -> None:
    admin.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body={"metadata": {"name": "held", "finalizers": ["fleet.test/hold"]}})
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}")
    for check in (True, False):
        with pytest.raises(FleetError, match=f"Namespace {namespace} is being deleted"):
            call(runner_secrets, check, **given)
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/held", body={"metadata": {"finalizers": None}}, content_type=hands.MERGE)


def test_a_kubeconfig_that_is_still_to_be_written(full: dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    result = call(runner_secrets, check=True, **{**full, "kubeconfig": str(tmp_path / "later")})
    assert result["changed"] and set(actions(result).values()) == {"created"} and set(actions(result)) > EVERYTHING
    assert "is taken for one that is still to be written" in result["warnings"][0]


def test_an_unchanged_run_loads_no_cryptography(given: dict[str, t.Any], monkeypatch: pytest.MonkeyPatch) -> None:
    call(runner_secrets, **given)
    monkeypatch.setattr(_message_pair, "_cryptography", lambda: pytest.fail("cryptography was loaded"))
    assert not call(runner_secrets, **given)["changed"]
