# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Least privilege of Jobs: the Roles of docs/permissions.md and docs/builds.md are sufficient (the work is done under them) and minimal (each verb of them was
used, or its lack is refused)."""

from __future__ import annotations

import contextlib
import pathlib
import re
import time
import typing as t

import hands
import pytest
import yaml
from beats import call
from control_plane import ControlPlane
from stand_in import StandIn

from ansible_collections.studioml.fleet.plugins.module_utils import _exec
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import gpu_job, job_info, volume_fetch

pytestmark = pytest.mark.apiserver
DOCS = pathlib.Path(__file__).resolve().parents[4] / "docs"
PAGES = [DOCS / "permissions.md", DOCS / "builds.md"]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
Right = tuple[str, str]
# Everything that a test may ask about.
TABLE = {
    "jobs": ("batch", "jobs"),
    "pods": ("", "pods"),
    "pods/log": ("", "pods"),
    "pods/exec": ("", "pods"),
    "events": ("", "events"),
    "configmaps": ("", "configmaps"),
    "secrets": ("", "secrets"),
    "persistentvolumeclaims": ("", "persistentvolumeclaims"),
    "deployments": ("apps", "deployments"),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def role(name: str) -> dict[str, t.Any]:
    blocks = [block for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)]
    return next(found for found in map(yaml.safe_load, blocks) if isinstance(found, dict) and found.get("metadata", {}).get("name") == name)


def lacking(rules: list[dict[str, t.Any]], right: Right | None) -> list[dict[str, t.Any]]:
    """The rules without one right."""
    left = []
    for rule in rules:
        for resource in rule["resources"]:
            if verbs := [verb for verb in rule["verbs"] if (verb, resource) != right]:
                left.append({**rule, "resources": [resource], "verbs": verbs})
    return left


def rights(*names: str) -> set[Right]:
    return {(verb, resource) for name in names for rule in role(name)["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


@pytest.fixture
def user(control_plane: ControlPlane, admin: Api, namespace: str) -> t.Iterator[t.Callable[..., str]]:
    """A user with these Roles of the pages, C(without) one right of them, and nothing else; a path to its kubeconfig."""
    cluster: list[str] = []

    def made(name: str, *roles: str, without: Right | None = None) -> str:
        name = f"{name}-{namespace}"
        for one in map(role, roles):
            whole = one["kind"] == "ClusterRole"
            own = f"{one['metadata']['name']}-{name}"
            place = RBAC if whole else f"{RBAC}/namespaces/{namespace}"
            kinds = ("clusterroles", "clusterrolebindings") if whole else ("roles", "rolebindings")
            one = {**one, "rules": lacking(one["rules"], without)}
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
        call(gpu_job, **where, name="idle", parallelism=0, wait_timeout=8)
    call(gpu_job, **where, name="grid", parameters=[{}], wait=False)
    call(gpu_job, kubeconfig=where["kubeconfig"], namespace=namespace, state="absent", selector="fleet.studioml.ai/job")
    assert used(control_plane, mark, "runs") == rights("fleet-jobs") == allowed(where["kubeconfig"], namespace)


def test_a_namespace_that_is_to_be_made(user: t.Callable[..., str], namespace: str) -> None:
    """As the role experiment asks for it without storage: the namespace is looked for although it is there."""
    where = {"kubeconfig": user("makes", "fleet-jobs"), "namespace": namespace, "image": "a", "name": "one", "wait": False}
    assert "lacks the verb 'get' on namespaces" in refusal(lambda: call(gpu_job, **where, create_namespace=True))
    assert call(gpu_job, **where)["changed"]


def test_jobs_with_data(control_plane: ControlPlane, admin: Api, user: t.Callable[..., str], namespace: str) -> None:
    mark = control_plane.mark()
    remains(admin, namespace, "one")
    where = {"kubeconfig": user("data", "fleet-jobs", "fleet-jobs-data"), "namespace": namespace, "image": "a", "wait": False}
    call(gpu_job, **where, name="one", files={"/a": "b"}, secret_env={"A": "b"})
    data = rights("fleet-jobs-data")
    assert {right for right in used(control_plane, mark, "data") if right[1] in ("configmaps", "secrets") or right == ("patch", "jobs")} == data
    assert allowed(where["kubeconfig"], namespace) == data | rights("fleet-jobs")


def test_files(control_plane: ControlPlane, admin: Api, kubelet: StandIn, user: t.Callable[..., str], namespace: str) -> None:
    """As far as an API server goes: its pods have no node whose kubelet would run a command. That is tests/integration/jobs."""
    kubelet.plan = lambda _pod: None
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    admin.request("POST", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body={"metadata": {"name": "storage"}, "spec": spec})
    where = {"namespace": namespace, "claim": "storage", "dest": "/nowhere", "image": "a", "timeout": 120}
    files, mark = rights("fleet-jobs-files"), control_plane.mark()
    kubeconfig = user("files", "fleet-jobs", "fleet-jobs-files")
    with contextlib.suppress(FleetError):  # nothing is copied
        call(volume_fetch, **where, kubeconfig=kubeconfig)
    assert used(control_plane, mark, "files") - rights("fleet-jobs") == files - {("create", "pods/exec")}, "create is asked for beside get, by the handler"
    assert allowed(kubeconfig, namespace) == files | rights("fleet-jobs")

    call(gpu_job, kubeconfig=kubeconfig, namespace=namespace, name="one", image="a", wait=False)
    pod = pod_of(admin, namespace, "one")
    assert "does not have a host assigned" in refusal(lambda: command(kubeconfig, pod))
    for number, right in enumerate(sorted(files)):
        lesser = user(f"lesser{number}", "fleet-jobs", "fleet-jobs-files", without=right)
        assert allowed(lesser, namespace) == files - {right} | rights("fleet-jobs")
        if right[1] == "pods/exec":
            assert "may not run commands in pods" in refusal(lambda path=lesser: command(path, pod))
            assert "may not run commands in pods" in refusal(lambda path=lesser: call(volume_fetch, **where, kubeconfig=path))
        else:
            assert f"lacks the verb '{right[0]}' on {right[1]}" in refusal(lambda path=lesser: call(volume_fetch, **where, kubeconfig=path))


def pod_of(admin: Api, namespace: str, job: str) -> dict[str, t.Any]:
    """The pod that the real job controller has made for it."""
    end = time.monotonic() + 120
    while not (found := [pod for pod in hands.pods(admin, namespace) if pod["metadata"]["labels"].get("job-name") == job]):
        assert time.monotonic() < end, f"Job {job} has no pod"
        time.sleep(0.1)
    return found[0]


def command(kubeconfig: str, pod: dict[str, t.Any]) -> None:
    """Run a command in its container."""
    api = Api(load(kubeconfig))
    try:
        _exec.run(api, pod["metadata"]["namespace"], pod["metadata"]["name"], pod["spec"]["containers"][0]["name"], ["true"], lambda _content: None)
    finally:
        api.close()


def refusal(act: t.Callable[[], t.Any]) -> str:
    """What is told of that which must fail."""
    with pytest.raises(FleetError) as caught:
        act()
    return caught.value.text()


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
