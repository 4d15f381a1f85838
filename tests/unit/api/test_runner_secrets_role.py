# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook secrets.yml and its role: values from Vault, files, lookups and the environment, and no secret in anything that is said."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import hands
import pytest
import yaml
from control_plane import ControlPlane

from ansible_collections.studioml.fleet.plugins.module_utils._rest import Api

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "secrets"))
import key_files  # noqa: E402

pytestmark = pytest.mark.apiserver
CLONE = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(sys.executable).parent
VAULT_WORD, HUB_WORD, FILE_WORD, TOKEN = "tresor-wort", "hub-geheimnis", "datei-geheimnis", "ghp_ausderumgebung"
AWS_WORD = "aws-geheimnis"


class Plays:
    """Runs the role as a user would, and remembers every word that was said."""

    def __init__(self, folder: pathlib.Path, kubeconfig: pathlib.Path, namespace: str) -> None:
        self.folder, self.said = folder, ""
        self.hosts: dict[str, dict[str, t.Any]] = {"gpu1": {}}
        (folder / "vault-word").write_text(VAULT_WORD)
        self.variables: dict[str, t.Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "fleet_kubeconfig": str(kubeconfig),
            "fleet_namespace": namespace,
            "runner_secrets_key_bits": 2048,
        }
        self.environment = {"ANSIBLE_LOCAL_TEMP": str(folder), "ANSIBLE_REMOTE_TEMP": str(folder), "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "vault-word")}

    def vaulted(self, name: str, value: str) -> None:
        """A variable as ansible-vault encrypt_string writes it, in a file of its own."""
        command = [str(BIN / "ansible-vault"), "encrypt_string", "--stdin-name", name]
        done = subprocess.run(command, input=value, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=300, check=True)
        (self.folder / "vaulted.yml").open("a").write(done.stdout)

    def __call__(self, *flags: str, rc: int = 0) -> str:
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": self.variables}, "clusters": {"hosts": self.hosts}}))
        command = [str(BIN / "ansible-playbook"), "-i", str(self.folder / "hosts.yml"), str(CLONE / "playbooks/secrets.yml"), *flags]
        command += [word for path in self.folder.glob("vaulted.yml") for word in ("-e", f"@{path}")]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, cwd=CLONE, env=environment, capture_output=True, text=True, timeout=300, check=False)
        said = done.stdout + done.stderr
        self.said += said
        assert done.returncode == rc, said
        return said


@pytest.fixture
def plays(tmp_path: pathlib.Path, kubeconfig: pathlib.Path, namespace: str) -> Plays:
    return Plays(tmp_path, kubeconfig, namespace)


def data(admin: Api, namespace: str, name: str) -> dict[str, str]:
    stored = hands.read(admin, namespace, "secrets", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in stored.items()}


def test_values_from_everywhere_and_none_is_shown(plays: Plays, admin: Api, namespace: str, control_plane: ControlPlane, tmp_path: pathlib.Path) -> None:
    keys = key_files.keys()
    for name, text in (("key.pem", keys["private"]), ("sign.pub", key_files.signing_key()[1]), ("report.pem", keys["public"])):
        (tmp_path / name).write_text(text)
    login = base64.b64encode(f"puller:{FILE_WORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"quay.io": {"auth": login}}}))
    plays.vaulted("vault_passphrase", key_files.PASSPHRASE)
    plays.vaulted("vault_hub", HUB_WORD)
    plays.vaulted("vault_aws", f"[default]\naws_access_key_id = AKIAX\naws_secret_access_key = {AWS_WORD}\n")
    plays.environment["BUILD_TOKEN"] = TOKEN
    lookup = "{{ lookup('ansible.builtin.file', '%s') }}"
    plays.variables.update(
        runner_secrets_private_key=lookup % (tmp_path / "key.pem"),
        runner_secrets_passphrase="{{ vault_passphrase }}",
        runner_secrets_signing_keys={"rmq_gpu_": lookup % (tmp_path / "sign.pub")},
        runner_secrets_report_keys={"rmq_gpu_": lookup % (tmp_path / "report.pem")},
        runner_secrets_aws={"credentials": "{{ vault_aws }}", "config": "[default]\nregion = us-west-2\n"},
        runner_secrets_registries=[
            {"host": "hub:5000", "scheme": "http", "username": "puller", "password": "{{ vault_hub }}"},
            {"host": "quay.io", "credentials_file": str(tmp_path / "config.json")},
        ],
        runner_secrets_github_token="{{ lookup('ansible.builtin.env', 'BUILD_TOKEN') }}",
        runner_secrets_public_key_file=str(tmp_path / "made" / "gpu1.pem"),
    )
    (tmp_path / "made").mkdir()
    assert "changed=2" in plays("--check", "--diff", "-vvvv")
    assert "changed=2" in plays("--diff", "-vvvv")
    mark = control_plane.mark()
    assert "changed=0" in plays("--diff", "-vvvv")
    assert len(control_plane.requests(mark)) == 1

    assert data(admin, namespace, "studioml-runner-key-secret") == {"ssh-privatekey": keys["private"], "ssh-publickey": keys["public"]}
    assert data(admin, namespace, "studioml-runner-passphrase-secret")["ssh-passphrase"] == key_files.PASSPHRASE
    auths = json.loads(data(admin, namespace, "studioml-go-docker-key")[".dockerconfigjson"])["auths"]
    assert {host: one["password"] for host, one in auths.items()} == {"hub:5000": HUB_WORD, "quay.io": FILE_WORD}
    assert data(admin, namespace, "release-github-token")["github_token"] == TOKEN
    assert AWS_WORD in data(admin, namespace, "studioml-runner-aws-sqs")["credentials"]
    assert (tmp_path / "made" / "gpu1.pem").read_text() == keys["public"]

    secrets = [key_files.PASSPHRASE, HUB_WORD, FILE_WORD, TOKEN, AWS_WORD, login, base64.b64encode(HUB_WORD.encode()).decode()]
    secrets += [base64.b64encode(f"puller:{HUB_WORD}".encode()).decode(), base64.b64encode(TOKEN.encode()).decode()]
    secrets += [line for line in keys["private"].splitlines()[4:-1] if len(line) > 20]
    # the text of a key as data of a Secret
    secrets += [base64.b64encode(keys["private"].encode()).decode()[300:360], json.dumps(key_files.PASSPHRASE)[1:-1]]
    assert not [one for one in secrets if one in plays.said]
    assert "BEGIN RSA PRIVATE KEY" not in plays.said


def test_a_generated_pair_is_rotated_and_never_shown(plays: Plays, admin: Api, namespace: str) -> None:
    seen = []
    rotate, drop = ["-e", "runner_secrets_rotate=true"], ["-e", "runner_secrets_drop_previous=true"]
    for flags in (["--check"], [], rotate, drop):
        plays("--diff", "-vvvv", *flags)
        if flags != ["--check"]:
            key = data(admin, namespace, "studioml-runner-key-secret")
            seen.append((key["ssh-privatekey"], data(admin, namespace, "studioml-runner-passphrase-secret")["ssh-passphrase"]))
    assert seen[0] != seen[1] == seen[2]
    for private, passphrase in seen:
        assert passphrase not in plays.said and private.splitlines()[6] not in plays.said


WRONG: dict[str, tuple[dict[str, t.Any], str]] = {
    "newline": ({"runner_secrets_passphrase": f"{HUB_WORD}\n"}, "begins or ends with a newline"),
    "aws": ({"runner_secrets_aws": {"credentials": HUB_WORD, "config": "x"}}, "not a file of the AWS command line"),
    "user": ({"runner_secrets_registries": [{"host": "hub:5000", "password": HUB_WORD}]}, "has no username"),
    "registries-text": ({"runner_secrets_registries": HUB_WORD}, "runner_secrets_registries"),
    "signing-text": ({"runner_secrets_signing_keys": HUB_WORD}, "runner_secrets_signing_keys"),
    "aws-list": ({"runner_secrets_aws": [HUB_WORD]}, "runner_secrets_aws"),
    "both": ({"runner_secrets_rotate": True, "runner_secrets_drop_previous": True}, "are both set"),
    "cluster": ({"fleet_kubeconfig": ""}, "No kubeconfig is named for this host"),
}


def test_wrong_values_are_not_repeated(plays: Plays, admin: Api, namespace: str) -> None:
    """One play in which each host has another mistake."""
    plays.hosts = {host: wrong for host, (wrong, _message) in WRONG.items()}
    said = " ".join(plays("-vvvv", rc=2).split())
    for host, (_wrong, message) in WRONG.items():
        failure = said.partition(f"fatal: [{host}]: FAILED!")[2]
        assert message in failure.partition("fatal: [")[0], f"{host}: {failure[:2000]}"
    assert HUB_WORD not in plays.said
    assert not admin.request("GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]


def test_on_the_host_it_is_the_same(plays: Plays, admin: Api, namespace: str, tmp_path: pathlib.Path) -> None:
    """The module's other door: run by the host's Python, its arguments in no log."""
    options = {"kubeconfig": plays.variables["fleet_kubeconfig"], "kubeconfig_on": "target", "key_bits": 2048}
    options["registries"] = [{"host": "hub:5000", "username": "puller", "password": HUB_WORD}]
    options["aws"] = {"credentials": f"[default]\naws_access_key_id = A\naws_secret_access_key = {AWS_WORD}\n", "config": "[default]\n"}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"gpu1": plays.variables}}}))
    (tmp_path / "options.json").write_text(json.dumps(options))
    command = [str(BIN / "ansible"), "gpu1", "-i", str(tmp_path / "hosts.yml"), "-m", "studioml.fleet.runner_secrets", "-vvvv", "--diff"]
    said = ""
    for changed in ("true", "false"):
        environment = {**os.environ, **plays.environment, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        task = [*command, "-a", (tmp_path / "options.json").read_text()]
        done = subprocess.run(task, cwd=CLONE, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0 and f'"changed": {changed}' in done.stdout, done.stdout + done.stderr
        said += done.stdout + done.stderr
    assert HUB_WORD not in said and AWS_WORD not in said and "PRIVATE" not in said
    assert data(admin, namespace, "studioml-runner-passphrase-secret")["ssh-passphrase"] not in said
