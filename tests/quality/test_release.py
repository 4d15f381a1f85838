"""The files of a release: the same bytes every time, checksums that are right, a list that names what is in it and what it needs."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import typing as t

import pytest
import yaml

CLONE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CLONE / "tests" / "tools"))

import environments  # noqa: E402
import release  # noqa: E402
import sanity  # noqa: E402

BIN = pathlib.Path(sys.executable).parent
WHEN = 1_700_000_000
CHECKER = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1], encoding="utf-8").read())
sys.exit(str(found) if found else 0)
"""

#: The importer as it is, but for the three minutes that it gives ansible-lint: a busy machine may take longer, and that is no fault of the artifact.
IMPORTER = """
import subprocess, sys
from galaxy_importer import main
from galaxy_importer.loaders import collection
class Patient(subprocess.Popen):
    def communicate(self, input=None, timeout=None):
        return super().communicate(input)
collection.Popen = Patient
sys.exit(main.main(sys.argv[1:]))
"""

# linters and sanity take minutes of one processor, and more of them where others want it, too
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", autouse=True)
def moment() -> t.Iterator[None]:
    """One time for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(WHEN))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, moment: None) -> list[pathlib.Path]:
    return release.make(tmp_path_factory.mktemp("release") / "one", any_tree=True)


@pytest.fixture(scope="module")
def artifact(made: list[pathlib.Path]) -> pathlib.Path:
    return made[0]


def test_a_second_release_is_the_same_byte_for_byte(made: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    former = os.umask(0o077)  # as another person on another machine would have it
    try:
        again = release.make(tmp_path / "two", any_tree=True)
    finally:
        os.umask(former)
    assert [path.name for path in made] == [path.name for path in again]
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]


def test_nothing_in_it_depends_on_machine_or_hour(artifact: pathlib.Path) -> None:
    with tarfile.open(artifact) as archive:
        members = archive.getmembers()
    assert {member.mtime for member in members} == {WHEN}
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert {oct(member.mode) for member in members} == {"0o644", "0o755"}
    names = [member.name for member in members]
    assert names[:2] == ["MANIFEST.json", "FILES.json"]
    assert names[2:] == sorted(names[2:])
    assert int.from_bytes(artifact.read_bytes()[4:8], "little") == WHEN, "the time in the head of the gzip file"


def test_what_galaxy_builds_is_in_it_and_nothing_else(artifact: pathlib.Path, tmp_path: pathlib.Path) -> None:
    plain = release.galaxy_build(release.copy_tracked(tmp_path, untracked=True), tmp_path)

    def contents(path: pathlib.Path) -> dict[str, str]:
        with tarfile.open(path) as archive:
            files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
            found = {name: hashlib.sha256(file.read()).hexdigest() for name, file in files.items() if file}
        return {name: digest for name, digest in found.items() if name not in ("MANIFEST.json", "FILES.json")}

    assert contents(artifact) == contents(plain)


def test_ansible_galaxy_installs_and_verifies_it(artifact: pathlib.Path, tmp_path: pathlib.Path) -> None:
    settings = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "HOME": str(tmp_path)}
    settings.pop("ANSIBLE_CONFIG", None)
    for command in (["install", "--offline", "--no-deps", "-p", tmp_path, artifact], ["verify", "--offline", "studioml.fleet"]):
        done = subprocess.run([BIN / "ansible-galaxy", "collection", *command], cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "no modified files" in done.stdout.lower() or "successfully verified" in done.stdout.lower(), done.stdout


def test_galaxy_importer_accepts_it(artifact: pathlib.Path, tmp_path: pathlib.Path) -> None:
    copy = shutil.copy(artifact, tmp_path)
    settings = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", IMPORTER, copy], cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "Importer processing completed successfully" in said, said[-6000:]
    assert "ERROR" not in said, said[-6000:]


def test_sanity_of_the_artifact(artifact: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpacked(place: pathlib.Path) -> pathlib.Path:
        target = place / "artifact" / "ansible_collections" / "studioml" / "fleet"
        shutil.rmtree(target, ignore_errors=True)
        with tarfile.open(artifact) as archive:
            archive.extractall(target, filter="data")
        subprocess.run(["git", "init", "--quiet", target], check=True)
        subprocess.run(["git", "-C", target, "add", "-A"], check=True)
        return target

    monkeypatch.setattr(sanity, "copy_collection", unpacked)
    core, place = next(iter(environments.core_environments().items()))
    done = sanity.run(core, place, [])
    assert done.returncode == 0, done.stdout[-8000:]
    assert "Running sanity test" in done.stdout and "ERROR" not in done.stdout, done.stdout[-8000:]


def test_checksums_are_right(made: list[pathlib.Path]) -> None:
    sums = made[2]
    assert sums.name == "SHA256SUMS"
    done = subprocess.run(["sha256sum", "--check", "--strict", sums.name], cwd=sums.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(line.split("  ")[1] for line in sums.read_text(encoding="utf-8").splitlines()) == sorted(path.name for path in made[:2])


def test_the_list_names_what_is_in_it_and_what_it_needs(made: list[pathlib.Path]) -> None:
    artifact, listing, _sums = made
    told = json.loads(listing.read_text(encoding="utf-8"))
    galaxy = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))
    wanted = {entry["name"]: next(one["value"] for one in entry["properties"] if one["name"] == "studioml:versions") for entry in told["components"]}
    assert galaxy["dependencies"].items() <= wanted.items()
    packages = [line for line in (CLONE / "requirements.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert {f"{name}{versions}" for name, versions in wanted.items()} >= set(packages)
    own = told["metadata"]["component"]
    assert own["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(artifact.read_bytes()).hexdigest()}]
    assert own["version"] == galaxy["version"]
    with tarfile.open(artifact) as archive:
        assert {entry["name"] for entry in own["components"]} == {member.name for member in archive if member.isfile()}
    references = {entry["bom-ref"] for entry in told["components"]}
    assert set(told["dependencies"][0]["dependsOn"]) == references


def test_the_list_follows_its_schema(made: list[pathlib.Path], tmp_path: pathlib.Path) -> None:
    lines = (CLONE / "tests" / "quality" / "release-requirements.txt").read_text(encoding="utf-8").splitlines()
    python = next(filter(None, map(environments.find_python, environments.PREFERRED)))
    place = environments.environment(python, [line for line in lines if not line.startswith("#")], name="release")

    def checked(path: pathlib.Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([place / "bin" / "python", "-c", CHECKER, path], capture_output=True, text=True, check=False)

    done = checked(made[1])
    assert done.returncode == 0, done.stderr[-3000:]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({**json.loads(made[1].read_text(encoding="utf-8")), "serialNumber": "none"}), encoding="utf-8")
    assert checked(broken).returncode != 0, "the checker checks"


def test_another_moment_is_another_artifact_of_the_same_content(made: list[pathlib.Path], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(WHEN + 60))
    later = release.make(tmp_path / "later", any_tree=True)[0]
    assert later.read_bytes() != made[0].read_bytes()
    with tarfile.open(later) as one, tarfile.open(made[0]) as other:
        assert one.getnames() == other.getnames()
    assert len(gzip.decompress(later.read_bytes())) == len(gzip.decompress(made[0].read_bytes()))


def test_an_unreadable_moment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(release.ReleaseError, match="SOURCE_DATE_EPOCH is 'yesterday', which is no number of seconds"):
        release.moment()


def test_an_unfinished_tree_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "git", lambda *_arguments: " M README.md\n")
    with pytest.raises(release.ReleaseError, match=r"The work tree has 1 change\(s\) that are not committed, such as README\.md"):
        release.refuse_unfinished("0.1.0")


def test_what_the_changelog_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(release, "git", lambda *_arguments: "")
    ours = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    release.refuse_unfinished(ours, tmp_path)
    with pytest.raises(release.ReleaseError, match=r"CHANGELOG\.md has no section v99\.0\.0\. Run make changelog"):
        release.refuse_unfinished("99.0.0", tmp_path)
    (tmp_path / "patience.yml").write_text("---\nbugfixes: [it waits]\n", encoding="utf-8")
    with pytest.raises(release.ReleaseError, match=r"CHANGELOG\.md does not have patience\.yml of changelogs/fragments yet\. Run make changelog"):
        release.refuse_unfinished(ours, tmp_path)


def test_a_fragment_goes_into_the_section_of_its_version(tmp_path: pathlib.Path) -> None:
    source = release.copy_tracked(tmp_path, untracked=True)
    (source / "changelogs" / "fragments" / "patience.yml").write_text("---\nbugfixes: [maintain - it waits.]\n", encoding="utf-8")
    before = (source / "CHANGELOG.md").read_text(encoding="utf-8")
    done = subprocess.run(["make", "changelog"], cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    after = (source / "CHANGELOG.md").read_text(encoding="utf-8")
    assert not list((source / "changelogs" / "fragments").glob("*.yml"))
    assert "* maintain \\- it waits\\." in after and after.count("\n## v") == before.count("\n## v")
