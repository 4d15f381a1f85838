# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/alert.yml and playbooks/recovered.yml where three hosts are nodes of one cluster, one of them without a pod."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import hands
import pytest
import yaml
from beats import call

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api
from ansible_collections.studioml.fleet.plugins.modules import runner_deploy, runner_info, runner_state

pytestmark = pytest.mark.apiserver
CLONE = pathlib.Path(__file__).resolve().parents[3]
DRAIN, RUN = "DrainAndSuspend", "Running"
NODES = ("alert-moved", "alert-other", "alert-never")


class Cluster:
    """A namespace whose only runner has its pod on C(alert-other)."""

    def __init__(self, admin: Api, kubeconfig: pathlib.Path, folder: pathlib.Path) -> None:
        self.admin, self.folder = admin, folder
        self.given: dict[str, t.Any] = {"kubeconfig": str(kubeconfig), "namespace": "alert-fleet"}
        where = {"fleet_kubeconfig": str(kubeconfig), "fleet_namespace": "alert-fleet"}
        hosts: dict[str, dict[str, t.Any]] = {node: {**where, "fleet_node_name": node, "fleet_alert_limit": 2} for node in NODES}
        hosts["alert-never"]["fleet_alert_limit"] = 0
        fleet = {"all": {"children": {"clusters": {"hosts": hosts}, "runner_hosts": {}}}}
        (folder / "hosts.yml").write_text(json.dumps(fleet), encoding="utf-8")

    def ask(self, state: str, *nodes: str, note: str = "") -> None:
        call(runner_state, **self.given, state=state, nodes=list(nodes) or None, note=note)

    def maps(self) -> dict[str, tuple[str, str]]:
        """Of each node its map's state and note."""
        (runner,) = call(runner_info, **self.given, gather=[])["runners"]
        return {one["name"][len("studioml-go-runner-"):]: (one["state"], one["note"]) for one in runner["maps"] if one["scope"] == "node"}

    def offers(self, node: str, allocatable: int) -> None:
        status = {"allocatable": {"nvidia.com/gpu": str(allocatable)}}
        self.admin.request("PATCH", f"/api/v1/nodes/{node}/status", body={"status": status}, content_type=hands.MERGE)

    def play(self, playbook: str, when: tuple[str, t.Callable[[], t.Any]] | None = None, **variables: t.Any) -> tuple[int, str]:
        """The status and the words of one run; line breaks do not count. C(when): words, and what is done as soon as the run says them."""
        command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.yml", CLONE / "playbooks" / playbook, "-e", json.dumps(variables)]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        lines = []
        with subprocess.Popen(command, env=environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            for line in process.stdout or ():
                lines.append(line)
                if when and when[0] in line:
                    when[1]()
                    when = None
        return process.returncode, " ".join("".join(lines).split())


@pytest.fixture(scope="module")
def cluster(admin: Api, kubeconfig: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Cluster]:
    made = Cluster(admin, kubeconfig, tmp_path_factory.mktemp("alerts"))
    admin.request("POST", "/api/v1/namespaces", body={"metadata": {"name": "alert-fleet"}})
    for node in NODES:
        hands.node(admin, node, gpus=2)
    call(runner_deploy, **made.given, image="hub:5000/runner:0.14.2", gpus=1, replicas=1, wait=False)
    template = hands.read(admin, "alert-fleet", "deployments", "studioml-go-runner-deployment", "/apis/apps/v1")["spec"]["template"]
    body = {"metadata": {"name": "pod-1", "labels": template["metadata"]["labels"]}, "spec": {**template["spec"], "nodeName": "alert-other"}}
    admin.request("POST", "/api/v1/namespaces/alert-fleet/pods", body=body)
    hands.report(admin, "alert-fleet", "pod-1", hands.running())
    yield made
    admin.request("DELETE", "/api/v1/namespaces/alert-fleet/pods/pod-1", body={"gracePeriodSeconds": 0})
    for node in NODES:
        admin.request("DELETE", f"/api/v1/nodes/{node}")


@pytest.fixture(autouse=True)
def drained(cluster: Cluster) -> None:
    """Where each test begins: all runs, but for the node whose pod has moved away after an alert drained it."""
    cluster.ask(RUN)
    cluster.ask(RUN, "alert-other")
    cluster.ask(DRAIN, "alert-moved", note="alert: GpuXid")


def test_a_host_whose_limit_is_0_is_never_drained_whatever_that_of_others_is(cluster: Cluster) -> None:
    cluster.ask(RUN, "alert-moved")
    status, said = cluster.play("alert.yml", fleet_alert_host="alert-never", fleet_alert_names=["GpuXid"])
    assert status == 0 and "alert-never is left alone: fleet_alert_limit: 0 lets no host be drained." in said, said
    assert "alert-never" not in cluster.maps()
    status, said = cluster.play("alert.yml", fleet_alert_host="alert-other", fleet_alert_names=["GpuXid"], fleet_alert_limit="")
    assert status == 0 and "alert-other is to be drained for GpuXid; then 1 of at most 1 are drained." in said, said
    assert cluster.maps()["alert-other"] == (DRAIN, "alert: GpuXid")


def test_a_drained_node_counts_and_comes_back_when_its_pod_has_moved(cluster: Cluster) -> None:
    status, said = cluster.play("alert.yml", fleet_alert_host="alert-other", fleet_alert_names=["GpuXid"], fleet_alert_limit=1)
    assert status == 0 and "alert-other is left alone: 1 of at most 1 hosts are drained already: alert-moved." in said, said
    status, said = cluster.play("recovered.yml", fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"])
    assert status == 0 and "alert-moved was drained for GpuXid, which is resolved: it is verified and brought back." in said, said
    assert cluster.maps() == {"alert-moved": (RUN, ""), "alert-other": (RUN, "")}


def test_a_node_stays_drained_with_its_cluster(cluster: Cluster) -> None:
    cluster.ask(DRAIN, note="the move")
    status, said = cluster.play("recovered.yml", fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"], fleet_alert_whole=True)
    assert status == 0 and "alert-moved is left alone: its cluster is drained, too (the move), so whoever drained that brings it back." in said, said
    assert cluster.maps()["alert-moved"] == (DRAIN, "alert: GpuXid")


def test_a_node_that_offers_fewer_gpus_than_it_has_stays_drained(cluster: Cluster) -> None:
    cluster.offers("alert-moved", 1)
    status, said = cluster.play("recovered.yml", fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"])
    cluster.offers("alert-moved", 2)
    assert status != 0 and "Now no node is not ready, alert-moved (1 of 2) offers fewer GPUs than it has, or the cluster offers 1 GPU(s)" in said, said
    assert cluster.maps()["alert-moved"] == (DRAIN, "alert: GpuXid")


def test_a_node_whose_device_plugin_comes_up_late_is_waited_for(cluster: Cluster) -> None:
    cluster.offers("alert-moved", 0)
    waits = "FAILED - RETRYING: [alert-moved]: Wait until the node is ready and offers all GPUs of the host"
    comes = (waits, lambda: cluster.offers("alert-moved", 2))
    status, said = cluster.play("recovered.yml", comes, fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"], fleet_sound_timeout=60)
    assert status == 0 and waits in said, said
    assert cluster.maps()["alert-moved"] == (RUN, "")
    cluster.ask(DRAIN, "alert-moved", note="alert: GpuXid")
    cluster.offers("alert-moved", 1)
    status, said = cluster.play("recovered.yml", fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"], fleet_sound_timeout=3)
    cluster.offers("alert-moved", 2)
    assert status != 0 and "After 3 s no node is not ready, alert-moved (1 of 2)" in said, said


def test_a_cluster_that_does_not_answer_is_no_sound_host(cluster: Cluster) -> None:
    where = {"ansible.builtin.import_tasks": str(CLONE / "playbooks" / "tasks" / "sound.yml")}
    play = cluster.folder / "sound.yml"
    play.write_text(json.dumps([{"hosts": "alert-moved", "gather_facts": False, "tasks": [where]}]), encoding="utf-8")
    config = yaml.safe_load(pathlib.Path(cluster.given["kubeconfig"]).read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    dead = cluster.folder / "dead.yml"
    dead.write_text(json.dumps(config), encoding="utf-8")
    status, said = cluster.play(str(play), fleet_kubeconfig=str(dead), __fleet_patience=3)
    assert status != 0 and "TASK [Stop where the cluster does not answer]" in said and said.count("127.0.0.1:1") > 1, said


def test_a_node_that_is_not_there_stays_drained(cluster: Cluster) -> None:
    cluster.admin.request("DELETE", "/api/v1/nodes/alert-moved")
    status, said = cluster.play("recovered.yml", fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"])
    hands.node(cluster.admin, "alert-moved", gpus=2)
    assert status != 0 and "No node of the cluster is seen that is called alert-moved, so nothing is known of its GPUs. Correct fleet_node_name" in said, said
    assert cluster.maps()["alert-moved"] == (DRAIN, "alert: GpuXid")


def test_what_somebody_writes_between_the_look_and_the_write_stays(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    # the last task before the write is one more of the playbook's own here: somebody drains by hand
    text = (CLONE / "playbooks" / "recovered.yml").read_text(encoding="utf-8")
    place = "    - name: Resume the host's runners\n"
    assert text.count(place) == 1
    hand = {
        "name": "Stand-in of a person",
        "studioml.fleet.runner_state": {**cluster.given, "state": DRAIN, "nodes": ["alert-moved"], "note": "new fans"},
    }
    (tmp_path / "recovered.yml").write_text(text.replace(place, f"    - {json.dumps(hand)}\n{place}").replace("tasks/", f"{CLONE}/playbooks/tasks/"))
    status, said = cluster.play(str(tmp_path / "recovered.yml"), fleet_alert_host="alert-moved", fleet_alert_names=["GpuXid"])
    words = "expect: the note of the map studioml-go-runner-alert-moved in alert-fleet is 'new fans' by now, and not 'alert: GpuXid'; it is left as it is."
    assert status != 0 and words in said, said
    assert cluster.maps()["alert-moved"] == (DRAIN, "new fans")
