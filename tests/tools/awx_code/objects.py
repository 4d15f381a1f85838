"""All objects of an AWX, as lists by kind: the shape that infra.aap_configuration loads, and the role awx, too.

What differs from site to site stays an expression over the variables of the role awx, with the role's default in it, so that the same files serve both.
"""

from __future__ import annotations

import pathlib
import typing as t

import yaml

from awx_code import credential_types
from awx_code.sources import CLONE, MAPPING, Playbook, SourceError, playbooks
from awx_code.surveys import survey

Item = dict[str, t.Any]

NAME = "StudioML fleet"
ORGANIZATION = f"{{{{ awx_organization | default('{NAME}') }}}}"
PROJECT = f"{{{{ awx_project | default('{NAME}') }}}}"
INVENTORY = f"{{{{ awx_inventory | default('{NAME}') }}}}"
ENVIRONMENT = f"{{{{ awx_execution_environment | default('{NAME}') }}}}"
#: Without an image of one's own, AWX's default takes its place.
ENVIRONMENT_IF_ANY = f"{{{{ (awx_execution_environment | default('{NAME}')) if awx_image | default('') else '' }}}}"
CREDENTIALS = "(awx_credentials | default(controller_credentials | default([])))"
REPOSITORY = "https://github.com/studioml/fleet.git"


def mapping(clone: pathlib.Path = CLONE) -> dict[str, t.Any]:
    """The file that says which playbook is a button, and what it asks."""
    read: dict[str, t.Any] = yaml.safe_load((clone / MAPPING).read_text(encoding="utf-8"))
    return read


def objects(say: dict[str, t.Any], clone: pathlib.Path = CLONE) -> dict[str, list[Item]]:
    """Everything, by kind."""
    there, named = set(playbooks(clone)), {*say["buttons"], *say["without_button"]}
    if there - named or set(say["buttons"]) - there:
        wrong = sorted({*(there - named), *(set(say["buttons"]) - there)})
        raise SourceError(f"{', '.join(wrong)}: each playbook is a button or has a reason for being none, and each button is a playbook. Correct {MAPPING}.")
    read = {name: Playbook(name, clone) for name in say["buttons"]}
    return {
        "controller_organizations": [{"name": ORGANIZATION, "description": "Runs the StudioML fleet."}],
        "controller_execution_environments": [
            {"name": ENVIRONMENT, "description": "ansible-core with studioml.fleet.", "organization": ORGANIZATION,
             "image": "{{ awx_image | default('') }}", "pull": "missing"},
        ],
        "controller_credential_types": credential_types.credential_types(),
        "controller_projects": [_project()],
        "controller_inventories": [{"name": INVENTORY, "description": "Hosts, groups and verdicts of the fleet.", "organization": ORGANIZATION}],
        "controller_inventory_sources": [_inventory_source()],
        "controller_templates": [_template(read[name], button) for name, button in say["buttons"].items()],
        "controller_workflows": [_workflow(say, read)],
        "controller_schedules": [_schedule(say, entry) for entry in say["schedules"]],
        "controller_teams": [{**team, "organization": ORGANIZATION} for team in say["teams"].values()],
        "controller_roles": _roles(say),
    }


def _credentials(keys: list[str]) -> str:
    names = [name for key in keys for name in credential_types.NAMES[key]]
    return f"{{{{ {CREDENTIALS} | selectattr('credential_type', 'in', {names}) | map(attribute='name') | list }}}}"


def _project() -> Item:
    return {
        "name": PROJECT,
        "description": "This collection's repository, or one's own that requires the collection.",
        "organization": ORGANIZATION,
        "scm_type": "git",
        "scm_url": f"{{{{ awx_project_url | default('{REPOSITORY}') }}}}",
        "scm_branch": "{{ awx_project_branch | default('') }}",
        "credential": "{{ awx_project_credential | default('') }}",
        "scm_clean": True,
        "scm_update_on_launch": False,
        "wait": True,
    }


def _inventory_source() -> Item:
    return {
        "name": "Clusters",
        "description": "The inventory plugin studioml.fleet.fleet.",
        "organization": ORGANIZATION,
        "inventory": INVENTORY,
        "source": "scm",
        "source_project": PROJECT,
        "source_path": "{{ awx_inventory_path | default('inventory/fleet/fleet.yml') }}",
        "credential": _credentials(["kubeconfig"]).replace(" | list }}", " | first | default('') }}"),
        "execution_environment": ENVIRONMENT_IF_ANY,
        "overwrite": True,
        "overwrite_vars": True,
        "update_on_launch": True,
        "update_cache_timeout": 300,
    }


def _template(playbook: Playbook, button: Item) -> Item:
    made: Item = {
        "name": button["name"],
        "description": button["description"],
        "organization": ORGANIZATION,
        "project": PROJECT,
        "playbook": f"{{{{ awx_playbooks | default('playbooks') }}}}/{playbook.name}.yml",
        "inventory": INVENTORY,
        "execution_environment": ENVIRONMENT_IF_ANY,
        "credentials": _credentials(button["credentials"]),
        "job_type": "run",
        "ask_limit_on_launch": True,
        # what no survey asks is dropped: a button takes nothing but its questions
        "ask_variables_on_launch": False,
        "allow_simultaneous": button["together"],
    }
    made.update({f"ask_{prompt}_on_launch": True for prompt in button.get("prompts", [])})
    made["survey_enabled"] = bool(button["asks"])
    if button["asks"]:
        made["survey_spec"] = survey(playbook, button["asks"])
    return made


def _workflow(say: dict[str, t.Any], read: dict[str, Playbook]) -> Item:
    entry, buttons = say["workflow"], say["buttons"]
    asks = {variable: buttons["maintain"]["asks"][variable] for variable in entry["asks"]}
    node = {"lookup_organization": ORGANIZATION}
    return {
        "name": entry["name"],
        "description": entry["description"],
        "organization": ORGANIZATION,
        "inventory": INVENTORY,
        "ask_limit_on_launch": True,
        "allow_simultaneous": False,
        "survey_enabled": True,
        "survey_spec": survey(read["maintain"], asks),
        "simplified_workflow_nodes": [
            {"identifier": "drain", "unified_job_template": buttons["drain"]["name"], **node, "success_nodes": ["approve"]},
            {
                "identifier": "approve",
                "approval_node": {
                    "name": "Change the hosts",
                    "description": "The hosts are drained and quiet. Approve to change them; deny, or let it run out, to bring them back as they are.",
                    "timeout": entry["approval_hours"] * 3600,
                },
                "success_nodes": ["maintain"],
                "failure_nodes": ["resume"],
            },
            {"identifier": "maintain", "unified_job_template": buttons["maintain"]["name"], **node, "always_nodes": ["status"]},
            {"identifier": "resume", "unified_job_template": buttons["resume"]["name"], **node, "always_nodes": ["status"]},
            {"identifier": "status", "unified_job_template": buttons["status"]["name"], **node},
        ],
    }


def _schedule(say: dict[str, t.Any], entry: Item) -> Item:
    return {
        "name": entry["name"],
        "organization": ORGANIZATION,
        "unified_job_template": say["buttons"][entry["button"]]["name"],
        "rrule": entry["rrule"],
        "enabled": "{{ awx_schedules | default(true) }}",
    }


def _roles(say: dict[str, t.Any]) -> list[Item]:
    made: list[Item] = []
    for key, team in say["teams"].items():
        who = {"team": team["name"], "lookup_organization": ORGANIZATION}
        pressed = [button["name"] for button in say["buttons"].values() if key in button["teams"]]
        made.append({"role": "execute", **who, "job_templates": pressed})
        if key in say["workflow"]["teams"]:
            made.append({"role": "execute", **who, "workflows": [say["workflow"]["name"]]})
        if key in say["workflow"]["approvers"]:
            made.append({"role": "approval", **who, "workflows": [say["workflow"]["name"]]})
    return made
