# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the core that do no I/O: contract, objects, quantities, fields."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.studioml.fleet.plugins.module_utils import _contract as contract
from ansible_collections.studioml.fleet.plugins.module_utils import _workload as workload
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._fields import converged, extracted, masked, owners_of, project
from ansible_collections.studioml.fleet.plugins.module_utils._quantity import quantity
from ansible_collections.studioml.fleet.plugins.modules import registry_info, runner_deploy, runner_info, runner_state


@pytest.mark.parametrize("word", ["running", "Running ", "Running\n", "DRAINANDSUSPEND", "Unknown", "", "Drain"])
def test_only_the_exact_words_are_states(word: str) -> None:
    with pytest.raises(FleetError, match="Use exactly one of Running, DrainAndSuspend, DrainAndTerminate"):
        contract.checked_state(word)


@pytest.mark.parametrize(
    ("name", "holds"), [("studioml-go-runner-gpu1", True), ("studioml-go-runner-deployment-5f-x", True), ("gpu1", False), ("node-c", False)]
)
def test_the_map_that_sorts_last_wins(name: str, holds: bool) -> None:
    assert contract.wins(name, contract.RUNNER) is holds


def test_a_node_map_that_would_lose_is_refused_with_the_reason() -> None:
    with pytest.raises(FleetError, match=r"gpu1 sorts before the global map studioml-go-runner.*last one wins.*nodes: \[<node>\]"):
        contract.checked_maps(["gpu1"], contract.RUNNER)


def test_the_global_map_is_not_a_node_map() -> None:
    with pytest.raises(FleetError, match="Use global: true"):
        contract.checked_maps([contract.RUNNER], contract.RUNNER)


@pytest.mark.parametrize("name", ["", "UPPER", "a_b", "-a", "a" * 254, "a/b", "a b"])
def test_names_that_kubernetes_refuses_are_refused_before_any_request(name: str) -> None:
    with pytest.raises(FleetError, match="is not a valid name"):
        contract.checked_name(name, "configmap")


@pytest.mark.parametrize(
    ("manager", "by_hand"), [("kubectl-client-side-apply", True), ("kubectl", True), ("oc", True), ("argocd-controller", False), ("helm", False)]
)
def test_who_typed_a_state(manager: str, by_hand: bool) -> None:
    assert contract.typed_by_hand(manager) is by_hand


@pytest.mark.parametrize(
    ("given", "written"),
    [(0.5, "500m"), ("0.5", "500m"), (2, "2"), ("2000m", "2"), ("1024Mi", "1Gi"), ("0.5Gi", "512Mi"), ("1000", "1k"), ("8Gi", "8Gi"), ("1.5", "1500m")]
    + [("100Ki", "100Ki"), ("512", "512"), ("0", "0"), ("lots", "lots"), ("1500M", "1500M"), ("0.5Ki", "512"), ("1G", "1G")],
)
def test_quantities_are_written_as_the_server_does(given: t.Any, written: str) -> None:
    assert quantity(given) == written


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (runner_state, {}, "missing required arguments: state"),
        (runner_state, {"state": "Running", "nodes": {"a": 1}}, "nodes"),
        (runner_state, {"state": "Running", "global": "perhaps"}, "global"),
        (runner_state, {"state": "Running", "kubeconfig_on": "moon"}, "kubeconfig_on must be one of: controller, target"),
        (runner_deploy, {"image": "x", "replicas": "many"}, "replicas"),
        (runner_deploy, {"image": "x", "env": ["A"]}, "env"),
        (runner_deploy, {"image": "x", "resources": {"limit": {}}}, "limit. Supported parameters include: limits, requests"),
        (runner_deploy, {"image": "x", "tolerations": [{"effect": "Never"}]}, "NoSchedule"),
        (runner_deploy, {"image": "x", "wait_timeout": "soon"}, "wait_timeout"),
        (runner_info, {"name": ["a"], "none": 1}, "none. Supported parameters include"),
        (registry_info, {"connect_timeout": "soon"}, "connect_timeout"),
    ],
)
def test_options_of_a_wrong_kind(module: t.Any, options: dict[str, t.Any], message: str) -> None:
    errors = ArgumentSpecValidator(module.ARGUMENTS).validate(options).error_messages
    assert any(message in error for error in errors), errors


def runner(**more: t.Any) -> workload.Runner:
    return workload.Runner(**{"namespace": "ns", "image": "hub:5000/runner:1", **more})


def container(made: dict[str, t.Any]) -> dict[str, t.Any]:
    return made["spec"]["template"]["spec"]["containers"][0]


def test_the_pod_follows_the_state_maps() -> None:
    env = container(workload.deployment(runner(state_configmap="maps")))["env"]
    names = [one["name"] for one in env]
    assert names.index("NODE_NAME") < names.index("HOSTNAME"), "Kubernetes expands only what comes before"
    values = {one["name"]: one for one in env}
    assert values["HOSTNAME"]["value"] == "maps-$(NODE_NAME)"
    assert values["K8S_CONFIGMAP"]["value"] == "maps"
    assert values["K8S_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.namespace"


def test_a_gpu_host_never_runs_two_pods_at_once() -> None:
    assert workload.deployment(runner(gpus=1))["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert workload.deployment(runner())["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_gpus_are_limits_only() -> None:
    resources = container(workload.deployment(runner(gpus=2, limits={"cpu": 1}, requests={"cpu": 0.5})))["resources"]
    assert resources == {"limits": {"cpu": "1", "nvidia.com/gpu": "2"}, "requests": {"cpu": "500m"}}


@pytest.mark.parametrize("change", [{"env": {"A": "2"}}, {"secret_env": {"B": "2"}}, {"image": "hub:5000/runner:2"}])
def test_a_changed_environment_rolls_the_pods(change: dict[str, t.Any]) -> None:
    def mark(**more: t.Any) -> str:
        made = workload.deployment(runner(**{"env": {"A": "1"}, "secret_env": {"B": "1"}, **more}))
        return made["spec"]["template"]["metadata"]["annotations"][workload.CONFIG_HASH]

    assert mark() == mark()
    assert mark() != mark(**change)


def test_the_role_may_only_look_at_configmaps() -> None:
    role = next(made for made in workload.objects(runner()) if made["kind"] == "Role")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]


@pytest.mark.parametrize("key", ["K8S_NAMESPACE", "K8S_CONFIGMAP", "HOSTNAME", "NODE_NAME"])
def test_what_would_break_the_state_contract_is_refused(key: str) -> None:
    with pytest.raises(FleetError, match=f"{key} is set by runner_deploy itself"):
        workload.env_values({key: "x"}, "env")


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (3, "3"), (0.5, "0.5"), ("", ""), ("x", "x")])
def test_environment_values_become_text(value: t.Any, text: str) -> None:
    assert workload.env_values({"A": value}, "env") == {"A": text}


@pytest.mark.parametrize(("key", "value"), [("A", None), ("A", {}), ("A", []), ("a b", "x"), ("1A", "x"), ("", "x"), (1, "x")])
def test_bad_environment_is_refused(key: t.Any, value: t.Any) -> None:
    with pytest.raises(FleetError, match="env: "):
        workload.env_values({key: value}, "env")


@pytest.mark.parametrize("url", ["amqp://user:geheim@hub:5672/%2f", "https://u:geheim@host", "amqp://:geheim@hub"])
def test_a_password_does_not_go_into_a_configmap(url: str) -> None:
    with pytest.raises(FleetError) as caught:
        workload.refuse_open_credentials({"AMQP_URL": url})
    assert "secret_env" in caught.value.text()
    assert "geheim" not in caught.value.text()


@pytest.mark.parametrize("url", ["amqp://hub:5672", "amqp://${USER}:${PASSWORD}@hub", "http://hub/x@y:z", "plain"])
def test_other_values_may(url: str) -> None:
    workload.refuse_open_credentials({"AMQP_URL": url})


MANAGED = {"metadata": {"managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:data": {"f:STATE": {}}}}]}}


def test_owners_of_a_field() -> None:
    assert owners_of(MANAGED, "data", "STATE") == ["kubectl"]
    assert owners_of(MANAGED, "data", "OTHER") == []


@pytest.mark.parametrize(
    ("wanted", "live", "owned", "same"),
    [
        ({"data": {"A": "1"}}, {"data": {"A": "1", "B": "2"}}, {"f:data": {"f:A": {}}}, True),
        ({"data": {"A": "2"}}, {"data": {"A": "1"}}, {"f:data": {"f:A": {}}}, False),
        ({"data": {"A": "1"}}, {"data": {"A": "1"}}, {}, True),
        ({"data": {"A": "1"}}, {"data": {"A": "1", "B": "2"}}, {"f:data": {"f:A": {}, "f:B": {}}}, False),
        ({"data": {"A": "1"}}, {"data": {"A": "1"}}, {"f:data": {"f:B": {}}}, False),
        ({"n": 1}, {"n": True}, {"f:n": {}}, False),
        ({"l": [{"name": "a", "v": 1}]}, {"l": [{"name": "b"}, {"name": "a", "v": 1, "d": 0}]}, {"f:l": {'k:{"name":"a"}': {"f:name": {}, "f:v": {}}}}, True),
        ({"l": [{"name": "a", "v": 2}]}, {"l": [{"name": "a", "v": 1}]}, {"f:l": {'k:{"name":"a"}': {"f:name": {}, "f:v": {}}}}, False),
        ({"l": []}, {"l": [{"name": "a"}]}, {"f:l": {'k:{"name":"a"}': {"f:name": {}}}}, False),
        ({"l": [{"a": 1}]}, {"l": [{"a": 1, "default": 2}]}, {"f:l": {}}, True),
        ({"l": [{"a": 1}]}, {"l": [{"a": 1}, {"a": 2}]}, {"f:l": {}}, False),
    ],
)
def test_what_counts_as_unchanged(wanted: t.Any, live: t.Any, owned: dict[str, t.Any], same: bool) -> None:
    assert converged(wanted, live, owned) is same


def test_a_diff_shows_our_fields_only() -> None:
    live = {"spec": {"replicas": 1, "defaulted": 2, "formerly": 3}, "status": {"x": 1}}
    assert project(live, {"spec": {"replicas": 5}}, {"f:spec": {"f:replicas": {}, "f:formerly": {}}}) == {"spec": {"replicas": 1, "formerly": 3}}


def test_the_next_apply_begins_with_what_is_ours() -> None:
    fields = {"f:data": {"f:STATE": {}}, "f:metadata": {"f:labels": {"f:a": {}}}}
    live = {
        "data": {"STATE": "Running", "THEIRS": "x"},
        "metadata": {"name": "m", "labels": {"a": "1", "b": "2"}, "managedFields": [{"manager": "studioml.fleet", "operation": "Apply", "fieldsV1": fields}]},
    }
    assert extracted(live) == {"data": {"STATE": "Running"}, "metadata": {"labels": {"a": "1"}}}


def test_a_secret_shows_its_keys_and_never_a_value() -> None:
    former, now = {"kind": "Secret", "data": {"A": "b2xk", "B": "eA=="}}, {"kind": "Secret", "data": {"A": "bmV3", "B": "eA=="}}
    assert masked(former)["data"] == {"A": "********", "B": "********"}
    assert masked(now, former)["data"] == {"A": "******** (another value)", "B": "********"}
