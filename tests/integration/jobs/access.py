# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users who may do what the Roles of our documentation say, and nothing else."""

from __future__ import annotations

import base64
import json
import pathlib
import re
import time
import typing as t

import yaml
from module_runs import CLONE

from ansible_collections.studioml.fleet.plugins.module_utils._kubeconfig import load
from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api


def documented(*names: str) -> list[dict[str, t.Any]]:
    """The rules of these Roles, as the documentation shows them."""
    texts = [CLONE / "docs" / page for page in ("permissions.md", "builds.md")]
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text.read_text(encoding="utf-8"), re.DOTALL)]
    found = {role["metadata"]["name"]: role["rules"] for role in map(yaml.safe_load, blocks) if isinstance(role, dict) and role.get("kind") == "Role"}
    return [rule for name in names for rule in found[name]]


def user(api: Api, namespace: str, name: str, rules: list[dict[str, t.Any]]) -> None:
    """A ServiceAccount with these rules."""
    api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body={"metadata": {"name": name}})
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    api.request("POST", f"{rbac}/roles", body={"metadata": {"name": name}, "rules": rules})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    api.request("POST", f"{rbac}/rolebindings", body={"metadata": {"name": name}, "roleRef": ref, "subjects": subjects})
    deadline = time.monotonic() + 60
    while not all(_may(api, namespace, name, rule) for rule in rules):  # the API server learns of both by watches of its own
        assert time.monotonic() < deadline, f"{name} may not what its Role says"
        time.sleep(0.1)


def _may(api: Api, namespace: str, name: str, rule: dict[str, t.Any]) -> bool:
    """Whether the API server knows of a rule by now."""
    resource, _slash, part = rule["resources"][0].partition("/")
    asked = {"namespace": namespace, "verb": rule["verbs"][0], "group": rule["apiGroups"][0], "resource": resource, "subresource": part}
    asked["name"] = (rule.get("resourceNames") or [""])[0]
    review = {"spec": {"user": f"system:serviceaccount:{namespace}:{name}", "resourceAttributes": asked}}
    return bool(api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=review)["status"]["allowed"])


def token(api: Api, namespace: str, name: str, secret: str = "") -> str:
    """A token of theirs; one that is bound to a Secret is as good as that is there."""
    spec: dict[str, t.Any] = {"expirationSeconds": 3600}
    if secret:
        api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body={"metadata": {"name": secret}})
        uid = api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{secret}")["metadata"]["uid"]
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret", "name": secret, "uid": uid}
    return api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", body={"spec": spec})["status"]["token"]


def write_kubeconfig(path: pathlib.Path, original: str, word: str) -> str:
    """The same cluster as another user."""
    target = load(original)
    cluster = {"server": target.server, "certificate-authority-data": base64.b64encode(target.ca).decode()}
    config = {"clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {"token": word}}], "current-context": "c"}
    config["contexts"] = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    path.touch(0o600)
    path.write_text(json.dumps(config))
    return str(path)
