# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""job_storage on a real API server: made once, never changed, drift and single nodes told."""

from __future__ import annotations

import pathlib
import re
import time
import typing as t

import hands
import pytest
import yaml
from beats import Beats, Result, call, mutating
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import ApiError
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import job_storage

pytestmark = pytest.mark.apiserver
CLAIMS = "persistentvolumeclaims"
PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "permissions.md"


@pytest.fixture
def given(kubeconfig: pathlib.Path, namespace: str) -> dict[str, t.Any]:
    return {"kubeconfig": str(kubeconfig), "namespace": namespace}


def made(result: Result) -> list[str]:
    return [f"{one['kind']}/{one['name']}" for one in result["objects"] if one["action"] == "created"]


def claim(admin: Api, namespace: str, name: str, mode: str = "ReadWriteMany", **spec: t.Any) -> None:
    """Somebody else's claim."""
    body = {"metadata": {"name": name}, "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, **spec}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/{CLAIMS}", body=body)


def storage_class(admin: Api, name: str, provisioner: str) -> None:
    admin.request("POST", "/apis/storage.k8s.io/v1/storageclasses", body={"metadata": {"name": name}, "provisioner": provisioner})


def documented(name: str) -> dict[str, t.Any]:
    """A role of docs/permissions.md."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    return next(found for found in map(yaml.safe_load, blocks) if found["metadata"]["name"] == name)


def bind(admin: Api, namespace: str, user: str, role: dict[str, t.Any]) -> None:
    """Give it to a user."""
    whole, name = role["kind"] == "ClusterRole", f"{role['metadata']['name']}-{user}"
    place = "/apis/rbac.authorization.k8s.io/v1" + ("" if whole else f"/namespaces/{namespace}")
    kinds = ("clusterroles", "clusterrolebindings") if whole else ("roles", "rolebindings")
    admin.request("POST", f"{place}/{kinds[0]}", body={**role, "metadata": {"name": name}})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": name}
    subjects = [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}]
    admin.request("POST", f"{place}/{kinds[1]}", body={"metadata": {"name": name}, "roleRef": reference, "subjects": subjects})
    hands.await_rights(admin, user, role["rules"], "" if whole else namespace)


def test_four_beats_of_a_claim(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    beats = Beats(control_plane, job_storage, **given, claim="data", size="100Gi", storage_class="")
    assert beats.counts() == [4, 4, 1, 1]
    assert made(beats.results[1]) == ["PersistentVolumeClaim/data"] and not beats.results[1]["warnings"]
    spec = hands.read(admin, namespace, CLAIMS, "data")["spec"]
    assert (spec["accessModes"], spec["storageClassName"], spec["resources"]) == (["ReadWriteMany"], "", {"requests": {"storage": "100Gi"}})


def test_four_beats_of_the_nfs_set_in_a_new_namespace(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    new = f"{namespace}-new"
    beats = Beats(control_plane, job_storage, **{**given, "namespace": new}, kind="nfs", nfs_image="hub:5000/volume-nfs:0.8", pull_secrets=["pull"])
    everything = ["Namespace", "PersistentVolumeClaim", "Deployment", "Service", "PersistentVolume", "PersistentVolumeClaim"]
    assert [one["kind"] for one in beats.results[1]["objects"]] == everything and len(made(beats.results[1])) == 6
    assert beats.results[0]["objects"] == beats.results[1]["objects"]
    address = hands.read(admin, new, "services", "nfs-server")["spec"]["clusterIP"]
    volume = admin.request("GET", f"/api/v1/persistentvolumes/pvc-nfs-{new}")["spec"]
    assert volume["nfs"] == {"server": address, "path": "/exports"} and volume["claimRef"]["name"] == "nfs" and volume["storageClassName"] == "nfs"
    server = hands.read(admin, new, "deployments", "nfs-server", "/apis/apps/v1")["spec"]["template"]
    assert server["metadata"]["labels"] == {"role": "nfs-server"} and server["spec"]["containers"][0]["securityContext"]["privileged"]
    backing, front = (hands.read(admin, new, CLAIMS, name)["spec"] for name in ("storage", "nfs"))
    assert (backing["accessModes"], backing["resources"]["requests"]["storage"]) == (["ReadWriteOnce"], "40Gi")
    assert (front["accessModes"], front["volumeName"], front["resources"]["requests"]["storage"]) == (["ReadWriteMany"], f"pvc-nfs-{new}", "1Mi")
    assert f"(address of Service/{new}/nfs-server)" in str(beats.results[1]["diff"]) and address not in str(beats.results[1]["diff"])


def test_what_is_missing_of_the_nfs_set_is_made_again(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    call(job_storage, **given, kind="nfs")
    admin.request("DELETE", f"/apis/apps/v1/namespaces/{namespace}/deployments/nfs-server", body={"propagationPolicy": "Background"})
    assert made(call(job_storage, **given, kind="nfs")) == ["Deployment/nfs-server"]


def test_drift_is_told_and_left_alone(control_plane: ControlPlane, given: dict[str, t.Any], namespace: str) -> None:
    call(job_storage, **given, kind="nfs", size="20Gi", nfs_image="hub:5000/nfs:1")
    mark = control_plane.mark()
    result = call(job_storage, **given, kind="nfs", size="40Gi", nfs_image="hub:5000/nfs:2")
    assert not result["changed"] and not mutating(control_plane.requests(mark))
    assert [(entry["object"], entry["field"], entry["wanted"], entry["found"]) for entry in result["drift"]] == [
        (f"PersistentVolumeClaim/{namespace}/storage", "spec.resources.requests.storage", "40Gi", "20Gi"),
        (f"Deployment/{namespace}/nfs-server", "spec.template.spec.containers[nfs-server].image", "hub:5000/nfs:2", "hub:5000/nfs:1"),
    ]
    assert "is left as it is" in result["warnings"][0]


def test_a_claim_that_somebody_made_is_taken(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    claim(admin, namespace, "ntuples-claim", storageClassName="")
    for kind in ("existing", "claim"):
        result = call(job_storage, **given, kind=kind, claim="ntuples-claim", size="1Gi", storage_class="")
        assert not result["changed"] and not result["drift"] and result["claim"]["size"] == "1Gi" and result["claim"]["phase"] == "Pending"


@pytest.mark.parametrize(("provisioner", "warned"), [("microk8s.io/hostpath", True), ("cephfs.csi.ceph.com", False)])
def test_folders_of_one_node_are_told(admin: Api, given: dict[str, t.Any], provisioner: str, warned: bool) -> None:
    name = f"class-{given['namespace']}"
    storage_class(admin, name, provisioner)
    for _beat in range(2):
        warnings = call(job_storage, **given, storage_class=name)["warnings"]
        assert bool(warnings) == warned and all("folders of one node" in warning and name in warning for warning in warnings)


def test_a_claim_of_one_node_is_told(given: dict[str, t.Any]) -> None:
    assert "run on one node" in call(job_storage, **given, access_mode="ReadWriteOnce")["warnings"][0]


def test_a_missing_claim_names_those_that_are_there(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    claim(admin, namespace, "other")
    for check in (True, False):
        with pytest.raises(FleetError, match=rf"no PersistentVolumeClaim data in the namespace {namespace} \(there: other\)"):
            call(job_storage, check, **given, kind="existing", claim="data")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"claim": "My Claim"}, "claim: 'My Claim' is not a valid name"),
        ({"size": "much"}, "size: 'much' is no amount"),
        ({"size": "-1Gi"}, "size: '-1Gi' is no amount"),
        ({"storage_class": "A b"}, "storage_class: 'A b'"),
        ({"kind": "nfs", "nfs_image": " "}, "nfs_image is empty"),
        ({"kind": "nfs", "nfs_backing": "nfs"}, "the name of the claim, too"),
        ({"kind": "nfs", "nfs_server": "a.b"}, "nfs_server: 'a.b'"),
        ({"namespace": "a" * 64}, "63"),
        ({"create_namespace": False, "namespace": "not-there"}, 'namespaces "not-there" not found'),
    ],
)
def test_bad_input(given: dict[str, t.Any], wrong: dict[str, t.Any], words: str) -> None:
    for check in (True, False):
        with pytest.raises(FleetError, match=words):
            call(job_storage, check, **{**given, **wrong})


def test_a_namespace_that_is_being_deleted(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    admin.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body={"metadata": {"name": "held", "finalizers": ["fleet.test/hold"]}})
    admin.request("DELETE", f"/api/v1/namespaces/{namespace}")
    for check in (True, False):
        with pytest.raises(FleetError, match=f"Namespace {namespace} is being deleted"):
            call(job_storage, check, **given)
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/configmaps/held", body={"metadata": {"finalizers": None}}, content_type=hands.MERGE)


@pytest.mark.parametrize(
    ("kind", "roles"), [("claim", ["fleet-job-storage"]), ("nfs", ["fleet-job-storage", "fleet-job-storage-nfs", "fleet-job-storage-volumes"])]
)
def test_the_documented_roles_are_enough_and_no_more(
    control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str, kind: str, roles: list[str]
) -> None:
    user, granted = f"storer-{kind}-{namespace}", set()
    for name in roles:
        role = documented(name)
        granted |= {(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
        bind(admin, namespace, user, role)
    own = {**given, "kubeconfig": str(control_plane.kubeconfig(user, user, [])), "kind": kind, "create_namespace": False}
    mark = control_plane.mark()
    assert call(job_storage, **own)["changed"] and not call(job_storage, **own)["changed"]
    used = {(request["verb"], request["objectRef"]["resource"]) for request in control_plane.requests(mark) if request["user"]["username"] == user}
    # An apply that makes something needs the verb create, too; the audit log knows it as a patch.
    assert granted - {(verb, resource) for verb, resource in granted if verb == "create"} == used
    hands.grant(admin, namespace, f"{user}-less", ["get", "patch"], [""], [CLAIMS])
    less = {**own, "kubeconfig": str(control_plane.kubeconfig(f"{user}-less", f"{user}-less", [])), "kind": "claim", "claim": "another"}
    with pytest.raises(FleetError, match="lacks the verb 'create' on persistentvolumeclaims"):
        call(job_storage, **less)


def test_rights_on_claims_alone_are_enough(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    name = f"class-of-{namespace}"
    storage_class(admin, name, "microk8s.io/hostpath")
    user = f"storer-{namespace}"
    hands.grant(admin, namespace, user, ["get", "create", "patch"], [""], [CLAIMS])
    path = control_plane.kubeconfig(user, user, [])
    result = call(job_storage, **{**given, "kubeconfig": str(path)}, create_namespace=False, storage_class=name)
    assert made(result) == ["PersistentVolumeClaim/storage"] and not result["warnings"]
    with pytest.raises(FleetError, match="lacks the verb 'get' on namespaces"):
        call(job_storage, **{**given, "kubeconfig": str(path)}, claim="another")


def test_a_kubeconfig_that_is_still_to_be_written(given: dict[str, t.Any], tmp_path: pathlib.Path) -> None:
    result = call(job_storage, check=True, **{**given, "kubeconfig": str(tmp_path / "later")}, kind="nfs")
    assert result["changed"] and len(made(result)) == 6 and "is taken for one that is still to be written" in result["warnings"][0]


def await_quota(admin: Api, namespace: str) -> None:
    """Until the API server has heard of a quota for Services; it does so a moment after it was written."""
    probe = {"metadata": {"name": "probe"}, "spec": {"ports": [{"port": 1}]}}
    end = time.monotonic() + 120
    with pytest.raises(ApiError, match="exceeded quota"):
        while time.monotonic() < end:
            admin.request("POST", f"/api/v1/namespaces/{namespace}/services", {"dryRun": "All"}, probe)
            time.sleep(0.05)


def test_nothing_half_made_stays(admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/services": "0"}}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/resourcequotas", body=quota)
    quota["status"] = {"hard": {"count/services": "0"}, "used": {"count/services": "0"}}
    admin.request("PATCH", f"/api/v1/namespaces/{namespace}/resourcequotas/none/status", body=quota, content_type=hands.MERGE)
    await_quota(admin, namespace)
    with pytest.raises(FleetError, match="exceeded quota: none"):
        call(job_storage, **given, kind="nfs")
    for plural in ("api/v1/namespaces/{}/persistentvolumeclaims", "apis/apps/v1/namespaces/{}/deployments"):
        listed = admin.request("GET", f"/{plural.format(namespace)}")["items"]
        assert all(item["metadata"].get("deletionTimestamp") for item in listed)


def test_a_namespace_that_a_failed_run_has_made_stays(control_plane: ControlPlane, admin: Api, given: dict[str, t.Any], namespace: str) -> None:
    """Whoever has seen it may have put something into it meanwhile."""
    user, new = f"storer-ns-{namespace}", f"{namespace}-kept"
    rules = [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch", "delete"]},
        {"apiGroups": [""], "resources": [CLAIMS], "verbs": ["get", "patch"]},
    ]
    bind(admin, namespace, user, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "storer"}, "rules": rules})
    with pytest.raises(FleetError, match=f"lacks the verb 'create' on {CLAIMS}"):
        call(job_storage, kubeconfig=str(control_plane.kubeconfig(user, user, [])), namespace=new)
    assert "deletionTimestamp" not in admin.request("GET", f"/api/v1/namespaces/{new}")["metadata"]
