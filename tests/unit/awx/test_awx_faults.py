"""What is judged before the first call: each fault has its sentence, and what AWX refuses is refused here, too."""

from __future__ import annotations

import copy
import typing as t

import awx_rules
import jinja2
import jinja2.sandbox
import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from awx_code import credential_types
from rendered import objects_here

from ansible_collections.studioml.fleet.plugins.filter.awx_objects import FilterModule, awx_faults, awx_objects
from ansible_collections.studioml.fleet.plugins.module_utils import _broker_options, _broker_target
from ansible_collections.studioml.fleet.plugins.modules import registry_image
from ansible_collections.studioml.fleet.plugins.plugin_utils import _awx_credential_type, _awx_survey

QUESTION = {"question_name": "How many", "question_description": "", "variable": "many", "type": "integer", "required": False, "default": 1}
CHOICE = {**QUESTION, "type": "multiplechoice", "choices": ["true", "false"], "default": "true"}


def asked(**change: t.Any) -> dict[str, t.Any]:
    base = CHOICE if "choices" in change or change.get("type") == "multiselect" else QUESTION
    return {"name": "", "description": "", "spec": [{name: value for name, value in {**base, **change}.items() if value is not ...}]}


#: survey, the sentence, and whether the recorded AWX refuses it, too (else it takes it and fails later, or reports a change on every run)
SURVEYS: list[tuple[t.Any, str, bool]] = [
    ("text", "survey_spec is no mapping.", True),
    ({"spec": asked()["spec"]}, "survey_spec has no name. An empty text will do.", True),
    ({"name": "", "description": "", "spec": []}, "survey_spec has no questions in spec.", True),
    ({"name": "", "description": "", "spec": [*asked()["spec"], *asked()["spec"]]}, "the survey asks twice for many.", True),
    (asked(type="boolean"), "the type boolean is none of text, textarea, password", True),
    (asked(variable="a b-c"), "variable is no name that Ansible takes", False),
    (asked(required="yes"), "required has to be true or false.", True),
    (asked(default="30"), "its default '30' is no integer; a number in quotes is a text.", True),
    (asked(default=None), "a default of null is refused.", True),
    (asked(default=True), "its default True is no integer", True),
    (asked(type="float", default="0.5"), "its default '0.5' is no number", True),
    (asked(type="text", default=["a"]), "its default ['a'] is no text.", True),
    (asked(required=True), "it is required, and AWX then ignores its default.", False),
    (asked(type="password", default="x"), "a password with a default is reported as changed on every run.", False),
    (asked(choices=[True, False]), "choices has to be a list of texts", True),
    (asked(choices="true\nfalse\n"), "choices has to be a list of texts", True),
    (asked(choices=["true", "false\n"]), "without spaces or line ends around them", False),
    (asked(choices=["true", "true"]), "choices has an entry twice.", False),
    (asked(choices=["True", "False"]), "its default true is none of its choices; the case matters.", True),
    (asked(type="multiselect", default="true\nmaybe"), "its default maybe is none of its choices", True),
    (asked(min="0"), "min and max have to be integers, for a float too.", False),
    (asked(min=5, max=2), "min is more than max.", False),
    (asked(min=2, max=5), "its default is outside of min and max (2 to 5).", False),
    (asked(colour="red"), "the key colour is unknown", False),
    (asked(question_name=""), "it has no question_name.", False),
]


@pytest.mark.parametrize(("survey", "sentence", "refused"), SURVEYS, ids=lambda value: value[:40] if isinstance(value, str) else None)
def test_faults_of_surveys(survey: t.Any, sentence: str, refused: bool) -> None:
    found = list(_awx_survey.faults(survey))
    assert any(sentence in fault for fault in found), found
    assert bool(awx_rules.survey_error(survey)) == refused


def test_good_surveys_have_none() -> None:
    for survey in (asked(), asked(default=...), asked(choices=["a", "b"], default="b"), asked(type="multiselect", default="true\nfalse"), asked(default="")):
        assert list(_awx_survey.faults(survey)) == [] and awx_rules.survey_error(survey) == ""


def kind(**change: t.Any) -> dict[str, t.Any]:
    made = copy.deepcopy(credential_types.credential_types()[3])
    made.update(change)
    return made


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (kind(inputs={"fields": ["url"]}), "inputs has to be a mapping of fields, a list of mappings such as {id: url, label: Address}"),
        (kind(inputs=["url"]), "inputs has to be a mapping of fields"),
        (kind(inputs={"fields": [], "required": "url"}), "of required, a list of their ids."),
        (kind(injectors={"env": "A"}), "injectors has to be a mapping of file, env and extra_vars, which are mappings."),
        (kind(kind="kubernetes"), "kind is kubernetes, and custom types can only be cloud or net. Take cloud."),
        (kind(inputs={"fields": [{"id": "tower", "label": "x"}]}, injectors={}),
         "field tower: its id has to be a name of letters, digits and _, and not tower."),
        (kind(inputs={"fields": [{"id": "a"}]}, injectors={}), "field a: it has no label."),
        (kind(inputs={"fields": [{"id": "a", "label": "A", "type": "int"}]}, injectors={}), "field a: its type is int; there are string and boolean."),
        (kind(inputs={"fields": [{"id": "a", "label": "A", "required": True}]}, injectors={}), "required belongs into the list inputs.required"),
        (kind(inputs={"fields": [{"id": "a", "label": "A", "type": "boolean", "secret": True}]}, injectors={}), "a boolean cannot have secret."),
        (kind(inputs={"fields": [], "required": ["b"]}, injectors={}), "required names b, which is no field; AWX would take it"),
        (kind(injectors={"environment": {}}), "injectors know file, env and extra_vars, not environment."),
        (kind(injectors={"file": {"template": "x", "template.a": "y"}}), "template and template.NAME cannot be mixed."),
        (kind(injectors={"env": {"ANSIBLE_CONFIG": "x"}}), "the environment variable ANSIBLE_CONFIG is refused"),
        (kind(injectors={"env": {"A": "ä"}}), "env.A has letters outside of ASCII."),
        (kind(injectors={"env": {"A": "{{ tower.filename }}"}}), "env.A uses tower.filename, and no such file is injected."),
        (kind(injectors={"env": {"A": "{{ colour }}"}}), "env.A uses colour, which is no field."),
        (kind(injectors={"env": {"A": "{{ url"}}), "env.A is no Jinja2:"),
        (kind(injectors={"extra_vars": {"a": {"b": True}}}), "extra_vars.a.b is True; injectors hold texts, numbers and booleans in quotes."),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_faults_of_credential_types(item: dict[str, t.Any], sentence: str) -> None:
    assert any(sentence in fault for fault in _awx_credential_type.faults(item))


def test_faults_of_inputs_never_tell_a_value() -> None:
    registry = next(one for one in credential_types.credential_types() if one["name"] == "StudioML registry")
    found = list(_awx_credential_type.missing(registry, {"host": "hub:5000", "scheme": "gopher", "username": 5, "pass": "the-secret"}))
    assert found == [
        "the input scheme is none of https, http.",
        "the input username has to be a text.",
        "the input pass is unknown to the type StudioML registry. It has host, scheme, username, password, ca_file.",
        "the input password is missing; AWX would take the credential, and each job with it would fail before it starts.",
    ]


def injected(name: str, inputs: dict[str, str]) -> dict[str, t.Any]:
    """What a job gets of a credential, by AWX's own way: a sandboxed Jinja2, an empty text (or the first choice) for each input that is not there."""
    item = next(one for one in credential_types.credential_types() if one["name"] == name)
    language = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    known: dict[str, t.Any] = {field["id"]: inputs.get(field["id"], field.get("choices", [""])[0]) for field in item["inputs"]["fields"]}
    files = {key: language.from_string(text).render(known) for key, text in item["injectors"].get("file", {}).items()}
    names = {key.partition(".")[2]: f"/runner/{key}" for key in files}
    known["tower"] = {"filename": names.get("", names)}

    def rendered(value: t.Any) -> t.Any:
        if isinstance(value, dict):
            return {key: rendered(inner) for key, inner in value.items()}
        return [rendered(inner) for inner in value] if isinstance(value, list) else language.from_string(value).render(known)

    got = {"files": {f"/runner/{key}": text for key, text in files.items()}, "env": rendered(item["injectors"].get("env", {}))}
    return {**got, "extra_vars": rendered(item["injectors"]["extra_vars"])} if "extra_vars" in item["injectors"] else got


def test_one_kubeconfig_arrives_byte_by_byte() -> None:
    text = "apiVersion: v1\nkind: Config\nusers: [{name: '{{ a }}'}]\n"
    assert injected("StudioML kubeconfig", {"kubeconfig": text}) == {
        "files": {"/runner/template": text}, "env": {"K8S_AUTH_KUBECONFIG": "/runner/template"}}


def test_a_registry_is_what_the_roles_and_their_modules_take() -> None:
    given = {"host": "hub:5000", "scheme": "https", "username": "puller", "password": "p", "ca_file": "/etc/ssl/hub.pem"}
    got = injected("StudioML registry", given)["extra_vars"]
    assert got == {"base_image_registries": [given], "runner_secrets_registries": [{"host": "hub:5000", "username": "puller", "password": "p"}]}
    assert injected("StudioML registry", {**given, "ca_file": ""})["extra_vars"]["base_image_registries"] == [{**given, "ca_file": ""}]
    assert not ArgumentSpecValidator(registry_image.REGISTRY).validate(got["base_image_registries"][0]).error_messages


def test_a_broker_is_what_the_modules_take() -> None:
    needed = {"url": "https://hub:15671", "username": "administrator", "password": "p"}
    least = injected("StudioML message broker", needed)["extra_vars"]["fleet_broker"]
    assert least == {**needed, "vhost": "", "runner_username": "", "validate_certs": "true", "ca_path": ""}
    got = injected("StudioML message broker", {**needed, "vhost": "studio", "runner_username": "runner", "ca": "PEM\n", "validate_certs": "false"})
    broker = got["extra_vars"]["fleet_broker"]
    assert broker == {**needed, "vhost": "studio", "runner_username": "runner", "validate_certs": "false", "ca_path": "/runner/template"}
    assert got["files"] == {"/runner/template": "PEM\n"}
    checked = ArgumentSpecValidator(_broker_options.OPTIONS).validate(broker)
    assert not checked.error_messages and checked.validated_parameters["validate_certs"] is False
    target = _broker_target.given_only(None, "", {**ArgumentSpecValidator(_broker_options.OPTIONS).validate(least).validated_parameters, "via": "direct"})
    assert (target.vhost, target.runner_username, target.ca, target.validate_certs) == ("/", "", b"", True)
    as_it_comes_with_a_target = _broker_target.given_only(None, "", {**broker, "ca_path": "", "via": "direct"})
    assert (as_it_comes_with_a_target.validate_certs, as_it_comes_with_a_target.vhost) == (False, "studio")


@pytest.mark.parametrize("many", [1, 2, 5])
def test_several_kubeconfigs_are_a_path_list_without_empty_files(many: int) -> None:
    got = injected("StudioML kubeconfigs", {f"kubeconfig_{number}": f"file {number}" for number in range(1, many + 1)})
    paths = got["env"]["K8S_AUTH_KUBECONFIG"].split(":")
    assert [got["files"][path] for path in paths] == [f"file {number}" for number in range(1, many + 1)]
    assert [got["env"][f"FLEET_KUBECONFIG_{number}"] for number in range(1, 6)] == [*paths, *[""] * (5 - many)]


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"controller_labels": [{"name": "x"}]}, "controller_labels: this kind is unknown."),
        ({"controller_templates": [{"name": "Mine"}]}, "controller_templates: Mine: it has no project."),
        ({"controller_templates": [{"name": "n" * 513}]}, "its name is longer than 512 characters."),
        ({"controller_templates": [{"name": "Drain runners", "inventory": ""}]}, "Drain runners: it has no inventory, and does not ask for one."),
        ({"controller_templates": [{"name": "Drain runners", "playbook": "/drain.yml"}]}, "its playbook has to be a path of a .yml file within the project."),
        ({"controller_templates": [{"name": "Look at the fleet", "survey_enabled": True}]}, "Look at the fleet: its survey is on, but there is none."),
        ({"controller_templates": [{"name": "Drain runners", "survey_spec": asked(default="30")}]},
         "controller_templates: Drain runners: the survey's question many: its default '30' is no integer"),
        ({"controller_templates": [{"name": "Drain runners", "credentials": ["a", "b"]}],
          "controller_credentials": [
              {"name": name, "credential_type": "StudioML kubeconfig", "organization": "o", "inputs": {"kubeconfig": "x"}} for name in "ab"]},
         "Drain runners: it has two credentials of the type StudioML kubeconfig, and AWX takes one of each."),
        ({"controller_templates": [{"name": "Drain runners", "credentials": ["a", "b"]}],
          "controller_credentials": [
              {"name": "a", "credential_type": "StudioML kubeconfig", "organization": "o", "inputs": {"kubeconfig": "x"}},
              {"name": "b", "credential_type": "StudioML kubeconfigs", "organization": "o", "inputs": {"kubeconfig_1": "x"}}]},
         "Drain runners: its credentials of the types StudioML kubeconfig and StudioML kubeconfigs both set K8S_AUTH_KUBECONFIG."),
        ({"controller_workflows": [{"name": "Maintenance", "simplified_workflow_nodes": [{"identifier": "a", "success_nodes": ["b"]}]}]},
         "Maintenance: its node a leads to b, which is no node of it."),
        ({"controller_workflows": [{"name": "Maintenance", "simplified_workflow_nodes": [{"identifier": "a"}]}]},
         "its node a has to be either a template (unified_job_template) or an approval (approval_node)."),
        ({"controller_schedules": [{"name": "Verify the fleet every night", "rrule": "daily"}]}, "its rrule has to be like DTSTART:20260101T020000Z"),
        ({"controller_schedules": [{"name": "Verify the fleet every night", "unified_job_template": "Run a Job"}]},
         "nobody is there to answer job_name, job_image. Give it in extra_data."),
        ({"controller_schedules": [{"name": "Verify the fleet every night", "unified_job_template": "Verify the flet"}]},
         "unified_job_template names Verify the flet, which is not made here. Is Verify the fleet meant?"),
        ({"controller_workflows": [{"name": "Maintenance", "simplified_workflow_nodes": [{"identifier": "a", "unified_job_template": "drain runners"}]}]},
         "Maintenance: its node a: unified_job_template names drain runners, which is not made here. Is Drain runners meant?"),
        ({"controller_workflows": [{"name": "Maintenance", "simplified_workflow_nodes": ["a"]}]}, "simplified_workflow_nodes has to be a list of mappings."),
        ({"controller_credential_types": [{"name": "Mine", "kind": "cloud", "inputs": {"fields": {"id": "a"}}}],
          "controller_credentials": [{"name": "m", "credential_type": "Mine", "organization": "o", "inputs": {"a": "x"}}]},
         "controller_credential_types: Mine: inputs has to be a mapping of fields, a list of mappings"),
        ({"controller_credentials": [{"name": "m", "credential_type": "StudioML registry", "organization": "o", "inputs": "text"}]},
         "controller_credentials: m: its inputs have to be a mapping of the type's fields."),
        ({"controller_roles": [{"role": "execute", "team": "Fleet pilots", "job_templates": ["Fly"]}]}, "execute for Fleet pilots: job_templates names Fly"),
        ({"controller_roles": [{"role": "execute", "team": "Fleet pilots"}]}, "the team Fleet pilots is not made here."),
        ({"controller_roles": [{"role": "execute"}]}, "it says nobody: give team, teams, user or users."),
        ({"controller_projects": [{"name": "StudioML fleet", "scm_kind": "git"}]}, "controller_projects: StudioML fleet: the key scm_kind is unknown."),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_faults_of_objects(own: dict[str, t.Any], sentence: str) -> None:
    found = awx_faults(awx_objects(objects_here(), own))
    assert any(sentence in fault for fault in found), found


def test_a_template_of_another_organization_is_not_known_here() -> None:
    node = {"identifier": "a", "unified_job_template": "Theirs", "lookup_organization": "Other"}
    assert awx_faults(awx_objects(objects_here(), {"controller_workflows": [{"name": "Maintenance", "simplified_workflow_nodes": [node]}]})) == []


@pytest.mark.parametrize(
    ("credentials", "sentences"),
    [
        ([{"name": "a", "credential_type": "StudioML kubeconfg"}],
         ["awx_credentials: a: the credential_type StudioML kubeconfg is neither made here nor one of AWX's own. Is StudioML kubeconfig meant?"]),
        ([{"name": "a", "credential_type": "machine", "inputs": {}}], ["awx_credentials: a: the credential_type machine is neither", "Is Machine meant?"]),
        ([{"name": "a", "credential_type": "Machine"}, {"name": "a", "credential_type": "Machine"}], ["awx_credentials: a: there are two of this name."]),
        ([{"name": "a", "credential_type": "StudioML registry", "inputs": {"host": "h", "scheme": "https", "username": "u", "password": "p"}},
          {"name": "b", "credential_type": "StudioML registry"}],
         ["controller_templates: Make the runners' Secrets: it has two credentials of the type StudioML registry, and AWX takes one of each."]),
        ([{"name": "a", "credential_type": "StudioML kubeconfig"}, {"name": "b", "credential_type": "StudioML kubeconfigs"}],
         ["Drain runners: its credentials of the types StudioML kubeconfig and StudioML kubeconfigs both set K8S_AUTH_KUBECONFIG."]),
        ([{"name": "a", "credential_type": "StudioML kubeconfig"}, {"name": "b", "credential_type": "Machine"}], []),
    ],
)
def test_faults_of_the_credentials_that_are_there(credentials: list[dict[str, t.Any]], sentences: list[str]) -> None:
    found = awx_faults(objects_here(awx_credentials=credentials), credentials)
    assert bool(found) == bool(sentences)
    assert not [one for one in sentences if one not in " ".join(found)], found


def test_own_objects_change_what_they_name_and_add_the_rest() -> None:
    before = {"controller_templates": [{"name": "a", "forks": 1, "timeout": 2}], "controller_roles": [{"role": "execute", "team": "t"}]}
    own = {"controller_templates": [{"name": "a", "forks": 5}, {"name": "b"}], "controller_roles": [{"role": "admin", "team": "t"}]}
    kept = copy.deepcopy(before)
    assert awx_objects(before, own) == {
        "controller_templates": [{"name": "a", "forks": 5, "timeout": 2}, {"name": "b"}],
        "controller_roles": [{"role": "execute", "team": "t"}, {"role": "admin", "team": "t"}]}
    assert before == kept


@pytest.mark.parametrize("own", ["text", {"controller_templates": {"name": "a"}}, {"controller_templates": ["a"]}])
def test_another_shape_is_refused(own: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="awx_objects have to be a mapping of lists of mappings, such as"):
        awx_objects({}, own)


def test_the_filters_have_their_names() -> None:
    assert FilterModule().filters() == {"awx_objects": awx_objects, "awx_faults": awx_faults}
