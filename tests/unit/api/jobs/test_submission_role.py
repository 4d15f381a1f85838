# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/submission.yml on a real API server with the real job controller: its objects, labels, status and cancel. The kubelet is a stand-in."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from plays import play, side_by_side, steps
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.apiserver
SECRET = "geheim-4711"
PAYLOADS = ["echo \"it's $HOME, $$ and $(date)\"", ["cd /ntuples", "./run.sh 'two words'"], "exit 1"]


@pytest.fixture
def submission(kubeconfig: pathlib.Path, namespace: str, admin: Api) -> dict[str, t.Any]:
    spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body={"metadata": {"name": "ntuples-claim"}, "spec": spec})
    return {
        "fleet_kubeconfig": str(kubeconfig),
        "fleet_namespace": namespace,
        "submission_image": "hub:5000/analysis:3",
        "submission_identifier": "Higgs_1",
        "submission_payloads": PAYLOADS,
        "submission_secret_env": {"TOKEN": SECRET},
        "submission_retries": 0,
    }


def jobs(admin: Api, namespace: str, selector: str) -> list[dict[str, t.Any]]:
    """What C(kubectl get jobs -l SELECTOR) asks for."""
    return admin.request("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs", {"labelSelector": selector})["items"]


def test_submit_look_and_cancel(admin: Api, namespace: str, submission: dict[str, t.Any], kubelet: StandIn) -> None:
    kubelet.plan = lambda pod: 1 if "exit 1" in pod["spec"]["containers"][0]["args"] else 0
    predicted = play("submission", submission, "--check")
    assert not jobs(admin, namespace, "app=submission-helper") and predicted.changed == 1
    outcome = play("submission", {**submission, "submission_wait": True, "submission_max_concurrent": 1}, "-vvvv", passes=False)
    assert "1 of 3 Jobs of grid shj-higgs-1 have not succeeded: shj-higgs-1-00003" in outcome.output and SECRET not in outcome.output
    assert kubelet.most == 1

    listed = jobs(admin, namespace, "app=submission-helper")
    assert [job["metadata"]["name"] for job in listed] == [f"shj-higgs-1-{number:05}" for number in (1, 2, 3)]
    assert len(jobs(admin, namespace, "app=submission-helper,identifier=Higgs_1")) == 3
    assert len(admin.request("GET", f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": "app=submission-helper,identifier=Higgs_1"})["items"]) == 3
    look_at(listed[1]["spec"])
    assert SECRET not in json.dumps(listed)

    one = {"tasks_from": "cancel", "submission_job": "shj-higgs-1-00002"}
    again, status, first, rest = steps("submission", submission, {}, {"tasks_from": "status"}, one, {"tasks_from": "cancel"})
    assert "changed:" not in again, "an identifier runs once"
    assert [line.split()[1:4] for line in status.splitlines() if "- shj-" in line] == [
        ["shj-higgs-1-00001", "Higgs_1", "done"],
        ["shj-higgs-1-00002", "Higgs_1", "done"],
        ["shj-higgs-1-00003", "Higgs_1", "failed"],
    ]
    assert ["00002" in text for text in (first, rest)] == [True, False] and "shj-higgs-1-00003" in rest
    assert not jobs(admin, namespace, "app=submission-helper")
    assert not admin.request("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"], "what belongs to a Job goes with it"


def look_at(spec: dict[str, t.Any]) -> None:
    """A Job as the helper makes it."""
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 86400)
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["name"], container["imagePullPolicy"], pod["restartPolicy"]) == ("submission-helper-payload", "Always", "OnFailure")
    assert container["command"] == ["bash", "-cl"] and container["args"] == ["cd /ntuples\n./run.sh 'two words'"]
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "4G"}}, "4000M, as the server writes it, and no limits"
    assert pod["volumes"] == [{"name": "pvc-sh-vol", "persistentVolumeClaim": {"claimName": "ntuples-claim"}}]
    assert container["volumeMounts"] == [{"name": "pvc-sh-vol", "mountPath": "/ntuples"}]
    assert pod["imagePullSecrets"] == [{"name": "sh-k8s-registry-secret"}] and pod.get("securityContext", {}) == {}


WRONG: dict[str, dict[str, t.Any]] = {
    "submission_image is empty": {"submission_image": ""},
    "submission_payloads is empty": {"submission_payloads": []},
    "payload 2 is empty": {"submission_payloads": ["ok", " "]},
    "labels: identifier: 'a b' is not a valid label value": {"submission_identifier": "a b"},
    "submission_max_concurrent is 2, less than the 3 payloads": {"submission_max_concurrent": 2},
    "no PersistentVolumeClaim other in the namespace": {"submission_volume_claim": "other"},
    "Nothing says what to cancel": {"tasks_from": "cancel", "submission_identifier": ""},
    "No kubeconfig is named": {"fleet_kubeconfig": ""},
}


def test_bad_input(admin: Api, namespace: str, submission: dict[str, t.Any]) -> None:
    failures = side_by_side("submission", submission, WRONG)
    assert not [f"{words}: {failures[words]}" for words in WRONG if words not in failures[words] or SECRET in failures[words]]
    assert not jobs(admin, namespace, "")


def test_a_submission_goes_to_one_cluster() -> None:
    assert "These are 3 hosts" in play("submission", {"fleet_hosts": "all"}, "-i", "a,b", passes=False).output
