# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of an AWX, as lists by kind: merged with a user's own, and judged before the first call. Pure functions, no I/O.

AWX makes a job template before it looks at its survey, and takes much that fails later: whatever can be known is said here.
"""

from __future__ import annotations

import copy
import difflib
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
#: The types of credentials that AWX brings itself, as far as known; a name that is nearly one of them is a slip.
OWN_TYPES = (
    "Machine", "Source Control", "Vault", "Network", "Amazon Web Services", "OpenStack", "VMware vCenter", "Red Hat Satellite 6", "Google Compute Engine",
    "Microsoft Azure Resource Manager", "GitHub Personal Access Token", "GitLab Personal Access Token", "Bitbucket Data Center HTTP Access Token", "Insights",
    "Red Hat Virtualization", "Red Hat Ansible Automation Platform", "OpenShift or Kubernetes API Bearer Token", "Container Registry",
    "Ansible Galaxy/Automation Hub API Token", "GPG Public Key", "Terraform backend configuration", "CyberArk Central Credential Provider Lookup",
    "CyberArk Conjur Secrets Manager Lookup", "HashiCorp Vault Secret Lookup", "HashiCorp Vault Signed SSH", "Microsoft Azure Key Vault",
    "Centrify Vault Credential Provider Lookup", "Thycotic DevOps Secrets Vault", "Thycotic Secret Server", "AWS Secrets Manager lookup",
)
#: AWX takes several of this type at one template, told apart by their Vault ID.
SEVERAL = "Vault"
#: What a node of a workflow, or a schedule, can start.
STARTED = ("controller_templates", "controller_workflows", "controller_projects", "controller_inventory_sources")
#: The key under which the judges find the settings awx_credentials; it is no kind.
SETTINGS = "awx_credentials"


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


def faults(objects: Objects, credentials: t.Sequence[Item] = ()) -> list[str]:
    """One sentence for each fault, with the object's kind and name.

    :param credentials: the credentials of the jobs, those that are only named (without inputs) among them.
    """
    objects = {kind: items for kind, items in objects.items() if kind != SETTINGS}
    found = [f"{kind}: this kind is unknown. There are {', '.join(KINDS)}." for kind in objects if kind not in KINDS]
    objects[SETTINGS] = credentials
    found += [f"{SETTINGS}: {fault}" for fault in _credentials(credentials, objects)]
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
    known = [*(objects.get(SETTINGS) or []), *(objects.get("controller_credentials") or [])]
    types = {one.get("name"): one.get("credential_type") for one in known}
    given = [types[name] for name in item.get("credentials") or [] if name in types]
    for twice in sorted({str(one) for one in given if given.count(one) > 1 and one != SEVERAL}):
        yield f"it has two credentials of the type {twice}, and AWX takes one of each."
    setting: dict[str, str] = {}
    for kind in objects.get("controller_credential_types") or []:
        for variable in _mapping(_mapping(kind.get("injectors")).get("env")) if kind.get("name") in given else ():
            other = setting.setdefault(variable, kind["name"])
            if other != kind["name"]:
                yield f"its credentials of the types {other} and {kind['name']} both set {variable}. Give one of the two."


def _workflow(item: Item, objects: Objects) -> t.Iterator[str]:
    if item.get("survey_spec"):
        yield from _awx_survey.faults(item["survey_spec"])
    nodes = item.get("simplified_workflow_nodes") or []
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        yield "simplified_workflow_nodes has to be a list of mappings."
        return
    names = [node.get("identifier") for node in nodes]
    if len(set(names)) != len(names) or not all(names):
        yield "each node needs an identifier of its own."
    for node in nodes:
        where = f"its node {node.get('identifier')}"
        if bool(node.get("unified_job_template")) == bool(node.get("approval_node")):
            yield f"{where} has to be either a template (unified_job_template) or an approval (approval_node)."
        if node.get("approval_node") and not _mapping(node["approval_node"]).get("name"):
            yield f"{where}: an approval needs a name."
        for fault in _started(node.get("unified_job_template"), node.get("lookup_organization"), objects):
            yield f"{where}: {fault}"
        unknown = [str(name) for link in LINKS for name in node.get(link) or [] if name not in names]
        if unknown:
            yield f"{where} leads to {', '.join(unknown)}, which is no node of it."


def _started(name: t.Any, organization: t.Any, objects: Objects) -> t.Iterator[str]:
    """What another organization has is not known here."""
    if not name or (organization and organization not in _names(objects, "controller_organizations")):
        return
    known = _names(objects, *STARTED)
    if name not in known:
        yield f"unified_job_template names {name}, which is not made here.{_near(name, known)}"


def _schedule(item: Item, objects: Objects) -> t.Iterator[str]:
    yield from _started(item.get("unified_job_template"), item.get("organization"), objects)
    rule = str(item.get("rrule") or "")
    if not rule.startswith("DTSTART") or "RRULE:FREQ=" not in rule or "INTERVAL=" not in rule:
        yield "its rrule has to be like DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1."
    template = next((one for one in objects.get("controller_templates") or [] if one.get("name") == item.get("unified_job_template")), None)
    questions = [_mapping(one) for one in _mapping(_mapping(template).get("survey_spec")).get("spec") or []]
    unanswered = [str(one.get("variable")) for one in questions if one.get("required") and one.get("variable") not in _mapping(item.get("extra_data"))]
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


def _credentials(credentials: t.Sequence[Item], objects: Objects) -> t.Iterator[str]:
    """What is wrong with them, whether they hold anything or are only named."""
    names = [str(one.get("name")) for one in credentials]
    yield from (f"{name}: there are two of this name." for name in sorted({one for one in names if names.count(one) > 1}))
    known = [*_names(objects, "controller_credential_types"), *OWN_TYPES]
    for one in credentials:
        called = one.get("credential_type")
        # one that is like none of these may be a type of the site's own
        if called not in known and (not isinstance(called, str) or _near(called, known)):
            yield (
                f"{one.get('name')}: the credential_type {called} is neither made here nor one of AWX's own.{_near(called, known)} "
                "A type of your own belongs into awx_objects, too (controller_credential_types)."
            )


def _names(objects: Objects, *kinds: str) -> list[str]:
    return [str(one.get("name")) for kind in kinds for one in objects.get(kind) or []]


def _near(name: t.Any, known: t.Sequence[str]) -> str:
    lowered = {one.lower(): one for one in known}
    return "".join(f" Is {lowered[one]} meant?" for one in difflib.get_close_matches(str(name).lower(), lowered, 1))


def _mapping(value: t.Any) -> t.Mapping[str, t.Any]:
    """What has another shape is told by its own judge, and holds nothing for the others."""
    return value if isinstance(value, dict) else {}


_JUDGES: dict[str, t.Callable[[Item, Objects], t.Iterator[str]]] = {
    "controller_credential_types": lambda item, objects: _awx_credential_type.faults(item),
    "controller_credentials": _credential,
    "controller_templates": _template,
    "controller_workflows": _workflow,
    "controller_schedules": _schedule,
    "controller_roles": _role,
}
