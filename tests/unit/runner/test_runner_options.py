# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Profiles, groups, kinds, mounts and the cache: from options to objects, without an API server."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.studioml.fleet.plugins.module_utils import _profiles, _runner_options
from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy

DIGEST = "sha256:" + "0123456789abcdef" * 4


def runner(**given: t.Any) -> workload.Runner:
    checked = ArgumentSpecValidator(runner_deploy.ARGUMENTS).validate({"image": "hub:5000/runner:1", **given})
    assert not checked.error_messages, checked.error_messages
    return _runner_options.runner_of(checked.validated_parameters, "ns").runner


def pod(made: workload.Runner) -> dict[str, t.Any]:
    return workload.workload(made)["spec"]["template"]["spec"]


def mounted(made: workload.Runner) -> dict[str, dict[str, t.Any]]:
    """What is mounted, by path."""
    spec = pod(made)
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    return {one["mountPath"]: volumes[one["name"]] for one in spec["containers"][0].get("volumeMounts", [])}


@pytest.mark.parametrize(
    ("profile", "gpus", "memory", "work", "secrets"),
    [
        ("local", 0, "8Gi", None, 4),
        ("docker", 0, "4Gi", None, 4),
        ("aws", 1, "32Gi", "200Gi", 5),
        ("azure", 1, "40Gi", "80Gi", 3),
        ("google", 1, "11Gi", "200Gi", 5),
    ],
)
def test_profiles_ask_for_what_the_manifests_do(profile: str, gpus: int, memory: str, work: str | None, secrets: int) -> None:
    made = runner(profile=profile)
    assert (made.gpus, made.limits["memory"], len(made.volumes.secrets), made.kind) == (gpus, memory, secrets, "Deployment")
    folder = mounted(made).get("/tmp")
    assert (folder or {}).get("emptyDir") == ({"sizeLimit": work} if work else None)
    assert bool(made.tolerations) is (profile == "google")


def test_every_profile_is_documented() -> None:
    assert set(runner_deploy.ARGUMENTS["profile"]["choices"]) == set(_profiles.PROFILES)


def test_what_is_given_wins_over_the_profile() -> None:
    made = runner(
        profile="aws",
        gpus=0,
        resources={"limits": {"memory": "1Gi"}},
        mounts=[{"path": "/tmp", "empty_dir": "1Gi"}, {"path": "/data", "claim": "data", "read_only": True}],
        secret_mounts=[{"mount": "encryption", "secret": "ours", "optional": False}, {"mount": "signing", "secret": ""}],
        tolerations=[],
    )
    assert made.gpus == 0 and made.limits == {"cpu": "2", "memory": "1Gi"}
    at = mounted(made)
    assert at["/tmp"]["emptyDir"] == {"sizeLimit": "1Gi"} and at["/data"]["persistentVolumeClaim"] == {"claimName": "data"}
    assert at["/runner/certs/message/encryption"]["secret"]["secretName"] == "ours"
    assert not at["/runner/certs/message/encryption"]["secret"]["optional"] and "/runner/certs/queues/signing" not in at
    assert at["/runner/certs/message/passphrase"]["secret"]["optional"], "of what is not given, the profile's"


def test_a_one_shot_runner_of_the_cloud_ends_when_its_queue_stays_empty() -> None:
    made = runner(profile="aws", kind="Job", env={"LIMIT_IDLE_DURATION": "5m"}, replicas=3, ttl=60)
    assert made.env == {"LIMIT_IDLE_DURATION": "5m", "ALLOW_ENV_SECRETS": "true"} and made.limits["memory"] == "16Gi"
    job = workload.workload(made)
    assert (job["kind"], job["metadata"]["name"]) == ("Job", "studioml-go-runner-job")
    assert {key: value for key, value in job["spec"].items() if key != "template"} == {
        "parallelism": 3,
        "completions": 3,
        "backoffLimit": 2,
        "ttlSecondsAfterFinished": 60,
    }
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_secrets_lie_where_the_runner_looks() -> None:
    made = runner(secret_mounts=[{"mount": name} for name in ("encryption", "passphrase", "signing", "response-encrypt", "aws-sqs")])
    at = {path: volume["secret"] for path, volume in mounted(made).items()}
    assert {path: (one["secretName"], one["optional"]) for path, one in at.items()} == {
        "/runner/certs/message/encryption": ("studioml-runner-key-secret", False),
        "/runner/certs/message/passphrase": ("studioml-runner-passphrase-secret", False),
        "/runner/certs/queues/signing": ("studioml-signing", False),
        "/runner/certs/queues/response-encrypt": ("studioml-report-keys", False),
        "/runner/certs/aws-sqs/default": ("studioml-runner-aws-sqs", True),
    }
    assert [one["key"] for one in at["/runner/certs/aws-sqs/default"]["items"]] == ["credentials", "config"], "the folder holds exactly two files"
    assert "items" not in at["/runner/certs/queues/signing"], "one file for each prefix"
    assert all(one["readOnly"] for one in pod(made)["containers"][0]["volumeMounts"])


def test_several_accounts_of_sqs() -> None:
    made = runner(secret_mounts=[{"mount": "aws-sqs", "account": "a", "secret": "sqs-a"}, {"mount": "aws-sqs", "account": "b", "secret": "sqs-b"}])
    assert list(mounted(made)) == ["/runner/certs/aws-sqs/a", "/runner/certs/aws-sqs/b"]


def test_another_version_of_a_key_rolls_the_pods() -> None:
    made, other = runner(), runner()
    other.marks = {"studioml-runner-key-secret": "uid/2"}
    assert workload.config_hash(workload.workload(made)) != workload.config_hash(workload.workload(other))


@pytest.mark.parametrize(
    ("size", "env", "room"), [("10Gi", "10Gib", "13Gi"), ("1Gi", "1Gib", "2Gi"), ("1.5Gi", "1.5Gib", "2Gi"), ("20G", "18.6265Gib", "24Gi")]
)
def test_a_cache_has_room_and_sets_both_variables(size: str, env: str, room: str) -> None:
    made = runner(cache={"size": size})
    assert made.env == {"CACHE_DIR": "/cache", "CACHE_SIZE": env}
    assert mounted(made)["/cache"]["emptyDir"] == {"sizeLimit": room}


def test_a_cache_in_a_claim_ends_the_old_pod_first() -> None:
    made = runner(cache={"size": "10Gi", "claim": "cache", "storage_class": "fast"})
    claim = workload.claim(made)
    assert claim and claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "13Gi"}}, "storageClassName": "fast"}
    assert claim["metadata"]["labels"][workload.RUNNER] == "studioml-go-runner"
    assert workload.workload(made)["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
    assert workload.claim(runner(cache={"size": "10Gi", "claim": "cache", "create": False})) is None


def test_a_group_has_its_own_environment_and_shares_the_state() -> None:
    made = runner(group="a100", gpu_product="NVIDIA-A100", secret_env={"AMQP_URL": "amqp://a:b@c"}, runtime_class="nvidia")
    deployment = workload.workload(made)
    assert deployment["metadata"]["name"] == "studioml-go-runner-a100-deployment"
    labels = {"app": "studioml-go-runner", "fleet.studioml.ai/group": "a100"}
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"] == labels
    spec = deployment["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "nvidia.com/gpu.product": "NVIDIA-A100"} and spec["runtimeClassName"] == "nvidia"
    sources = spec["containers"][0]["envFrom"]
    assert sources == [{"configMapRef": {"name": "studioml-env-a100"}}, {"secretRef": {"name": "studioml-env-secret-a100"}}]
    assert {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}["K8S_CONFIGMAP"] == "studioml-go-runner"
    assert spec["serviceAccountName"] == "studioml-account"


def test_a_daemon_set_has_no_number_of_pods() -> None:
    made = workload.workload(runner(kind="DaemonSet", gpus=1))
    assert (made["kind"], made["apiVersion"], "replicas" in made["spec"]) == ("DaemonSet", "apps/v1", False)
    assert made["spec"]["updateStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_probes_are_off_until_they_are_asked_for() -> None:
    assert not {"readinessProbe", "livenessProbe"} & set(pod(runner())["containers"][0])
    container = pod(runner(probes={"readiness": True, "liveness": True}, env={"PROM_ADDRESS": ":9123"}))["containers"][0]
    assert container["readinessProbe"]["httpGet"] == {"path": "/metrics", "port": 9123, "scheme": "HTTP"}
    patience = container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"]
    assert patience == 600, "a pod that is restarted loses its work"


def test_an_image_by_its_digest() -> None:
    assert runner(image_digest=DIGEST).image == f"hub:5000/runner:1@{DIGEST}"
    assert runner(image=f"hub:5000/runner@{DIGEST}").image == f"hub:5000/runner@{DIGEST}"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_digest": "sha256:1"}, "image_digest: 'sha256:1' is not a digest"),
        ({"image": "hub/runner@sha256:1"}, "image: 'sha256:1' is not a digest"),
        ({"image": f"hub/runner@{DIGEST}", "image_digest": DIGEST.replace("0", "1")}, "image_digest and the digest in image differ"),
        ({"group": "A 100"}, "group: 'A 100' is not a valid name.*a-100"),
        ({"group": "a" * 41}, "group: .* is not a valid name"),
        ({"gpu_product": "a b"}, "gpu_product: 'a b' is not a valid label value"),
        ({"cache": {"size": "512Mi"}}, "cache: size: '512Mi' is not a size of at least 1 GiB"),
        ({"cache": {"size": "big"}}, "cache: size: 'big'"),
        ({"cache": {"size": "1Gi", "path": "cache"}}, "cache: path: 'cache' is not an absolute path"),
        ({"cache": {"size": "2Gi"}, "env": {"CACHE_DIR": "/x"}}, "CACHE_DIR is in env and in the option cache"),
        ({"cache": {"size": "2Gi", "claim": "c"}, "replicas": 2}, "c would be shared by several pods"),
        ({"cache": {"size": "2Gi", "claim": "c"}, "kind": "DaemonSet"}, "c would be shared by several pods"),
        ({"kind": "DaemonSet", "replicas": 2}, "a DaemonSet has one pod on each node"),
        ({"kind": "Job", "replicas": 0}, "0 is no Job"),
        ({"kind": "DaemonSet", "drain_first": True}, "drain_first: a DaemonSet cannot be drained"),
        ({"mounts": [{"path": "/a", "empty_dir": "1Gi"}, {"path": "/a/", "claim": "c"}]}, "/a is mounted twice"),
        ({"mounts": [{"path": "/a", "claim": "c", "host_path": "/b"}]}, "host_path and claim exclude each other"),
        ({"mounts": [{"path": "/a/../b"}]}, "is not an absolute path"),
        ({"mounts": [{"path": "/a", "empty_dir": "much"}]}, "mounts: /a: empty_dir: 'much' is not a size"),
        ({"secret_mounts": [{"mount": "signing", "account": "x"}]}, "account is for aws-sqs alone"),
        ({"secret_mounts": [{"mount": "aws-sqs", "account": "../x"}]}, "is not the name of a folder"),
        ({"secret_mounts": [{"mount": "signing", "secret": "Not_A_Name"}]}, "secret_mounts: signing: secret: 'Not_A_Name'"),
        ({"probes": {"readiness": True, "port": 70000}}, "probes: port: 70000 is no port"),
        ({"drain_timeout": 0}, "drain_timeout: 0 is no time to wait"),
        ({"retries": -1}, "retries: -1 is less than nothing"),
        ({"env": {"AMPQ_URL": "x"}}, "nearest one is AMQP_URL"),
    ],
    ids=str,
)
def test_bad_options_name_the_field(wrong: dict[str, t.Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        runner(**wrong)
