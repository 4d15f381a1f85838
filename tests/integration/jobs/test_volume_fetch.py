# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files out of a claim, which is a folder of a real node, by a real pod that mounts it."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from job_runs import fails, jobs, module
from module_runs import Hosts

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

pytestmark = pytest.mark.sandbox

FILES = """
rm -rf {place}; mkdir -p {place}/results/deep; cd {place}/results
echo one > one; echo two > deep/two; chmod 755 deep/two; echo other > ../other
ln -s deep/two inside; ln -s /etc/shadow outside; ln -s ../../etc upward; mkfifo pipe
"""


@pytest.fixture
def claim(hosts: Hosts, api: Api, namespace: str) -> t.Iterator[str]:
    place = f"/var/{namespace}"
    hosts.on("gpu1", FILES.format(place=place))
    size = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand"}
    api.request("POST", "/api/v1/persistentvolumes", body={"metadata": {"name": namespace}, "spec": {**size, "hostPath": {"path": place}}})
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "by-hand", "volumeName": namespace, "resources": {"requests": {"storage": "1Gi"}}}
    api.request("POST", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body={"metadata": {"name": "storage"}, "spec": spec})
    yield "storage"
    api.request("DELETE", f"/api/v1/persistentvolumes/{namespace}")


def test_a_folder_is_copied(hosts: Hosts, api: Api, kubeconfig: str, namespace: str, image: str, claim: str, tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "results"
    given = {"kubeconfig": kubeconfig, "namespace": namespace, "claim": claim, "path": "results", "dest": str(dest), "image": image}
    assert hosts.passes("gpu1", "volume_fetch", True, **given)["changed"] and not dest.exists() and jobs(api, namespace) == []
    result = hosts.passes("gpu1", "volume_fetch", **given)
    assert result["changed"] and (result["files"], result["bytes"]) == (2, 8) and sorted(result["left_out"]) == ["./outside", "./pipe", "./upward"]
    assert sorted(str(path.relative_to(dest)) for path in dest.rglob("*")) == ["deep", "deep/two", "inside", "one"]
    assert (dest / "inside").read_text() == "two\n" and (dest / "deep/two").stat().st_mode & 0o100
    assert jobs(api, namespace) == [] and [path.name for path in tmp_path.iterdir()] == ["results"]
    (dest / "mine").write_text("kept")
    assert not module("volume_fetch", **given)["changed"] and (dest / "mine").exists()


def test_what_cannot_be_copied(api: Api, kubeconfig: str, namespace: str, image: str, claim: str, tmp_path: pathlib.Path) -> None:
    given = {"kubeconfig": kubeconfig, "namespace": namespace, "claim": claim, "dest": str(tmp_path / "x"), "image": image}
    assert "Claim nowhere is not in namespace" in fails("volume_fetch", **{**given, "claim": "nowhere"})["msg"]
    assert "can't cd to /claim/nowhere" in fails("volume_fetch", **given, path="nowhere")["msg"]
    assert "more than 3 bytes" in fails("volume_fetch", **given, max_bytes=3)["msg"]
    assert "cannot begin" in fails("volume_fetch", **{**given, "image": "127.0.0.1:1/no:1", "image_pull_grace": 1})["msg"]
    assert jobs(api, namespace) == [] and list(tmp_path.iterdir()) == []
