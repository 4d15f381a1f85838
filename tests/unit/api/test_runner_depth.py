# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""runner_deploy on a real API server: profiles, mounts, cache, groups, kinds, what is shared and what is kept. No controllers run."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import hands
import pytest
from beats import Beats, Result, call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy

pytestmark = pytest.mark.apiserver
KEYS = ("studioml-runner-key-secret", "studioml-runner-passphrase-secret", "studioml-signing", "studioml-report-keys")
OURS = {"app.kubernetes.io/managed-by": "studioml.fleet"}
CACHE = {"size": "10Gi", "claim": "cache", "storage_class": "fast"}


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace, "image": "hub:5000/runner:1", "wait": False}


def secrets(admin: Api, namespace: str, word: str = "geheim") -> None:
    """What the role runner_secrets makes, in short."""
    for name in KEYS:
        body = {"metadata": {"name": name, "labels": OURS}, "data": {"ssh-privatekey": base64.b64encode(word.encode()).decode()}}
        admin.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body=body)


def actions(result: Result) -> dict[str, str]:
    return {f"{one['kind']}/{one['name']}": one["action"] for one in result["objects"] if one["action"] != "unchanged"}


@pytest.mark.parametrize("profile", ["local", "docker", "aws", "azure", "google"])
def test_four_beats_of_each_profile(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, profile: str) -> None:
    secrets(admin, namespace)
    beats = Beats(control_plane, runner_deploy, **given, profile=profile, cache=CACHE, probes={"readiness": True}, env={"QUEUE_MATCH": "^x$"})
    read = {"local": 4, "docker": 4, "aws": 4, "azure": 3, "google": 4}[profile]
    assert beats.counts() == [16 + read, 16 + read, 9 + read, 9 + read], "one look at each Secret that has to be there, and at the claim"
    assert "geheim" not in json.dumps(beats.results)


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"cache": {"size": "20Gi", "claim": "cache"}}, {"ConfigMap/studioml-env", "Deployment/studioml-go-runner-deployment"}),
        ({"cache": None}, {"ConfigMap/studioml-env", "Deployment/studioml-go-runner-deployment"}),
        ({"secret_mounts": []}, {"Deployment/studioml-go-runner-deployment"}),
        ({"mounts": [{"path": "/tmp", "empty_dir": "2Gi"}]}, {"Deployment/studioml-go-runner-deployment"}),
        ({"probes": {"readiness": True}}, {"Deployment/studioml-go-runner-deployment"}),
        ({"gpu_product": "T4"}, {"Deployment/studioml-go-runner-deployment"}),
        ({"image_digest": "sha256:" + "a" * 64}, {"Deployment/studioml-go-runner-deployment"}),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, dict) else "",
)
def test_four_beats_of_a_change(
    control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, change: dict[str, t.Any], changed: set[str]
) -> None:
    secrets(admin, namespace)
    full = {**given, "cache": CACHE, "secret_mounts": [{"mount": "encryption"}, {"mount": "signing"}], "mounts": [{"path": "/tmp", "empty_dir": "1Gi"}]}
    call(runner_deploy, **full)
    beats = Beats(control_plane, runner_deploy, **{**full, **change})
    assert set(actions(beats.results[1])) == changed


def test_a_secret_that_has_to_be_there_is_asked_for_before_anything_is_written(
    control_plane: ControlPlane, given: dict[str, t.Any], namespace: str
) -> None:
    mark = control_plane.mark()
    wanted = {**given, "namespace": f"{namespace}-new", "secret_mounts": [{"mount": "signing"}]}
    with pytest.raises(FleetError, match=f"signing: there is no Secret studioml-signing in namespace {namespace}-new.*role runner_secrets"):
        call(runner_deploy, **wanted)
    assert not mutating(control_plane.requests(mark))
    predicted = call(runner_deploy, check=True, **wanted)
    assert predicted["changed"] and "taken for one that is still to be made" in predicted["warnings"][0]
    wanted["secret_mounts"] = [{"mount": "signing", "optional": True}]
    assert call(runner_deploy, **wanted)["changed"]


def test_a_new_key_replaces_the_pods_and_a_new_sender_does_not(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    secrets(admin, namespace)
    wanted = {**given, "secret_mounts": [{"mount": "encryption"}, {"mount": "signing"}]}
    call(runner_deploy, **wanted)
    for name, changed in (("studioml-signing", False), ("studioml-runner-key-secret", True)):
        body = {"data": {"rmq_cpu_x": "eA=="}}
        admin.request("PATCH", f"/api/v1/namespaces/{namespace}/secrets/{name}", body=body, content_type=hands.MERGE)
        assert call(runner_deploy, check=True, **wanted)["changed"] is changed
        assert call(runner_deploy, **wanted)["changed"] is changed


def test_groups_live_beside_each_other(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    one = {**given, "group": "a100", "env": {"QUEUE_MATCH": "^a100_"}, "secret_env": {"AMQP_URL": "amqp://a:b@hub"}, "cache": {"size": "2Gi", "claim": "one"}}
    two = {**given, "group": "t4", "env": {"QUEUE_MATCH": "^t4_"}, "kind": "DaemonSet"}
    call(runner_deploy, **one)
    call(runner_deploy, **two)
    assert not call(runner_deploy, **one)["changed"] and not call(runner_deploy, **two)["changed"], "neither undoes the other"
    assert hands.read(admin, namespace, "configmaps", "studioml-env-t4")["data"] == {"QUEUE_MATCH": "^t4_"}
    gone = call(runner_deploy, **{**given, "group": "a100", "state": "absent"})
    assert set(actions(gone)) == {"Deployment/studioml-go-runner-a100-deployment", "Secret/studioml-env-secret-a100", "ConfigMap/studioml-env-a100"}
    assert "ServiceAccount studioml-account" in gone["warnings"][0] and "studioml-go-runner-t4-daemonset in namespace" in gone["warnings"][0]
    assert gone["kept"] == [f"PersistentVolumeClaim/{namespace}/one"]
    assert not call(runner_deploy, **two)["changed"], "what they share is still there"
    last = call(runner_deploy, **{**given, "group": "t4", "state": "absent"})
    assert {key.split("/")[0] for key in actions(last)} == {"DaemonSet", "RoleBinding", "Role", "ServiceAccount", "ConfigMap"}


def test_a_runner_without_a_group_would_take_the_others_pods(given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given, group="a100")
    for check in (True, False):
        with pytest.raises(FleetError, match="studioml-go-runner-a100-deployment .* is the group a100, and one without a group"):
            call(runner_deploy, check, **given)
    call(runner_deploy, **{**given, "name": "other", "state_configmap": "other"})
    with pytest.raises(FleetError, match="other-deployment .* has no group, and the group x"):
        call(runner_deploy, **given, name="other", group="x")


@pytest.mark.parametrize("kind", ["DaemonSet", "Job"])
def test_four_beats_of_another_kind(control_plane: ControlPlane, given: dict[str, t.Any], kind: str) -> None:
    beats = Beats(control_plane, runner_deploy, **given, kind=kind, gpus=1)
    assert beats.counts() == [14, 14, 8, 8]
    removal = Beats(control_plane, runner_deploy, **given, state="absent")
    assert f"{kind}/studioml-go-runner-{kind.lower()}" in actions(removal.results[1])


def test_another_kind_takes_the_place_of_the_first(control_plane: ControlPlane, given: dict[str, t.Any]) -> None:
    call(runner_deploy, **given)
    beats = Beats(control_plane, runner_deploy, **given, kind="DaemonSet")
    assert actions(beats.results[1]) == {"Deployment/studioml-go-runner-deployment": "deleted", "DaemonSet/studioml-go-runner-daemonset": "created"}
    assert len(beats.requests[3]) == 8


def test_a_job_is_changed_only_by_another_one(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    wanted = {**given, "kind": "Job", "retries": 0}
    call(runner_deploy, **wanted)
    other = {**wanted, "image": "hub:5000/runner:2"}
    for check in (True, False):
        with pytest.raises(FleetError, match="studioml-go-runner-job is there with another template, and runs; .*again: replace"):
            call(runner_deploy, check, **other)
    beats = Beats(control_plane, runner_deploy, **other, again="replace")
    assert [one["action"] for one in beats.results[1]["objects"] if one["kind"] == "Job"] == ["deleted", "created"]
    # what the job controller says of one that has ended
    now = "2026-01-01T00:00:00Z"
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("SuccessCriteriaMet", "Complete")]
    status = {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": conditions}
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs/studioml-go-runner-job/status"
    admin.request("PATCH", path, body={"status": status}, content_type=hands.MERGE)
    kept = call(runner_deploy, **other)
    assert not kept["changed"] and "again: replace lets it run once more" in " ".join(kept["warnings"])
    assert [one["action"] for one in call(runner_deploy, **other, again="replace")["objects"] if one["kind"] == "Job"] == ["deleted", "created"]


def test_removal_keeps_data_until_told(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    secrets(admin, namespace)
    call(runner_deploy, **given, cache=CACHE, secret_mounts=[{"mount": "signing"}], mounts=[{"path": "/data", "claim": "theirs"}])
    claim = {"metadata": {"name": "theirs"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body=claim)
    kept = call(runner_deploy, **given, state="absent")
    assert kept["kept"] == [f"PersistentVolumeClaim/{namespace}/cache", f"Secret/{namespace}/studioml-signing"]
    assert not any(key in actions(kept) for key in ("PersistentVolumeClaim/cache", "Secret/studioml-signing"))
    beats = Beats(control_plane, runner_deploy, **given, state="absent", remove_data=True, secret_mounts=[{"mount": "signing"}])
    assert set(actions(beats.results[1])) == {"PersistentVolumeClaim/cache", "Secret/studioml-signing"}
    assert hands.read(admin, namespace, "persistentvolumeclaims", "theirs")


def test_what_a_runner_does_not_mount_is_not_its_data(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    """The message pair above all: nobody can make it again. Whether the runner is there, or gone already."""
    secrets(admin, namespace)
    call(runner_deploy, **given, secret_mounts=[{"mount": "signing"}, {"mount": "response-encrypt"}])
    template = {
        "metadata": {"labels": {"app": "theirs"}},
        "spec": {"containers": [{"name": "it", "image": "x"}], "volumes": [{"name": "it", "secret": {"secretName": "studioml-report-keys"}}]},
    }
    theirs = {"metadata": {"name": "theirs"}, "spec": {"selector": {"matchLabels": {"app": "theirs"}}, "template": template}}
    admin.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body=theirs)
    beats = Beats(control_plane, runner_deploy, **given, state="absent", remove_data=True)
    gone = {key for key in actions(beats.results[1]) if key.startswith("Secret/")}
    assert gone == {"Secret/studioml-signing"}
    assert "Secret studioml-report-keys; theirs in namespace" in " ".join(beats.results[1]["warnings"])
    left = {item["metadata"]["name"] for item in admin.request("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]}
    assert left == set(KEYS) - {"studioml-signing"}


def test_a_claim_that_is_there_is_left_as_it_is(given: dict[str, t.Any], namespace: str) -> None:
    call(runner_deploy, **given, cache=CACHE)
    result = call(runner_deploy, **given, cache={**CACHE, "size": "40Gi"})
    assert f"PersistentVolumeClaim/{namespace}/cache asks for 13Gi, not for 50Gi; it is left as it is." in result["warnings"]


def test_what_is_missing_is_said(given: dict[str, t.Any]) -> None:
    warnings = " ".join(call(runner_deploy, **given, env={"MESSAGE_CRYPT": "/x"})["warnings"])
    assert "MESSAGE_CRYPT does nothing" in warnings and "Neither AMQP_URL" in warnings and "serves no queue" in warnings


def play(tmp_path: pathlib.Path, tasks_from: str = "main", **variables: t.Any) -> str:
    """The role, as a playbook runs it."""
    clone = pathlib.Path(__file__).resolve().parents[3]
    role = {"ansible.builtin.import_role": {"name": "studioml.fleet.runner", "tasks_from": tasks_from}, "vars": variables}
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [role]}]))
    command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "--diff", tmp_path / "play.yml"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(clone / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_role(admin: Api, given: dict[str, t.Any], namespace: str, tmp_path: pathlib.Path) -> None:
    secrets(admin, namespace)
    where = {"runner_kubeconfig": given["kubeconfig"], "runner_namespace": namespace, "runner_group": "a100", "runner_wait": False}
    wanted = {**where, "runner_image": given["image"], "runner_profile": "google", "runner_cache": {"size": "10Gi"}, "runner_env": {"QUEUE_MATCH": "^a100_"}}
    assert "changed=1" in play(tmp_path, **wanted)
    deployment = hands.read(admin, namespace, "deployments", "studioml-go-runner-a100-deployment", "/apis/apps/v1")
    spec = deployment["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "11Gi", "nvidia.com/gpu": "1"}, "the profile's, where the role sets none"
    assert spec["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert "changed=0" in play(tmp_path, **wanted)
    # there is no controller here, so what is there was never up, and none is kept
    assert "changed=1" in play(tmp_path, **{**wanted, "runner_gpus": 0, "runner_kind": "DaemonSet"})
    assert "changed=1" in play(tmp_path, "remove", **{key: value for key, value in where.items() if key != "runner_wait"}, runner_remove_data=True)
    assert not admin.request("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]
