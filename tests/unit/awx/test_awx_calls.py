"""Every call that the role makes, before any is made: the real modules take its arguments, and AWX its fields, one by one."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import typing as t

import awx_rules
import pytest
from rendered import calls, objects_here, tasks

from ansible_collections.studioml.fleet.plugins.plugin_utils import _awx_objects

CREDENTIALS = [
    {"name": "Clusters", "credential_type": "StudioML kubeconfig", "inputs": {"kubeconfig": "apiVersion: v1"}, "description": "All of them."},
    {"name": "Hub", "credential_type": "StudioML registry",
     "inputs": {"host": "hub:5000", "scheme": "https", "username": "puller", "password": "puller-secret"}},
    {"name": "Broker", "credential_type": "StudioML message broker",
     "inputs": {"url": "http://hub:15672", "username": "administrator", "password": "broker-secret"}},
    {"name": "Machines", "credential_type": "Machine"},
]
HERE = objects_here(awx_image="hub:5000/fleet-ee:1", awx_credentials=CREDENTIALS, awx_project_credential="Git")
CALLS = list(calls(HERE))

#: module: the resource that it posts to, and its arguments that are none of that resource's fields (links, surveys, ways to look something up)
POSTED: dict[str, tuple[str, set[str]]] = {
    "organization": ("organizations", {"galaxy_credentials"}),
    "execution_environment": ("execution_environments", set()),
    "credential_type": ("credential_types", set()),
    "credential": ("credentials", {"update_secrets"}),
    "project": ("projects", {"wait"}),
    "inventory": ("inventories", set()),
    "inventory_source": ("inventory_sources", {"organization"}),
    "job_template": ("job_templates", {"organization", "credentials", "survey_spec"}),
    "workflow_job_template": ("workflow_job_templates", {"survey_spec"}),
    "workflow_job_template_node": (
        "workflow_job_template_nodes", {"organization", "lookup_organization", "approval_node", "success_nodes", "failure_nodes", "always_nodes"}),
    "schedule": ("schedules", {"organization"}),
    "team": ("teams", set()),
}


@pytest.fixture(scope="module")
def ended(awx_environment: pathlib.Path) -> t.Callable[[list[tuple[str, dict[str, t.Any]]]], list[str]]:
    """How the real modules end, where nothing listens."""

    def run(given: list[tuple[str, dict[str, t.Any]]]) -> list[str]:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there meanwhile
            text = json.dumps({"address": f"http://127.0.0.1:{taken.getsockname()[1]}", "calls": given})
            script = pathlib.Path(__file__).parent / "check_arguments.py"
            settings = {name: text for name, text in os.environ.items() if not name.startswith(("CONTROLLER_", "TOWER_", "PYTHON"))}
            done = subprocess.run([awx_environment / "bin" / "python", script], input=text, env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        messages: list[str] = json.loads(done.stdout)
        return messages

    return run


def test_the_real_modules_take_every_argument(ended: t.Callable[..., list[str]]) -> None:
    messages = ended(CALLS)
    assert len(messages) == len(CALLS) > 40
    assert not [(module, arguments, message) for (module, arguments), message in zip(CALLS, messages, strict=True) if "Connection refused" not in message]


def test_the_real_modules_would_say_what_is_wrong(ended: t.Callable[..., list[str]]) -> None:
    """So that the test above shows something."""
    module, arguments = next(call for call in CALLS if call[0] == "job_template")
    wrong = [{**arguments, "limits": "rack2"}, {**arguments, "job_type": "scan"}, {**arguments, "survey_spec": "text"}]
    messages = ended([(module, one) for one in wrong])
    assert "Unsupported parameters" in messages[0] and "limits" in messages[0]
    assert "value of job_type must be one of: run, check, got: scan" in messages[1]
    assert "'survey_spec' is of type str and we were unable to convert to dict" in messages[2]


def numbered(resource: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
    """As the module posts it: names of other objects as their numbers, mappings of variables as text."""
    rules = awx_rules.RECORDED[resource]
    posted = {}
    for name, given in arguments.items():
        rule = rules[name]
        number = rule["type"] == "id" or (rule["type"] == "integer" and isinstance(given, str))
        posted[name] = 1 if number else given
    return posted


@pytest.mark.parametrize("module", POSTED)
def test_awx_takes_every_field(module: str) -> None:
    resource, others = POSTED[module]
    given = [arguments for called, arguments in CALLS if called == module]
    assert given
    for arguments in given:
        unknown = set(arguments) - set(awx_rules.RECORDED[resource]) - others
        assert not unknown, f"{arguments.get('name')}: {unknown}"
        fields = numbered(resource, {name: one for name, one in arguments.items() if name not in others})
        assert awx_rules.field_errors(resource, fields) == {}, arguments.get("name")


def test_the_field_rules_would_find_what_is_wrong() -> None:
    right = {"name": "n", "inventory": 1, "source": "scm"}
    assert awx_rules.field_errors("inventory_sources", right) == {}
    wrongs = [("name", "n" * 513), ("name", ""), ("inventory", "StudioML fleet"), ("source", "git"), ("overwrite", "yes"), ("update_cache_timeout", -1)]
    for field, wrong in wrongs:
        assert list(awx_rules.field_errors("inventory_sources", {**right, field: wrong})) == [field]
    assert set(awx_rules.field_errors("inventory_sources", {})) >= {"name", "inventory"}


@pytest.mark.parametrize("module", ["job_template", "workflow_job_template"])
def test_awx_takes_every_survey(module: str) -> None:
    surveys = [arguments["survey_spec"] for called, arguments in CALLS if called == module and "survey_spec" in arguments]
    assert surveys
    assert [awx_rules.survey_error(survey) for survey in surveys] == [""] * len(surveys)


def test_awx_takes_every_credential_type() -> None:
    types = [arguments for called, arguments in CALLS if called == "credential_type"]
    assert [awx_rules.credential_type_error(one) for one in types] == [""] * 4


def test_our_own_judgement_finds_nothing() -> None:
    assert _awx_objects.faults(HERE) == []


def test_every_template_names_its_organization_and_runs_alone_where_it_must() -> None:
    templates = {arguments["name"]: arguments for called, arguments in CALLS if called == "job_template"}
    assert all(one["organization"] == "StudioML fleet" and one["ask_limit_on_launch"] for one in templates.values())
    alone = {name for name, one in templates.items() if not one["allow_simultaneous"]}
    assert alone == {
        "Drain for an alert", "Resume after an alert", "Drain runners", "Maintain hosts", "Resume runners", "Make the runners' Secrets", "Set up the fleet",
        "Write a state"}


def test_secrets_are_written_again_only_on_request() -> None:
    assert [arguments["update_secrets"] for called, arguments in CALLS if called == "credential"] == [False] * 3
    rotated = [arguments["update_secrets"] for called, arguments in calls(HERE, awx_rotate_secrets=True) if called == "credential"]
    assert rotated == [True] * 3


def test_the_tasks_hand_over_every_key_that_is_known() -> None:
    handed: dict[str, set[str]] = {}
    for task in tasks():
        module = next(key.removeprefix("awx.awx.") for key in task if key.startswith("awx.awx."))
        handed.setdefault(module, set()).update(task[f"awx.awx.{module}"])
    nodes = handed.pop("workflow_job_template_node")
    assert nodes >= {"identifier", "approval_node", *_awx_objects.LINKS}
    names = dict(zip(_awx_objects.KINDS, [
        "organization", "execution_environment", "credential_type", "credential", "project", "inventory", "inventory_source", "job_template",
        "workflow_job_template", "schedule", "team", "role"], strict=True))
    for kind, (needed, more) in _awx_objects.KINDS.items():
        wanted = {*needed, *more, *(() if kind == "controller_roles" else ("name",))} - {"simplified_workflow_nodes"}
        assert handed[names[kind]] - {"update_secrets"} == wanted, kind
