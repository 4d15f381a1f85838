"""`make awx`: what is committed is what the specs say, a changed spec changes its survey, and a mapping that does not fit is refused with advice."""

from __future__ import annotations

import copy
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import pytest
import yaml
from awx import FOLDER, TWIN, texts
from awx_code import sources, surveys
from awx_code.objects import mapping, objects
from awx_code.sources import Playbook, SourceError

CLONE = pathlib.Path(__file__).resolve().parents[3]
#: Where a playbook imports what refuses. A form has no sources to build an image from; without an image the role refuses, asking for them.
REFUSED_IN = {"experiment_image": CLONE / "roles/experiment/tasks/preflight.yml", "fleet_alert_host": CLONE / "playbooks/tasks/alert_host.yml"}


def questions(name: str) -> dict[str, dict[str, t.Any]]:
    """The questions of a button as they are made now."""
    asks = mapping()["buttons"][name]["asks"]
    return {one["variable"]: one for one in surveys.survey(Playbook(name), asks)["spec"]}


def test_the_committed_files_are_what_is_generated() -> None:
    made = texts(objects(mapping()))
    assert made == texts(objects(mapping()))
    assert {path: (CLONE / path).read_text(encoding="utf-8") for path in made} == made, "run `make awx`"
    assert {path.relative_to(CLONE).as_posix() for path in (CLONE / FOLDER).iterdir()} == {path for path in made if path.startswith(FOLDER)}


def test_both_collections_are_called_alike() -> None:
    one, other = ((CLONE / f"roles/awx/tasks/{name}.yml").read_text(encoding="utf-8") for name in TWIN)
    assert other.split("\n", 2)[2] == one.split("\n", 1)[1].replace(*TWIN)


@pytest.mark.parametrize("text", sorted((CLONE / FOLDER).glob("*.yml")), ids=lambda path: path.stem)
def test_each_file_is_one_kind_for_infra_aap_configuration(text: pathlib.Path) -> None:
    """One list, named as its users name it."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[attr-defined]
    read = yaml.load(text.read_text(encoding="utf-8"), loader)
    assert list(read) == [f"controller_{text.stem}"]
    assert all(isinstance(item, dict) for item in read[f"controller_{text.stem}"])


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, t.Any]]:
    """The modules' documentation, to change."""
    pages = copy.deepcopy(sources._documentation(CLONE))
    monkeypatch.setattr(sources, "_documentation", lambda clone: pages)
    return pages


def test_a_changed_module_changes_its_survey(documented: dict[str, dict[str, t.Any]]) -> None:
    before = texts(objects(mapping()))
    documented["studioml.fleet.runner_state"]["enforce"]["choices"].append("power-off")
    assert questions("drain")["fleet_enforce"]["choices"][-1] == "power-off"
    documented["studioml.fleet.build_workload"]["gpus"]["type"] = "float"
    assert questions("build")["build_gpus"]["type"] == "float"
    changed = {path for path, text in texts(objects(mapping())).items() if before[path] != text}
    assert changed == {f"{FOLDER}/templates.yml"}


def test_a_changed_role_changes_its_survey_or_the_check_fails(tmp_path: pathlib.Path) -> None:
    """The command itself, in a copy."""
    for name in ("roles", "playbooks", "tests/tools"):
        shutil.copytree(CLONE / name, tmp_path / name)
    shutil.copy(CLONE / "ansible.cfg", tmp_path)
    for name in ("plugins", ".build"):
        (tmp_path / name).symlink_to(CLONE / name)
    spec = tmp_path / "roles/experiment/meta/argument_specs.yml"
    text = spec.read_text(encoding="utf-8")
    assert "        default: sandbox\n" in text
    spec.write_text(text.replace("        default: sandbox\n", "        default: playground\n"), encoding="utf-8")
    command = [sys.executable, tmp_path / "tests/tools/awx.py"]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (1, f"{FOLDER}/templates.yml is not what `make awx` writes.\n")
    written = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"wrote {FOLDER}/templates.yml" in written.stdout
    assert "default: playground" in (tmp_path / FOLDER / "templates.yml").read_text(encoding="utf-8")
    assert subprocess.run([*command, "--check"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("button", "variable", "wanted"),
    [
        ("build", "build_gpus", {"type": "integer", "default": 1, "required": False}),
        ("build", "build_image", {"type": "text", "required": True}),
        ("build", "build_github_token", {"type": "password", "required": False}),
        ("build", "build_env", {"type": "textarea", "required": False}),
        ("drain", "fleet_wait_timeout", {"type": "float", "default": 3600, "required": False}),
        ("drain", "fleet_state",
         {"type": "multiplechoice", "choices": ["DrainAndSuspend", "DrainAndTerminate"], "default": "DrainAndSuspend", "required": False}),
        ("drain", "fleet_enforce", {"type": "multiplechoice", "choices": ["none", "broker", "scale", "cordon", "evict"], "required": False}),
        ("drain", "fleet_max_failures", {"type": "integer", "required": False}),
        ("resume", "fleet_wait_timeout", {"type": "float", "default": 600, "required": False}),
        ("logs", "log_follow", {"type": "multiplechoice", "choices": ["true", "false"], "default": "true", "required": False}),
        ("secrets", "runner_secrets_rotate", {"type": "multiplechoice", "choices": ["true", "false"], "default": "false", "required": False}),
        ("experiment", "experiment_grid", {"type": "textarea", "required": False}),
        ("submission", "submission_memory", {"type": "integer", "default": 4000, "required": False}),
        ("state", "fleet_state", {"type": "multiplechoice", "choices": ["Running", "DrainAndSuspend", "DrainAndTerminate"], "required": True}),
        ("alert", "fleet_alert_host", {"type": "text", "required": True}),
        ("alert", "fleet_alert_names", {"type": "textarea", "required": False}),
        ("recovered", "fleet_alert_host", {"type": "text", "required": True}),
        ("recovered", "fleet_alert_names", {"type": "textarea", "required": False}),
        ("recovered", "fleet_alert_whole", {"type": "multiplechoice", "choices": ["true", "false"], "default": "false", "required": False}),
    ],
)
def test_questions_are_what_their_options_are(button: str, variable: str, wanted: dict[str, t.Any]) -> None:
    asked = questions(button)[variable]
    assert {key: asked[key] for key in asked if key not in ("variable", "question_name", "question_description")} == wanted
    assert asked["question_name"] and asked["question_description"].endswith((".", "%."))
    assert not re.search(r"\b[CVOE]\(|\{\{", asked["question_description"])


def test_a_button_takes_nothing_but_its_questions() -> None:
    made = {item["name"]: item for item in objects(mapping())["controller_templates"]}
    assert not [name for name, item in made.items() if item["ask_variables_on_launch"]]
    assert [one["variable"] for one in made["Cancel Jobs"]["survey_spec"]["spec"]] == ["job_name", "job_selector"]


def test_a_required_question_is_one_that_the_playbook_refuses_to_go_without() -> None:
    required = {(name, variable) for name, button in mapping()["buttons"].items() for variable, say in button["asks"].items() if (say or {}).get("required")}
    assert len(required) >= 4
    for name, variable in required:
        imported = REFUSED_IN.get(variable)
        text = imported.read_text(encoding="utf-8") if imported else Playbook(name).text
        asserts = re.findall(r"ansible\.builtin\.assert:\n(.*?)\n\n", text + "\n\n", re.S)
        assert any(re.search(rf"\b{variable}\b", one) for one in asserts), f"{name}: {variable}"


def test_every_playbook_is_a_button_or_says_why_not() -> None:
    say = mapping()
    assert set(sources.playbooks()) <= {*say["buttons"], *say["without_button"]}
    assert all(reason.endswith(".") for reason in say["without_button"].values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda say: say["buttons"].pop("drain"), "drain: each playbook is a button or has a reason for being none"),
        (lambda say: say["buttons"].update(fly=say["buttons"]["drain"]), "fly: each playbook is a button or has a reason"),
        (lambda say: say["buttons"]["drain"]["asks"].update(fleet_colour={}), "playbooks/drain.yml knows no variable fleet_colour."),
        (lambda say: say["buttons"]["status"]["asks"].update(fleet_report={}),
         "playbooks/status.yml hands fleet_report to no option of a module or role. Give it a spec in tests/tools/awx_buttons.yml, or leave it out."),
        (lambda say: say["buttons"]["drain"]["asks"].update(fleet_state={"choices": ["Paused"]}),
         "fleet_state cannot be Paused: its option has Running, DrainAndSuspend, DrainAndTerminate."),
        (lambda say: say["buttons"]["experiment"]["asks"].update(experiment_pull_secrets={}),
         "experiment_pull_secrets is a list of a role, which reads no text."),
    ],
    ids=["button left out", "no playbook", "unknown variable", "no option", "no choice", "list of a role"],
)
def test_a_mapping_that_does_not_fit_is_refused(change: t.Callable[[dict[str, t.Any]], t.Any], message: str) -> None:
    say = mapping()
    change(say)
    with pytest.raises(SourceError) as refused:
        objects(say)
    assert message in str(refused.value)


def test_a_default_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SourceError, match=r"The default of build_gpus cannot be read from \{\{ build_gpus \| fleet_guess \}\}"):
        sources.value_without("build_gpus", "{{ build_gpus | fleet_guess }}")


def test_the_guide_has_every_button_team_type_and_schedule() -> None:
    text = (CLONE / "docs/awx.md").read_text(encoding="utf-8")
    made = objects(mapping())
    kinds = ("controller_templates", "controller_workflows", "controller_teams", "controller_credential_types", "controller_schedules")
    assert not [item["name"] for kind in kinds for item in made[kind] if item["name"] not in text]
    rows = {row[0].strip(): {who.strip() for who in row[3].split(",")} for row in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", text, re.M)}
    for button in mapping()["buttons"].values():
        assert rows[button["name"]] == set(button["teams"]), button["name"]
