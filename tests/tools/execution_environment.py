"""Makes the execution environment of execution-environment.yml with what a closed network offers, and proves it.

Images cannot be pulled there, so the base is a Debian made from distribution packages, and says so in a label; Galaxy cannot be reached, so the other
collections come from the PyPI package `ansible`. Both are build arguments of the same definition: every step of it is run. The Docker is that of a sandbox
(tests/sandbox), which is taken down at the end. The image is proven as AWX uses it: a job's stream goes in, events come out.

    .build/venv/bin/python tests/tools/execution_environment.py            # --sandbox NAME: one that is up, and stays
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CLONE = pathlib.Path(__file__).resolve().parents[2]
DOORS = CLONE / "tests" / "integration" / "doors"
sys.path[:0] = [str(DOORS), str(CLONE / "tests" / "sandbox")]

import door_programs  # noqa: E402
import yaml  # noqa: E402
from awx_jobs import Controller, Job  # noqa: E402

from fleetbox import artifacts  # noqa: E402
from fleetbox.paths import Instance  # noqa: E402

SUITE = "bookworm"
PACKAGES = "ca-certificates,git,python3,python3-pip,python3-venv"
BASE = "studioml-fleet-ee-base:from-distribution-packages"
LABEL = "Made from distribution packages to prove execution-environment.yml; not the base image that it names."
BUNDLE = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
INVENTORY = {
    "all": {"children": ["runner_hosts", "clusters"]},
    "runner_hosts": {"hosts": []},
    "clusters": {"hosts": ["research"], "vars": {"ansible_connection": "local"}},
    "_meta": {"hostvars": {"research": {"fleet_kubeconfig": "/nowhere/kubeconfig.yaml"}}},
}


class Maker:
    """One image in the engine of one sandbox."""

    def __init__(self, instance: Instance, place: pathlib.Path) -> None:
        self.instance, self.place = instance, place
        version = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["version"]
        self.image = f"studioml-fleet-ee:{version}"
        self.settings = {**os.environ, "DOCKER_HOST": f"unix://{instance.socket}", "DOCKER_CONFIG": str(place / "docker"), "DOCKER_BUILDKIT": "0"}

    def docker(self, *words: str | pathlib.Path) -> str:
        done = subprocess.run(["docker", *words], env=self.settings, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            sys.exit(f"docker {' '.join(map(str, words))} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def base(self) -> None:
        """The Debian that takes the place of the base image, with what this machine needs to reach package indexes."""
        tree = artifacts.ensure("ee-base", artifacts.content_hash(SUITE, PACKAGES, files=[pathlib.Path(BUNDLE)]), _debootstrap)
        self.docker("import", "--change", f"LABEL org.opencontainers.image.description={json.dumps(LABEL)}", tree / "base.tar", BASE)

    def build(self) -> None:
        """By ansible-builder, every step of the definition."""
        packages = [_pinned(CLONE / "tests/requirements.txt", "ansible"), _pinned(DOORS / "requirements.txt", "ansible-runner")]
        arguments = {"EE_BASE_IMAGE": BASE, "ANSIBLE_INSTALL_REFS": " ".join(packages)}
        command: list[str | pathlib.Path] = [door_programs.place() / "ansible-builder", "build", "--file", CLONE / "execution-environment.yml"]
        command += ["--context", self.place / "context", "--container-runtime", "docker", "--tag", self.image, "--verbosity", "2"]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        # of the sandbox: its engine lies in a network namespace of its own
        command += ["--extra-build-cli-args=--network=host"]
        subprocess.run(command, env=self.settings, cwd=CLONE, check=True)

    def run(self, *words: str, user: str = "") -> str:
        return self.docker("run", "--rm", "--network=host", *(["--user", user] if user else []), self.image, *words)

    def prove(self) -> list[str]:
        """What holds of the image, a line each; the first thing that does not is an error."""
        said = [f"core: {self.run('ansible', '--version').splitlines()[0]}"]
        listed = json.loads(self.run("ansible-galaxy", "collection", "list", "studioml.fleet", "--format", "json"))
        version = self.image.rpartition(":")[2]
        assert listed["/usr/share/ansible/collections/ansible_collections"]["studioml.fleet"]["version"] == version, listed
        said.append(f"collection: studioml.fleet {version} in /usr/share/ansible/collections")
        libraries = "import importlib.metadata as m, jmespath, kubernetes; print(*(f'{n} {m.version(n)}' for n in ('kubernetes', 'jmespath')))"
        said.append(f"python: {self.run('python3', '-c', libraries).strip()}")
        said.append(f"ssh: {self.run('sh', '-c', 'ssh -V 2>&1').strip()}")
        installed = self.run("python3", "-m", "pip", "list", "--format", "freeze").lower()
        for unwanted in ("pytest", "molecule", "ansible-lint", "mypy", "galaxy-importer"):
            assert not re.search(rf"^{unwanted}==", installed, re.M), f"{unwanted} leaked into the image"
        said.append("no tool of the tests is in it")
        for user, as_whom in (("", "its own user"), ("123456:0", "any user of group 0, as OpenShift has it")):
            job = self.job(user)
            assert job.status == "successful", job.output
            assert job.outcome()["hosts"]["research"]["verdict"] == "unreachable", job.output
            said.append(f"a job of AWX as {as_whom}: {len(job.events)} events, verdict {job.outcome()['hosts']['research']['verdict']}")
        return said

    def job(self, user: str) -> Job:
        """A job of a project that has nothing but one playbook: the collection comes with the image."""
        project = self.place / "project"
        project.mkdir(exist_ok=True)
        (project / "status.yml").write_text("- name: The collection's own\n  ansible.builtin.import_playbook: studioml.fleet.status\n", encoding="utf-8")
        command = ["docker", "--host", f"unix://{self.instance.socket}", "run", "--rm", "--interactive", "--network=host"]
        container = (shutil.which("docker") or "docker", *command[1:], *(["--user", user] if user else []), self.image)
        jobs = self.place / f"jobs-{user.partition(':')[0] or 'own'}"
        return Controller(door_programs.place(), jobs, project, None, INVENTORY, container=container).run("status.yml", {"fleet_report": ""})


def _debootstrap(work: pathlib.Path) -> None:
    """Debian's own mirror is that of this machine; so are the certificates and what pip is told."""
    print(f"making a Debian {SUITE} from distribution packages ...", flush=True)
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={PACKAGES}", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    trust = "cat /tmp/*.crt > /etc/ssl/certs/ca-certificates.crt; rm /tmp/*.crt"
    command += [f"--customize-hook=copy-in {BUNDLE} /tmp", f'--customize-hook=chroot "$1" sh -c "{trust}"']
    options = {"cert": "/etc/ssl/certs/ca-certificates.crt", "timeout": "180"}
    for name in ("index-url", "extra-index-url", "trusted-host"):
        told = subprocess.run([door_programs.BIN / "pip", "config", "get", f"global.{name}"], capture_output=True, text=True, check=False)
        options.update({name: told.stdout.strip()} if told.returncode == 0 else {})
    settings = work / "pip.conf"
    settings.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()), encoding="utf-8")
    subprocess.run([*command, f"--customize-hook=copy-in {settings} /etc", SUITE, work / "base.tar"], check=True, stderr=subprocess.DEVNULL)


def _pinned(listing: pathlib.Path, name: str) -> str:
    """The version of a package that the tests use, on Debian's Python."""
    lines = listing.read_text(encoding="utf-8").splitlines()
    return next(line.partition(";")[0].strip() for line in lines if line.startswith(f"{name}=="))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sandbox", default="", help="a sandbox that is up; it stays, and so does the image in its engine")
    wanted = parser.parse_args().sandbox
    name = wanted or "ee-proof"
    sandbox = [sys.executable, str(CLONE / "tests" / "sandbox" / "sandbox.py")]
    with tempfile.TemporaryDirectory(prefix="fleet-ee-") as place:
        try:
            if not wanted:
                subprocess.run([*sandbox, "up", "--bare", "--name", name], check=True)
            maker = Maker(Instance(name), pathlib.Path(place))
            maker.base()
            maker.build()
            said = maker.prove()
        finally:
            if not wanted:
                subprocess.run([*sandbox, "down", "--name", name], check=False)
    print(f"{maker.image}, on a base made from distribution packages ({SUITE}):", *said, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
