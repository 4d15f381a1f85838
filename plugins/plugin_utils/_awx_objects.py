# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of an AWX, as lists by kind: merged with a user's own, and judged before the first call. Pure functions, no I/O.

AWX makes a job template before it looks at its survey, and takes much that fails later: whatever can be known is said here.
"""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.studioml.fleet.plugins.plugin_utils import _awx_credential_type, _awx_survey

Item = t.Mapping[str, t.Any]
Objects = t.Mapping[str, t.Sequence[Item]]

#: kind: what every object of it needs beside a name, and what it may have
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "controller_organizations": ((), ("description", "galaxy_credentials", "default_environment", "instance_groups", "max_hosts")),
    "controller_execution_environments": (("image",), ("description", "organization", "credential", "pull")),
    "controller_credential_types": (("kind",), ("description", "inputs", "injectors")),
    "controller_credentials": (("credential_type", "organization"), ("description", "inputs")),
    "controller_projects": (
        ("organization", "scm_type"),
        ("description", "scm_url", "scm_branch", "credential", "local_path", "scm_clean", "scm_update_on_launch", "scm_update_cache_timeout",
         "default_environment", "allow_override", "timeout", "wait"),
    ),
    "controller_inventories": (("organization",), ("description", "kind", "variables", "instance_groups")),
    "controller_inventory_sources": (
        ("organization", "inventory", "source"),
        ("description", "source_project", "source_path", "source_vars", "credential", "execution_environment", "overwrite", "overwrite_vars",
         "update_on_launch", "update_cache_timeout", "timeout", "verbosity"),
    ),
    "controller_templates": (
        ("organization", "project", "playbook"),
        ("description", "inventory", "execution_environment", "credentials", "job_type", "limit", "job_tags", "skip_tags", "forks", "verbosity", "timeout",
         "diff_mode", "extra_vars", "become_enabled", "allow_simultaneous", "job_slice_count", "instance_groups", "labels", "ask_limit_on_launch",
         "ask_variables_on_launch", "ask_inventory_on_launch", "ask_credential_on_launch", "ask_tags_on_launch", "ask_skip_tags_on_launch",
         "ask_job_type_on_launch", "ask_verbosity_on_launch", "ask_diff_mode_on_launch", "survey_enabled", "survey_spec",
         "notification_templates_started", "notification_templates_success", "notification_templates_error"),
    ),
    "controller_workflows": (
        ("organization",),
        ("description", "inventory", "limit", "extra_vars", "allow_simultaneous", "ask_limit_on_launch", "ask_variables_on_launch",
         "ask_inventory_on_launch", "survey_enabled", "survey_spec", "simplified_workflow_nodes",
         "notification_templates_approvals", "notification_templates_error"),
    ),
    "controller_schedules": (("organization", "unified_job_template", "rrule"), ("description", "enabled", "extra_data", "limit")),
    "controller_teams": (("organization",), ("description",)),
    "controller_roles": (
        ("role",),
        ("team", "teams", "user", "users", "job_templates", "workflows", "inventories", "projects", "credentials", "organizations", "lookup_organization"),
    ),
}
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
LONGEST_NAME = 512
LONGEST_PATH = 1024


def merged(generated: Objects, own: t.Mapping[str, t.Any]) -> dict[str, list[dict[str, t.Any]]]:
    """The generated objects with the user's own: one of the same name gets the keys that are given, another one is added."""
    result = {kind: [dict(item) for item in items] for kind, items in generated.items()}
    for kind, items in (own or {}).items():
        there = result.setdefault(kind, [])
        for item in items:
            former = next((one for one in there if kind != "controller_roles" and one.get("name") == item.get("name")), None)
            if former is None:
                there.append(copy.deepcopy(dict(item)))
            else:
                former.update(item)
    return result


def faults(objects: Objects) -> list[str]:
    """One sentence for each fault, with the object's kind and name."""
    found = [f"{kind}: this kind is unknown. There are {', '.join(KINDS)}." for kind in objects if kind not in KINDS]
    for kind in KINDS:
        items = objects.get(kind) or []
        names = [str(item.get("name")) for item in items]
        for item in items:
            called = item.get("name") or f"{item.get('role')} for {item.get('team')}"
            found += [f"{kind}: {called}: {fault}" for fault in _each(kind, item, objects)]
        if kind != "controller_roles":
            found += [f"{kind}: {name}: there are two of this name." for name in sorted({one for one in names if names.count(one) > 1})]
    return found


def _each(kind: str, item: Item, objects: Objects) -> t.Iterator[str]:
    if kind != "controller_roles":
        if not isinstance(item.get("name"), str) or not item.get("name"):
            yield "it has no name."
        elif len(item["name"]) > LONGEST_NAME:
            yield f"its name is longer than {LONGEST_NAME} characters."
    needed, more = KINDS[kind]
    for key in needed:
        if not item.get(key):
            yield f"it has no {key}."
    unknown = [str(key) for key in item if key not in (*needed, *more, *(() if kind == "controller_roles" else ("name",)))]
    if unknown:
        yield f"the key {', '.join(unknown)} is unknown. There are {', '.join([*needed, *more])}."
    judge = _JUDGES.get(kind)
    if judge:
        yield from judge(item, objects)


def _template(item: Item, objects: Objects) -> t.Iterator[str]:
    if not item.get("inventory") and not item.get("ask_inventory_on_launch"):
        yield "it has no inventory, and does not ask for one."
    playbook = str(item.get("playbook") or "")
    if len(playbook) > LONGEST_PATH or playbook.startswith("/") or not playbook.endswith((".yml", ".yaml")):
        yield "its playbook has to be a path of a .yml file within the project."
    if item.get("survey_spec"):
        yield from _awx_survey.faults(item["survey_spec"])
    elif item.get("survey_enabled"):
        yield "its survey is on, but there is none."
    types = {one.get("name"): one.get("credential_type") for one in objects.get("controller_credentials") or []}
    given = [types[name] for name in item.get("credentials") or [] if name in types]
    for twice in sorted({str(one) for one in given if given.count(one) > 1}):
        yield f"it has two credentials of the type {twice}, and AWX takes one of each."
    setting: dict[str, str] = {}
    for kind in objects.get("controller_credential_types") or []:
        for variable in (kind.get("injectors") or {}).get("env") or {} if kind.get("name") in given else ():
            other = setting.setdefault(variable, kind["name"])
            if other != kind["name"]:
                yield f"its credentials of the types {other} and {kind['name']} both set {variable}. Give one of the two."


def _workflow(item: Item, objects: Objects) -> t.Iterator[str]:
    if item.get("survey_spec"):
        yield from _awx_survey.faults(item["survey_spec"])
    nodes = item.get("simplified_workflow_nodes") or []
    names = [node.get("identifier") for node in nodes]
    if len(set(names)) != len(names) or not all(names):
        yield "each node needs an identifier of its own."
    for node in nodes:
        where = f"its node {node.get('identifier')}"
        if bool(node.get("unified_job_template")) == bool(node.get("approval_node")):
            yield f"{where} has to be either a template (unified_job_template) or an approval (approval_node)."
        if node.get("approval_node") and not node["approval_node"].get("name"):
            yield f"{where}: an approval needs a name."
        unknown = [str(name) for link in LINKS for name in node.get(link) or [] if name not in names]
        if unknown:
            yield f"{where} leads to {', '.join(unknown)}, which is no node of it."


def _schedule(item: Item, objects: Objects) -> t.Iterator[str]:
    rule = str(item.get("rrule") or "")
    if not rule.startswith("DTSTART") or "RRULE:FREQ=" not in rule or "INTERVAL=" not in rule:
        yield "its rrule has to be like DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1."
    template = next((one for one in objects.get("controller_templates") or [] if one.get("name") == item.get("unified_job_template")), None)
    questions = ((template or {}).get("survey_spec") or {}).get("spec") or []
    unanswered = [one["variable"] for one in questions if one.get("required") and one["variable"] not in (item.get("extra_data") or {})]
    if unanswered:
        yield f"nobody is there to answer {', '.join(unanswered)}. Give it in extra_data."


def _role(item: Item, objects: Objects) -> t.Iterator[str]:
    for key, kind in (("job_templates", "controller_templates"), ("workflows", "controller_workflows")):
        known = [one.get("name") for one in objects.get(kind) or []]
        unknown = [str(name) for name in item.get(key) or [] if name not in known]
        if unknown:
            yield f"{key} names {', '.join(unknown)}, which is not made here."
    if not any(item.get(key) for key in ("team", "teams", "user", "users")):
        yield "it says nobody: give team, teams, user or users."
    if item.get("team") and item["team"] not in [one.get("name") for one in objects.get("controller_teams") or []]:
        yield f"the team {item['team']} is not made here."


def _credential(item: Item, objects: Objects) -> t.Iterator[str]:
    kind = next((one for one in objects.get("controller_credential_types") or [] if one.get("name") == item.get("credential_type")), None)
    if kind:
        yield from _awx_credential_type.missing(kind, item.get("inputs") or {})


_JUDGES: dict[str, t.Callable[[Item, Objects], t.Iterator[str]]] = {
    "controller_credential_types": lambda item, objects: _awx_credential_type.faults(item),
    "controller_credentials": _credential,
    "controller_templates": _template,
    "controller_workflows": _workflow,
    "controller_schedules": _schedule,
    "controller_roles": _role,
}
