# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module broker_user at a real RabbitMQ: four beats, changes of single things, a drain in between, and the ways to fail."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from amqp import Refused
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from rabbitmq import ADMINISTRATOR
from tenant import ALL, QUEUE, Tenant

from ansible_collections.studioml.fleet.plugins.module_utils._broker import Broker
from ansible_collections.studioml.fleet.plugins.module_utils._broker_user import has_password
from ansible_collections.studioml.fleet.plugins.module_utils._closed_permission import closed, reopened
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.modules import broker_user

CLONE = pathlib.Path(__file__).resolve().parents[3]
Call = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def options(tenant: Tenant) -> dict[str, t.Any]:
    broker = {"url": tenant.rabbitmq.url, "username": ADMINISTRATOR, "password": tenant.rabbitmq.password}
    tenant.passwords["own-user"] = "s3cret"  # so that it is removed
    return {"broker": broker, "name": "own-user", "password": "s3cret", "vhost": tenant.vhost}


@pytest.fixture
def call(options: dict[str, t.Any]) -> Call:
    def run(check: bool = False, **given: t.Any) -> dict[str, t.Any]:
        checked = ArgumentSpecValidator(broker_user.ARGUMENTS).validate({key: value for key, value in {**options, **given}.items() if value is not None})
        assert not checked.error_messages, checked.error_messages
        result = broker_user.perform(checked.validated_parameters, check)
        assert "s3cret" not in str(result) and options["broker"]["password"] not in str(result)
        return result

    return run


@pytest.mark.rabbitmq
@pytest.mark.parametrize("state", ["present", "absent"])
def test_four_beats(call: Call, broker: Broker, tenant: Tenant, state: str) -> None:
    if state == "absent":
        call()
    first = broker.find_user("own-user")
    predicted = call(check=True, state=state)
    assert broker.find_user("own-user") == first, "check mode writes nothing"
    made = call(state=state)
    assert predicted == made and made["changed"]
    entry = {"tags": ["management"], "password": "********", "permissions": {tenant.vhost: ALL}}
    there = {"own-user": entry}
    assert made["diff"] == ({"before": {}, "after": there} if state == "present" else {"before": there, "after": {}})
    written = broker.find_user("own-user")
    assert (written is not None) == (state == "present")
    for check in (True, False):
        again = call(check=check, state=state)
        assert not again["changed"] and again["diff"] == {"before": {}, "after": {}}
    assert broker.find_user("own-user") == written, "the same salt: it was not written again"


@pytest.mark.rabbitmq
def test_the_user_works_as_a_runner_does(call: Call, tenant: Tenant) -> None:
    call()
    tenant.publish()
    assert tenant.connect("own-user").get(QUEUE) == 1


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"tags": ["monitoring", "management"]}, {"tags": ["management", "monitoring"]}),
        ({"read": "^rmq_gpu1_.*$"}, {"permissions": {"read": "^rmq_gpu1_.*$"}}),
        ({"password": "another"}, {"password": "******** (another value)"}),
    ],
)
def test_one_thing_changes(call: Call, broker: Broker, tenant: Tenant, change: dict[str, t.Any], after: dict[str, t.Any]) -> None:
    call()
    assert call(check=True, **change)["changed"]
    shown = call(**change)["diff"]["after"]["own-user"]
    assert {key: shown["permissions"][tenant.vhost]["read"] if key == "permissions" else shown[key] for key in after} == {
        key: value["read"] if key == "permissions" else value for key, value in after.items()
    }
    assert not call(**change)["changed"]
    live = broker.find_user("own-user") or {}
    assert has_password(live, change.get("password", "s3cret"))
    assert not call(**{**change, "password": None})["changed"], "without a password the one that it has stays"
    assert has_password(broker.find_user("own-user") or {}, change.get("password", "s3cret"))


@pytest.mark.rabbitmq
def test_without_a_password_only_the_rest_changes(call: Call, broker: Broker) -> None:
    call()
    assert call(password=None, tags=["monitoring"])["changed"]
    assert has_password(broker.find_user("own-user") or {}, "s3cret")


@pytest.mark.rabbitmq
def test_a_drain_stays(call: Call, broker: Broker, tenant: Tenant) -> None:
    call()
    tenant.publish()
    broker.set_permissions(tenant.vhost, "own-user", ".*", ".*", closed(".*"))
    assert call()["changed"] is False
    result = call(read="^rmq_.*$")
    assert result["changed"] and result["drained"]
    assert result["diff"]["before"]["own-user"]["permissions"][tenant.vhost]["read"] == ".*"
    with pytest.raises(Refused, match="ACCESS_REFUSED"):
        tenant.connect("own-user").get(QUEUE)
    assert reopened((broker.permissions(tenant.vhost, "own-user") or {})["read"]) == "^rmq_.*$"


@pytest.mark.rabbitmq
def test_failures(call: Call, tenant: Tenant, options: dict[str, t.Any]) -> None:
    with pytest.raises(FleetError, match="has no virtual host nowhere. Make it first"):
        call(vhost="nowhere")
    with pytest.raises(FleetError, match="has no user own-user, and there is no password to make it with."):
        call(password=None)
    with pytest.raises(FleetError, match="administrator is the user that this works as; it will not remove itself."):
        call(name=ADMINISTRATOR, state="absent")
    manager = tenant.user()
    with pytest.raises(FleetError, match=f"The broker's user {manager} lacks the tag administrator, without which it may not look at users."):
        call(broker={**options["broker"], "username": manager, "password": tenant.passwords[manager]})
    with pytest.raises(FleetError, match="broker: url and username and password must be given."):
        call(broker={})
    with pytest.raises(FleetError, match="broker: via: service goes through the cluster, and no kubeconfig is given."):
        call(broker={**options["broker"], "via": "service"})
    with pytest.raises(FleetError, match="tags: 'a,b' is not a tag. RabbitMQ's own are administrator"):
        call(tags=["a,b"])
    with pytest.raises(FleetError, match="vhost is empty."):
        call(vhost="")


@pytest.mark.rabbitmq
@pytest.mark.parametrize("where", ["controller", "target"])
def test_both_doors_without_a_secret_in_any_output(options: dict[str, t.Any], tmp_path: pathlib.Path, where: str) -> None:
    variables = {"fleet_broker": options.pop("broker"), "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"gpu1": variables}}}))
    if where == "target":
        options["broker"] = variables["fleet_broker"]
    settings = {"ANSIBLE_LOCAL_TEMP": str(tmp_path), "ANSIBLE_REMOTE_TEMP": str(tmp_path), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    program = pathlib.Path(sys.executable).with_name("ansible")
    command = [program, "gpu1", "-i", tmp_path / "hosts.json", "-m", "studioml.fleet.broker_user", "-vvv", "--diff"]
    command += ["-a", json.dumps({**options, "kubeconfig_on": where})]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("K8S_")}
    done = subprocess.run(command, cwd=CLONE, env={**environment, **settings}, capture_output=True, text=True, timeout=300, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == 0 and "gpu1 | CHANGED" in text, text
    assert "s3cret" not in text and variables["fleet_broker"]["password"] not in text


@pytest.mark.rabbitmq
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5"])
def test_the_hashes_that_rabbitmq_makes(broker: Broker, tenant: Tenant, algorithm: str) -> None:
    user = tenant.user()
    entry = {"password_hash": base64.b64encode(b"salt" + hashlib.new(algorithm, b"salts3cret").digest()).decode()}
    broker.put_user(user, ["management"], {**entry, "hashing_algorithm": f"rabbit_password_hashing_{algorithm}"})
    assert Broker(broker.url, user, "s3cret").whoami().name == user, "RabbitMQ takes it for the same"
    assert has_password(broker.find_user(user) or {}, "s3cret")
    assert not has_password(broker.find_user(user) or {}, "s3cret ")


@pytest.mark.parametrize(
    "entry",
    [
        {"hashing_algorithm": "rabbit_password_hashing_unheard_of", "password_hash": "AAAAAAAA"},
        {"hashing_algorithm": "rabbit_password_hashing_sha256", "password_hash": ""},
        {"hashing_algorithm": "rabbit_password_hashing_sha256", "password_hash": "not base64"},
        {},
    ],
)
def test_hashes_that_cannot_be_compared(entry: dict[str, str]) -> None:
    assert not has_password(entry, "s3cret")
