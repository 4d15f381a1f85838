# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Least privilege of Jobs: the Roles of docs/permissions.md are sufficient (the work is done under them) and minimal (each verb of them was used)."""

from __future__ import annotations

import contextlib
import pathlib
import re
import typing as t

import hands
import pytest
import yaml
from beats import call
from control_plane import ControlPlane
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job, job_info

pytestmark = pytest.mark.apiserver
PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs" / "permissions.md"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
Right = tuple[str, str]
# Everything that a test may ask about.
TABLE = {
    "jobs": ("batch", "jobs"),
    "pods": ("", "pods"),
    "pods/log": ("", "pods"),
    "events": ("", "events"),
    "configmaps": ("", "configmaps"),
    "secrets": ("", "secrets"),
    "deployments": ("apps", "deployments"),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def role(name: str) -> dict[str, t.Any]:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    return next(found for found in map(yaml.safe_load, blocks) if found["metadata"]["name"] == name)


def rights(*names: str) -> set[Right]:
    return {(verb, resource) for name in names for rule in role(name)["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


@pytest.fixture
def user(control_plane: ControlPlane, admin: Api, namespace: str) -> t.Iterator[t.Callable[..., str]]:
    """A user with these Roles of the page, and nothing else; a path to its kubeconfig."""
    cluster: list[str] = []

    def made(name: str, *roles: str) -> str:
        name = f"{name}-{namespace}"
        for one in map(role, roles):
            whole = one["kind"] == "ClusterRole"
            own = f"{one['metadata']['name']}-{name}"
            place = RBAC if whole else f"{RBAC}/namespaces/{namespace}"
            kinds = ("clusterroles", "clusterrolebindings") if whole else ("roles", "rolebindings")
            admin.request("POST", f"{place}/{kinds[0]}", body={**one, "metadata": {"name": own}})
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": one["kind"], "name": own}
            subjects = [{"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}]
            admin.request("POST", f"{place}/{kinds[1]}", body={"metadata": {"name": own}, "roleRef": reference, "subjects": subjects})
            hands.await_rights(admin, name, one["rules"], "" if whole else namespace)
            cluster.extend(f"{place}/{kind}/{own}" for kind in kinds if whole)
        return str(control_plane.kubeconfig(name, name, []))

    yield made
    for path in cluster:
        admin.request("DELETE", path)


def used(plane: ControlPlane, mark: int, name: str) -> set[Right]:
    """What a user was allowed to do and did."""
    found = set()
    for request in plane.requests(mark):
        about = request.get("objectRef") or {}
        if request["user"]["username"].startswith(f"{name}-") and about.get("resource") and request["responseStatus"]["code"] != 403:
            resource = about["resource"] + (f"/{about['subresource']}" if about.get("subresource") else "")
            found.add((request["verb"], resource))
            if request["verb"] == "patch" and resource != "jobs":  # an apply that makes an object needs both
                found.add(("create", resource))
    return found


def allowed(kubeconfig: str, namespace: str) -> set[Right]:
    """The table of SubjectAccessReviews, by the user itself."""
    api = Api(load(kubeconfig))
    found = set()
    for shown, (group, resource) in TABLE.items():
        for verb in VERBS:
            attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": shown.partition("/")[2]}
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
            if api.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)["status"]["allowed"]:
                found.add((verb, shown))
    api.close()
    return found


def remains(admin: Api, namespace: str, name: str) -> None:
    """What a Job of that name has left, and nobody has collected yet."""
    labels = {"app.kubernetes.io/managed-by": "studioml.fleet"}
    for plural, object_name in (("configmaps", f"{name}-files"), ("secrets", f"{name}-env")):
        admin.request("POST", f"/api/v1/namespaces/{namespace}/{plural}", body={"metadata": {"name": object_name, "labels": labels}})


def test_jobs(control_plane: ControlPlane, admin: Api, kubelet: StandIn, user: t.Callable[..., str], namespace: str) -> None:
    mark = control_plane.mark()
    where = {"kubeconfig": user("runs", "fleet-jobs"), "namespace": namespace, "image": "hub:5000/a:1"}
    assert call(gpu_job, **where, name="one")["job"]["state"] == "complete"
    kubelet.plan = lambda _pod: 5
    with pytest.raises(FleetError, match="exit code 5"):
        call(gpu_job, **where, name="two")
    with contextlib.suppress(FleetError):  # no pod at all: the events are asked why
        call(gpu_job, **where, name="idle", parallelism=0, wait_timeout=2)
    call(gpu_job, **where, name="grid", parameters=[{}], wait=False)
    call(gpu_job, kubeconfig=where["kubeconfig"], namespace=namespace, state="absent", selector="fleet.studioml.ai/job")
    assert used(control_plane, mark, "runs") == rights("fleet-jobs") == allowed(where["kubeconfig"], namespace)


def test_jobs_with_data(control_plane: ControlPlane, admin: Api, user: t.Callable[..., str], namespace: str) -> None:
    mark = control_plane.mark()
    remains(admin, namespace, "one")
    where = {"kubeconfig": user("data", "fleet-jobs", "fleet-jobs-data"), "namespace": namespace, "image": "a", "wait": False}
    call(gpu_job, **where, name="one", files={"/a": "b"}, secret_env={"A": "b"})
    data = rights("fleet-jobs-data")
    assert {right for right in used(control_plane, mark, "data") if right[1] in ("configmaps", "secrets") or right == ("patch", "jobs")} == data
    assert allowed(where["kubeconfig"], namespace) == data | rights("fleet-jobs")


def test_placement(control_plane: ControlPlane, admin: Api, user: t.Callable[..., str], namespace: str) -> None:
    mark = control_plane.mark()
    node = f"gpu-{namespace}"
    hands.node(admin, node)
    admin.request("PATCH", f"/api/v1/nodes/{node}", body={"spec": {"taints": None}}, content_type=hands.MERGE)
    identity = admin.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
    kubeconfig = user("free", "fleet-jobs", "fleet-jobs-free")
    targets = [{"name": "x", "kubeconfig": kubeconfig, "namespace": namespace, "cluster_id": identity}]
    assert call(gpu_job, targets=targets, place="free", name="one", image="a", wait=False, node_name=node)["where"] == ["x"]
    admin.request("DELETE", f"/api/v1/nodes/{node}")
    done = used(control_plane, mark, "free")
    assert rights("fleet-jobs-free") <= done and {right for right in done if right[1] in ("nodes", "namespaces")} <= rights("fleet-jobs-free")


def test_who_only_looks(control_plane: ControlPlane, kubelet: StandIn, user: t.Callable[..., str], kubeconfig: pathlib.Path, namespace: str) -> None:
    call(gpu_job, kubeconfig=str(kubeconfig), namespace=namespace, name="one", image="a")
    mark = control_plane.mark()
    where = {"kubeconfig": user("looks", "fleet-jobs-read"), "namespace": namespace}
    assert call(job_info, **where, gather=["pods", "events", "log"])["counts"]["complete"] == 1
    assert call(job_info, **where, name="one")["jobs"][0]["state"] == "complete"
    assert used(control_plane, mark, "looks") == rights("fleet-jobs-read") == allowed(where["kubeconfig"], namespace)
    with pytest.raises(FleetError, match="lacks the verb 'create' on jobs"):
        call(gpu_job, **where, name="two", image="a")
