# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/experiment.yml on a real API server with the real job controller. The kubelet is a stand-in, and the image is one that somebody has built."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from plays import play, side_by_side, steps
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.apiserver
SECRET = "geheim-0815"
CONFIG = """
current_context: gpu
contexts:
  cpu: {context_name: cpu, backend_type: kubernetes, storage_dir: /cpu, neptune: false}
  gpu: {context_name: gpu, backend_type: kubernetes, storage_dir: /storage, neptune: true, registry_url: "http://hub:5000",
        resources: {mem: 8G, cpu: 0.5, gpu: 1}, default_pvc_size: 100G}
"""


@pytest.fixture
def experiment(kubeconfig: pathlib.Path, namespace: str, tmp_path: pathlib.Path) -> dict[str, t.Any]:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    return {
        "fleet_kubeconfig": str(kubeconfig),
        "experiment_config": str(tmp_path / "config.yaml"),
        "experiment_project": namespace.upper().replace("-", "_"),
        "experiment_image": "hub:5000/vision/mnist:20260120_120000",
        "experiment_command": "python train.py",
        "experiment_params": "--epochs 3",
        "experiment_secret_env": {"NEPTUNE_PASSWORD": SECRET},
        "experiment_storage_class": "cephfs",
    }


def jobs(admin: Api, namespace: str, selector: str = "experiment=mnist") -> list[dict[str, t.Any]]:
    return admin.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs", {"labelSelector": selector})["items"]


def test_an_experiment_and_a_grid(admin: Api, namespace: str, experiment: dict[str, t.Any], kubelet: StandIn) -> None:
    first = play("experiment", experiment, "-vvvv")
    assert first.changed == 2 and SECRET not in first.output
    (job,) = jobs(admin, namespace)
    look_at(job)
    claim = admin.request("GET", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/storage")["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"], claim["accessModes"]) == ("cephfs", "100Gi", ["ReadWriteMany"])

    grid = {"experiment_name": "sweep", "experiment_grid": {"lr": [0.1, 0.01], "seed": [1, 2]}, "experiment_max_running": 2}
    larger = {**grid, "experiment_grid": json.dumps({"lr": [0.5, 0.1, 0.01], "seed": [1, 2]})}
    same, other, four, six = steps("experiment", experiment, {}, {"experiment_params": "--epochs 4"}, grid, larger)
    assert "changed:" not in same, "the same experiment is not run twice"
    assert "changed:" in other and len(jobs(admin, namespace)) == 2, "another one is"
    assert four.count(" complete ") == 4 and six.count(" complete ") == 6 and kubelet.most <= 2
    made = jobs(admin, namespace, "experiment=sweep")
    assert {tuple(one["spec"]["template"]["spec"]["containers"][0]["args"]) for one in made} == {
        ("--epochs", "3", "--lr", rate, "--seed", seed) for rate in ("0.5", "0.1", "0.01") for seed in ("1", "2")
    }
    assert sorted(kubelet.seen.values()) == sorted(one["metadata"]["name"] for one in [*jobs(admin, namespace), *made]), "none ran twice"


def look_at(job: dict[str, t.Any]) -> None:
    """A Job as mrunner makes it."""
    assert job["metadata"]["name"].startswith("mnist-") and job["metadata"]["labels"]["project"] == job["metadata"]["namespace"]
    assert job["spec"]["backoffLimit"] == 0 and "activeDeadlineSeconds" not in job["spec"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["restartPolicy"] == "Never" and container["name"] == "mnist"
    assert (container["command"], container["args"]) == (["python", "train.py"], ["--epochs", "3"])
    limits = {"cpu": "500m", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert container["resources"]["limits"] == limits and {"name": "MRUNNER_UNDER_NEPTUNE", "value": "1"} in container["env"]
    assert pod["volumes"] == [{"name": "experiment-storage", "persistentVolumeClaim": {"claimName": "storage"}}]
    assert container["volumeMounts"] == [{"name": "experiment-storage", "mountPath": "/storage"}]


def test_check_mode_in_a_project_that_is_new(admin: Api, namespace: str, experiment: dict[str, t.Any]) -> None:
    """The context itself names the cluster here."""
    context = {"name": "own", "storage": "/storage", "kubeconfig": experiment["fleet_kubeconfig"], "kube_context": "test"}
    own = {**experiment, "fleet_kubeconfig": "", "experiment_config": "", "experiment_contexts": context, "experiment_wait": False}
    outcome = play("experiment", {**own, "experiment_project": f"{namespace}-new", "experiment_storage": "nfs"}, "--check")
    assert "would run in the namespace" in outcome.output and outcome.changed == 1
    assert not [item for item in admin.request("GET", "/api/v1/namespaces")["items"] if item["metadata"]["name"] == f"{namespace}-new"]


WRONG: dict[str, dict[str, t.Any]] = {
    "'tpu' is not there. There are: cpu, gpu": {"experiment_context": "tpu"},
    "experiment_image is empty, so that the image is to be built": {"experiment_image": ""},
    "lr has no value": {"experiment_grid": {"lr": []}},
    "'memory' is not known. Known are cpu, mem, gpu, tpu": {"experiment_resources": "memory=1G"},
    "experiment project: 'a/b' is not a valid name": {"experiment_project": "a/b"},
    "No kubeconfig is named": {"fleet_kubeconfig": ""},
}


def test_bad_input(admin: Api, namespace: str, experiment: dict[str, t.Any]) -> None:
    failures = side_by_side("experiment", experiment, WRONG)
    assert not [f"{words}: {failures[words]}" for words in WRONG if words not in failures[words] or SECRET in failures[words]]
    assert not jobs(admin, namespace, "")
