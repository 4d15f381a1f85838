# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to a Job: the table of bad input, what the objects are, what the hash tells apart, which fields differ."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.studioml.fleet.plugins.doc_fragments import job as fragment
from ansible_collections.studioml.fleet.plugins.module_utils import _job_objects as objects
from ansible_collections.studioml.fleet.plugins.module_utils import _job_run
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._job_options import JOB
from ansible_collections.studioml.fleet.plugins.module_utils._job_spec import JobSpec, spec_of
from ansible_collections.studioml.fleet.plugins.modules import gpu_job


def options(**given: t.Any) -> dict[str, t.Any]:
    checked = ArgumentSpecValidator(gpu_job.ARGUMENTS).validate({"name": "one", "image": "hub:5000/a:1", **given})
    assert not checked.error_messages, checked.error_messages
    return checked.validated_parameters


def spec(**given: t.Any) -> JobSpec:
    return spec_of(options(**given), "ns")


def job(**given: t.Any) -> dict[str, t.Any]:
    return objects.objects(spec(**given))[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": None}, "name: a Job needs a name"),
        ({"name": "a" * 64}, r"name: .* 63 characters at most; the nearest that would do is a+-\w{8}\."),
        ({"name": "a" * 58, "again": "new"}, "name: .* 57 characters at most"),
        ({"name": "Train_1"}, "name: 'Train_1' .* train-1"),
        ({"image": None}, "image: '' is not an image reference"),
        ({"image": "hub:5000/a b"}, "image: 'hub:5000/a b' is not an image reference"),
        ({"image": "hub:5000/a:"}, "image: "),
        ({"env": {"1A": "x"}}, "env: '1A' .* _1A"),
        ({"env": {"A": None}}, "env: A: the value is empty"),
        ({"env": {"A": [1]}}, "env: A: the value is not a single value"),
        ({"env": {"A": "1"}, "secret_env": {"A": "2"}}, "A is in env and in secret_env"),
        ({"env_from": [{"secret": "My_Secret"}]}, r"env_from\[0\]: secret: .* my-secret"),
        ({"files": {"etc/x": "a"}}, "files: 'etc/x' is not a path in the container"),
        ({"files": {"/etc/../x": "a"}}, "files: "),
        ({"files": {"/x": "a" * 1_000_001}}, "files: 1000001 bytes are too many"),
        ({"files": {"/x": {"a": 1}}}, "files: the content of /x is not a text.*to_json"),
        ({"gpus": -1}, "gpus: -1 is too small"),
        ({"gpu_resource": "nvidia com/gpu"}, "gpu_resource: "),
        ({"gpu_product": "NVIDIA A100"}, "gpu_product: .* NVIDIA-A100"),
        ({"resources": {"limits": {"memory": "8 GB"}}}, "resources: limits: memory: '8 GB' is not a quantity"),
        ({"gpus": 1, "resources": {"limits": {"nvidia.com/gpu": 2}}}, "gpus is 1, and resources asks for 2"),
        ({"claims": [{"claim": "My Claim", "path": "/d"}]}, r"claims\[0\]: claim: .* my-claim"),
        ({"claims": [{"claim": "c", "path": "d"}]}, r"claims\[0\]: path: "),
        ({"claims": [{"claim": "c", "path": "/d", "sub_path": "../x"}]}, r"claims\[0\]: sub_path: "),
        ({"mounts": [{"path": "/t", "empty_dir": "big"}]}, r"mounts\[0\]: empty_dir: 'big' is not a quantity"),
        ({"mounts": [{"path": "/t"}], "files": {"/t": "x"}}, "/t is mounted twice"),
        ({"pull_secrets": ["My_Key"]}, r"pull_secrets\[0\]: .* my-key"),
        ({"retries": -1}, "retries: -1 is too small"),
        ({"deadline": 0}, "deadline: 0 is too small"),
        ({"labels": {"team": "a b"}}, "labels: team: 'a b' .* a-b"),
        ({"labels": {"my key": "a"}}, "labels: 'my key' .* my-key"),
        ({"labels": {"fleet.studioml.ai/job": "x"}}, "labels: .* is set by this collection"),
        ({"labels": {"a": "1"}, "pod_labels": {"a": "2"}}, "pod_labels: a is 2"),
        ({"node_name": "GPU 1"}, "node_name: .* gpu-1"),
        ({"node_selector": {"zone": "a b"}}, "node_selector: zone: "),
        ({"service_account": "My"}, "service_account: "),
        ({"pod_security": "restricted", "run_as_user": 0}, "pod_security: restricted does not allow run_as_user: 0"),
        ({"pod_security": "restricted", "mounts": [{"path": "/h", "host_path": "/srv"}]}, "restricted does not allow host_path"),
        ({"queue": "a b"}, "queue: 'a b' .* a-b"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_bad_input_is_named(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(FleetError, match=words) as said:
        spec(**given)
    assert said.value.hint, "it says what to do"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"keep": "never", "wait": False}, "keep: never needs the Job's end"),
        ({"keep": "never", "parameters": [{}]}, "keep: a grid's Jobs"),
        ({"ttl": 1, "parameters": [{}]}, "ttl: a grid's Jobs"),
        ({"follow": True, "parameters": [{}]}, "follow and log_file are for one Job"),
        ({"max_running": 1}, "max_running is for many Jobs"),
        ({"max_running": 0, "parameters": [{}]}, "max_running: 0 is too small"),
        ({"max_running": 1, "parameters": [{}, {}], "wait": False}, "max_running: 1 of 2 Jobs at a time need somebody who waits"),
        ({"wait_timeout": 0}, "wait_timeout: 0 is too small"),
        ({"copies": 0}, "copies: 0 is too small"),
    ],
)
def test_options_that_do_not_go_together(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(FleetError, match=words):
        _job_run.check_options(options(**given))


def test_quotes_and_newlines_stay_as_they_are() -> None:
    payload = "set -e\necho \"it's\" '$HOME' \\ `date`\n\ttab"
    container = job(command=["bash", "-cl"], args=[payload], env={"P": payload})["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == [payload] and container["env"] == [{"name": "P", "value": payload}]


def test_pod_security() -> None:
    def security(**given: t.Any) -> tuple[t.Any, t.Any]:
        pod = job(**given)["spec"]["template"]["spec"]
        return pod.get("securityContext"), pod["containers"][0].get("securityContext")

    pod, container = security()
    assert pod["runAsNonRoot"] and pod["runAsUser"] == 65532 and pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert security(run_as_user=1000)[0]["runAsUser"] == 1000
    assert security(run_as_user=0) == ({"runAsUser": 0}, None)
    assert security(pod_security="none") == security(mounts=[{"path": "/h", "host_path": "/srv"}]) == (None, None)


def test_a_queue_suspends_the_job() -> None:
    made = job(queue="team-a")
    assert made["spec"]["suspend"] is True and made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"


def test_secrets_do_not_show() -> None:
    made = spec(secret_env={"TOKEN": "geheim"})
    assert "geheim" not in repr(made)
    job_made, owned = objects.objects(made)
    assert "geheim" not in json.dumps(job_made) and owned[0]["data"] == {"TOKEN": "Z2VoZWlt"}


def test_the_hash_is_of_everything_and_of_nothing_else() -> None:
    assert objects.hash_of(job(resources={"limits": {"cpu": 0.5}})) == objects.hash_of(job(resources={"limits": {"cpu": "500m"}}))
    same = [job(env={"A": True}), job(env={"A": "true"})]
    assert len({objects.hash_of(one) for one in same}) == 1
    changed = [job(), job(image="hub:5000/a:2"), job(secret_env={"A": "1"}), job(secret_env={"A": "2"}), job(files={"/a": "1"}), job(files={"/a": "2"})]
    assert len({objects.hash_of(one) for one in changed}) == len(changed)


def test_differences_are_named_without_secrets() -> None:
    live, wanted = job(secret_env={"A": "1"}, labels={"x": "1"}), job(secret_env={"A": "2"}, labels={"x": "2"}, args=["b"], deadline=3)
    live = copy.deepcopy(live)
    live["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"  # a default of the server
    assert objects.differences(live, wanted) == [
        "metadata.labels.x",
        "spec.activeDeadlineSeconds",
        "spec.template.metadata.labels.x",
        "pod.containers.job.args",
        "secret_env",
    ]


def test_a_claim_at_two_paths_is_one_volume() -> None:
    pod = job(claims=[{"claim": "c", "path": "/a"}, {"claim": "c", "path": "/b", "volume": ""}, {"claim": "d", "path": "/c", "volume": "pvc-sh-vol"}])
    volumes = pod["spec"]["template"]["spec"]["volumes"]
    assert [one["name"] for one in volumes] == ["claim-0", "pvc-sh-vol"]


def test_the_fragments_are_the_arguments() -> None:
    from ansible_collections.studioml.fleet.plugins.doc_fragments import job_run

    for documented, arguments in ((fragment, JOB), (job_run, _job_run.RUN)):
        pages = yaml.safe_load(documented.ModuleDocFragment.DOCUMENTATION)["options"]
        assert list(pages) == list(arguments)
        for name, page in pages.items():
            argument = arguments[name]
            assert page["type"] == argument["type"] and page.get("default") == argument.get("default"), name
            assert page.get("choices") == argument.get("choices") and set(page.get("suboptions") or {}) == set(argument.get("options") or {}), name
