# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kubeconfig's user of runner_deploy and companion needs: enough to run under it, and nothing of it can be left out. The table of docs/runner.md."""

from __future__ import annotations

import pathlib
import typing as t
import uuid

import hands
import pytest
from beats import call
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import companion, runner_deploy

pytestmark = pytest.mark.apiserver
Rules = list[tuple[str, str, str]]
CLONE = pathlib.Path(__file__).resolve().parents[3]
RBAC = "rbac.authorization.k8s.io"

KEPT = ("get", "create", "patch", "delete")
RUNNER: dict[tuple[str, str], tuple[str, ...]] = {
    # it gives the runner the right to watch the maps, and nobody can give what he does not have
    ("", "configmaps"): (*KEPT, "list", "watch"),
    ("", "secrets"): KEPT,
    ("", "serviceaccounts"): KEPT,
    ("", "persistentvolumeclaims"): ("get", "create", "patch", "list"),
    (RBAC, "roles"): KEPT,
    (RBAC, "rolebindings"): KEPT,
    ("apps", "deployments"): (*KEPT, "list"),
    ("apps", "daemonsets"): ("get", "list"),
    ("batch", "jobs"): ("get", "list"),
}
COMPANION: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "secrets"): ("get", "create", "patch"),
    ("", "persistentvolumeclaims"): ("get", "create", "patch"),
    ("", "services"): KEPT,
    ("apps", "deployments"): KEPT,
}


def each(table: dict[tuple[str, str], tuple[str, ...]]) -> Rules:
    return [(group, resource, verb) for (group, resource), verbs in table.items() for verb in verbs]


def namespace_with(admin: Api, user: str, rules: Rules) -> str:
    """A namespace in which the user may do just this."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    made = [{"apiGroups": [group], "resources": [resource], "verbs": [verb]} for group, resource, verb in rules]
    path = f"/apis/{RBAC}/v1/namespaces/{name}"
    admin.request("POST", f"{path}/roles", body={"metadata": {"name": "it"}, "rules": made})
    ref = {"apiGroup": RBAC, "kind": "Role", "name": "it"}
    admin.request("POST", f"{path}/rolebindings", body={"metadata": {"name": "it"}, "roleRef": ref, "subjects": [{"kind": "User", "name": user}]})
    hands.await_rights(admin, user, made, name)
    return name


def runner(admin: Api, kubeconfig: str, user: str, rules: Rules) -> None:
    """Everything that comes in a runner's life, but drains, which are runner_state's."""
    name = namespace_with(admin, user, rules)
    given = {"kubeconfig": kubeconfig, "namespace": name, "create_namespace": False, "wait": False, "image": "hub:5000/runner:1"}
    first = {**given, "secret_env": {"AMQP_URL": "amqp://a:b@c"}, "cache": {"size": "1Gi", "claim": "cache"}}
    call(runner_deploy, **first)
    assert not call(runner_deploy, **first)["changed"]
    call(runner_deploy, **given, group="", image_digest="sha256:" + "a" * 64)
    call(runner_deploy, **given, name="second")
    call(runner_deploy, **given, name="second", state="absent")
    call(runner_deploy, **given, state="absent")


def companions(admin: Api, kubeconfig: str, user: str, rules: Rules) -> None:
    name = namespace_with(admin, user, rules)
    given = {"kubeconfig": kubeconfig, "namespace": name, "create_namespace": False, "wait": False, "image": "hub:5000/it:1", "kind": "rabbitmq"}
    call(companion, **given)
    assert not call(companion, **given)["changed"]
    call(companion, **given, state="absent")


@pytest.mark.parametrize(("life", "table"), [(runner, RUNNER), (companions, COMPANION)], ids=["runner_deploy", "companion"])
def test_the_role_is_enough_and_nothing_of_it_is_too_much(control_plane: ControlPlane, admin: Api, life: t.Any, table: dict[t.Any, t.Any]) -> None:
    user = f"user-{uuid.uuid4().hex[:6]}"
    kubeconfig = str(control_plane.kubeconfig(user, user, []))
    rules = each(table)
    life(admin, kubeconfig, user, rules)
    for missing in rules:
        with pytest.raises(FleetError) as caught:
            life(admin, kubeconfig, user, [rule for rule in rules if rule != missing])
            pytest.fail(f"{missing} is not needed")
        _group, resource, verb = missing
        said = caught.value.text()
        assert f"the verb '{verb}' on {resource}" in said or "escalat" in said or "attempting to grant" in said, said


def test_the_documentation_has_the_same_table() -> None:
    text = (CLONE / "docs/runner.md").read_text(encoding="utf-8")
    for table in (RUNNER, COMPANION):
        for (group, resource), verbs in table.items():
            assert f"| `{group}` | `{resource}` | {', '.join(verbs)} |" in text, (group, resource)
