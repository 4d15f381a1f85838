"""playbooks/awx.yml through the real awx.awx modules, against a stand-in for AWX's API: everything is made, and a second run changes nothing."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import typing as t

import pytest
from stand_in_awx import ENCRYPTED, TOKEN, StandInAwx, serving

CLONE = pathlib.Path(__file__).resolve().parents[3]
SECRET = "apiVersion: v1\nkind: Config\n# the-secret-of-this-test\n"
BROKER_SECRET = "broker-secret-of-this-test"  # noqa: S105
#: The settings that the guide shows, as they stand there.
SAMPLE = re.search(r"```yaml\n# fleet-awx\.yml\n(.*?)```", (CLONE / "docs/awx.md").read_text(encoding="utf-8"), re.S)
PRESSED_BY_RULEBOOKS = {"Drain for an alert", "Resume after an alert"}


class Played(t.NamedTuple):
    output: str
    status: int

    @property
    def counts(self) -> dict[str, int]:
        recap = self.output.rpartition("PLAY RECAP")[2]
        return {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", recap)}


def play(environment: pathlib.Path, address: str, folder: pathlib.Path, variables: dict[str, t.Any], *arguments: str) -> Played:
    """The playbook as a user runs it, whose home is this folder."""
    given = folder / "given.json"
    given.write_text(json.dumps({"awx_host": address, "awx_token": TOKEN, **variables}), encoding="utf-8")
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CONTROLLER_", "TOWER_"))},
        "HOME": str(folder), "PATH": f"{environment}/bin{os.pathsep}{os.environ['PATH']}", "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
        "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"), "ANSIBLE_REMOTE_TEMP": str(folder / "remote"), "NO_COLOR": "1",
    }
    command = [environment / "bin" / "ansible-playbook", "-i", "localhost,", "playbooks/awx.yml", "-e", f"@{given}", *arguments]
    done = subprocess.run(command, cwd=CLONE, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    return Played(done.stdout + done.stderr, done.returncode)


def play_sample(environment: pathlib.Path, address: str, folder: pathlib.Path, kubeconfig: str, *arguments: str) -> Played:
    """The same with the settings of the guide, and what they look up."""
    assert SAMPLE
    (folder / ".kube").mkdir()
    (folder / ".kube" / "fleet.yaml").write_text(kubeconfig, encoding="utf-8")
    (folder / "fleet-awx.yml").write_text(SAMPLE.group(1), encoding="utf-8")
    settings = ["-e", f"@{folder}/fleet-awx.yml", "-e", f"awx_host={address}"]
    return play(environment, address, folder, {"vault_broker_password": BROKER_SECRET}, *settings, *arguments)


@pytest.fixture(scope="module")
def awx() -> StandInAwx:
    """With what the guide takes for there: a credential for Galaxy, and one for the machines."""
    empty = StandInAwx()
    empty.have("credentials", {"name": "Ansible Galaxy", "credential_type": empty.one("credential_types", "Machine")["id"], "organization": None, "inputs": {}})
    empty.have("credentials", {"name": "Fleet machines", "credential_type": empty.one("credential_types", "Machine")["id"], "organization": None, "inputs": {}})
    return empty


@pytest.fixture(scope="module")
def address(awx: StandInAwx) -> t.Iterator[str]:
    with serving(awx) as place:
        yield place


@pytest.fixture(scope="module")
def made(awx: StandInAwx, address: str, awx_environment: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The first run."""
    return play_sample(awx_environment, address, tmp_path_factory.mktemp("first"), SECRET, "-v")


def test_everything_is_made(made: Played, awx: StandInAwx) -> None:
    assert made.status == 0, made.output[-6000:]
    assert {item["name"] for item in awx.objects["job_templates"].values()} >= {"Drain runners", "Set up the fleet", "Look at the fleet"}
    for template in awx.objects["job_templates"].values():
        assert template["playbook"] in awx.playbooks and template["organization"] == awx.one("organizations", "StudioML fleet")["id"]
        assert template["execution_environment"] == awx.one("execution_environments", "StudioML fleet")["id"]
        assert template["ask_variables_on_launch"] is False
    assert awx.one("job_templates", "Drain runners")["allow_simultaneous"] is False
    assert awx.one("inventory_sources", "Clusters")["credential"] == awx.one("credentials", "Fleet clusters")["id"]


def test_what_awx_ignores_is_known(made: Played, awx: StandInAwx) -> None:
    """A template belongs to its project's organization, a node has its type already, and a type is managed only when AWX brings it."""
    assert made.status == 0
    assert {kind: names for kind, names in awx.ignored.items() if names} == {
        "job_templates": {"organization"}, "workflow_job_template_nodes": {"type"}, "credential_types": {"managed"}}


def test_no_secret_shows(made: Played, awx: StandInAwx) -> None:
    assert "the-secret-of-this-test" not in made.output and BROKER_SECRET not in made.output and TOKEN not in made.output
    clusters = awx.one("credentials", "Fleet clusters")
    assert clusters["inputs"] == {"kubeconfig": ENCRYPTED} and awx.secrets[clusters["id"]] == {"kubeconfig": SECRET}


def test_each_button_has_the_credentials_that_it_needs(made: Played, awx: StandInAwx) -> None:
    assert made.status == 0

    def given(button: str) -> set[str]:
        return {awx.objects["credentials"][one]["name"] for one in awx.linked[("job_templates", awx.one("job_templates", button)["id"], "credentials")]}

    assert given("Drain runners") == {"Fleet clusters", "Fleet broker"}
    assert given("Set up the fleet") == {"Fleet clusters", "Fleet machines"}
    assert given("Run a Job") == {"Fleet clusters"}


def test_injectors_arrive_as_they_are(made: Played, awx: StandInAwx) -> None:
    assert made.status == 0
    assert awx.one("credential_types", "StudioML kubeconfig")["injectors"] == {
        "file": {"template": "{{ kubeconfig }}"}, "env": {"K8S_AUTH_KUBECONFIG": "{{ tower.filename }}"}}


def test_a_drain_button_is_no_right_to_deploy(made: Played, awx: StandInAwx) -> None:
    assert made.status == 0
    assert awx.holders("job_templates", "Drain runners", "execute") == {"Fleet operators", "Fleet deployers"}
    assert awx.holders("job_templates", "Set up the fleet", "execute") == {"Fleet deployers"}
    assert awx.holders("job_templates", "Maintain hosts", "execute") == {"Fleet deployers"}
    assert awx.holders("job_templates", "Run a Job", "execute") == {"Fleet users", "Fleet deployers"}
    names = [template["name"] for template in awx.objects["job_templates"].values()]
    assert {name for name in names if "Fleet alerts" in awx.holders("job_templates", name, "execute")} == PRESSED_BY_RULEBOOKS
    assert awx.holders("workflow_job_templates", "Maintenance", "execute") == {"Fleet operators", "Fleet deployers"}
    assert awx.holders("workflow_job_templates", "Maintenance", "approval") == {"Fleet deployers"}


def test_the_maintenance_waits_between_drain_and_change(made: Played, awx: StandInAwx) -> None:
    assert made.status == 0
    nodes = {node["identifier"]: node for node in awx.objects["workflow_job_template_nodes"].values()}
    follows = {name: {link: [awx.objects["workflow_job_template_nodes"][one]["identifier"] for one in
                             awx.linked.get(("workflow_job_template_nodes", node["id"], f"{link}_nodes"), [])] for link in ("success", "failure", "always")}
               for name, node in nodes.items()}
    assert follows == {
        "drain": {"success": ["approve"], "failure": [], "always": []},
        "approve": {"success": ["maintain"], "failure": ["resume"], "always": []},
        "maintain": {"success": [], "failure": [], "always": ["status"]},
        "resume": {"success": [], "failure": [], "always": ["status"]},
        "status": {"success": [], "failure": [], "always": []},
    }
    approval = awx.objects["workflow_approval_templates"][nodes["approve"]["unified_job_template"]]
    assert approval["name"] == "Change the hosts" and approval["timeout"] == 24 * 3600
    assert nodes["maintain"]["unified_job_template"] == awx.one("job_templates", "Maintain hosts")["id"]


def test_the_second_run_changes_nothing(made: Played, awx: StandInAwx, address: str, awx_environment: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert made.counts["changed"] > 10
    """Not even a secret that has changed: AWX does not tell the one that it has, so writing it is a wish of its own (awx_rotate_secrets)."""
    before, changes = awx.state(), len(awx.changes)
    again = play_sample(awx_environment, address, tmp_path, SECRET + "# renewed\n")
    assert again.status == 0, again.output[-6000:]
    assert again.counts["changed"] == 0, again.output
    assert awx.state() == before
    assert awx.changes[changes:] == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"awx_host": ""}, "awx_host is empty. Name the AWX, such as https://awx.example."),
        ({"awx_token": ""}, "There is nobody to make the objects. Give awx_token, or awx_username and awx_password."),
        ({"awx_collection": "redhat.tower"}, "value of awx_collection must be one of: awx.awx, ansible.controller"),
        ({"awx_credentials": [{"name": "c", "credential_type": "StudioML registry", "inputs": {"host": "hub:5000", "user": "x"}}]},
         "Nothing was made yet. controller_credentials: c: the input user is unknown to the type StudioML registry."),
        ({"awx_credentials": [{"name": "One", "credential_type": "Machine"}, {"name": "Two", "credential_type": "Machine"}]},
         "controller_templates: Maintain hosts: it has two credentials of the type Machine, and AWX takes one of each."),
        ({"awx_objects": {"controller_templates": [{"name": "Drain runners", "forks": 5, "limits": "rack2"}]}},
         "controller_templates: Drain runners: the key limits is unknown."),
        ({"awx_objects": {"controller_templates": {"name": "Drain runners"}}},
         "awx_objects have to be a mapping of lists of mappings, such as {'controller_templates': [{'name': 'Drain runners', 'timeout': 7200}]}"),
    ],
    ids=["nowhere", "nobody", "collection", "credential", "two of a type", "key", "shape"],
)
def test_nothing_is_called_before_all_is_well(
    variables: dict[str, t.Any], message: str, awx: StandInAwx, address: str, awx_environment: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    before = len(awx.changes)
    refused = play(awx_environment, address, tmp_path, variables)
    assert refused.status != 0
    assert message in " ".join(refused.output.split())
    assert awx.changes[before:] == []
