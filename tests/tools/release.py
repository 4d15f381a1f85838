"""Makes the files of a release in `.build/release`: the artifact, the list of what is in it, their checksums. Twice, and compares.

`release.py [DIRECTORY] [--any-tree]`. What goes in is decided by `ansible-galaxy collection build`, on a copy of the files that git
knows; then the archive is written again with its entries sorted and with the time of SOURCE_DATE_EPOCH (else of the last commit),
no owner, and modes 0644 and 0755, so that the same commit gives the same bytes wherever zlib packs alike. The list is CycloneDX 1.6, JSON.
A work tree with changes, or a version without a section in CHANGELOG.md, is refused unless `--any-tree` is given.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import typing as t
import uuid

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import environments  # noqa: E402

CLONE = environments.CLONE
BIN = pathlib.Path(sys.executable).parent
#: Of CycloneDX.
SPECIFICATION = "1.6"


class ReleaseError(Exception):
    """No release can be made; the message says why and what to do."""


def git(*arguments: str) -> str:
    """What git says about the clone."""
    return subprocess.run(["git", "-C", CLONE, *arguments], capture_output=True, text=True, check=True).stdout


def moment() -> int:
    """The time that everything in the artifact gets, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        return int(git("log", "-1", "--format=%ct"))
    if not given.isdecimal():
        raise ReleaseError(f"SOURCE_DATE_EPOCH is {given!r}, which is no number of seconds. Correct it, or unset it.")
    return int(given)


def refuse_unfinished(version: str, fragments: pathlib.Path = CLONE / "changelogs" / "fragments") -> None:
    """Nothing is released that nobody can build again or read about."""
    changed = git("status", "--porcelain").splitlines()
    if changed:
        raise ReleaseError(f"The work tree has {len(changed)} change(s) that are not committed, such as {changed[0][3:]}. Commit them, or take a clean clone.")
    heading = "v" + version.replace(".", r"\.")
    if f"## {heading}\n" not in (CLONE / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise ReleaseError(f"CHANGELOG.md has no section v{version}. Run make changelog, or correct version in galaxy.yml.")
    left = sorted(place.name for place in fragments.glob("*.y*ml"))
    if left:
        raise ReleaseError(f"CHANGELOG.md does not have {', '.join(left)} of changelogs/fragments yet. Run make changelog, and commit what it writes.")


def copy_tracked(place: pathlib.Path, *, untracked: bool) -> pathlib.Path:
    """The files that git knows (and would take), with the modes that git knows, whatever this machine's umask is."""
    target = place / "source"
    listing = git("ls-files", "-z", "-c", *(["-o", "--exclude-standard"] if untracked else []))
    for name in filter(None, listing.split("\0")):
        source, copy = CLONE / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
            copy.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    return target


def galaxy_build(source: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """The artifact as ansible-galaxy makes it."""
    command = [BIN / "ansible-galaxy", "collection", "build", "--output-path", place, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"ansible-galaxy collection build failed: {done.stderr.strip()[-2000:]}")
    return next(place.glob("*.tar.gz"))


def ordered(manifest: bytes) -> bytes:
    """FILES.json with its entries sorted: they are listed in the order in which the directories were read."""
    told = json.loads(manifest)
    told["files"].sort(key=lambda entry: entry["name"])
    return json.dumps(told, indent=True, sort_keys=True).encode()


def with_checksum(manifest: bytes, files: bytes) -> bytes:
    """MANIFEST.json with the checksum of that FILES.json."""
    told = json.loads(manifest)
    told["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    return json.dumps(told, indent=True, sort_keys=True).encode()


def rewrite(built: pathlib.Path, target: pathlib.Path, when: int) -> None:
    """The same archive with nothing in it that depends on the machine or the hour."""
    with tarfile.open(built) as archive:
        entries = {member.name: (member, archive.extractfile(member).read() if member.isfile() else b"") for member in archive}  # type: ignore[union-attr]
    files = ordered(entries["FILES.json"][1])
    content = {name: text for name, (_member, text) in entries.items()}
    content |= {"FILES.json": files, "MANIFEST.json": with_checksum(entries["MANIFEST.json"][1], files)}
    # the two that describe the others come first: who installs a collection reads them first
    order = sorted(entries, key=lambda name: (name != "MANIFEST.json", name != "FILES.json", name))
    with (
        open(target, "wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=when) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in order:
            member = tarfile.TarInfo(name)
            member.type = entries[name][0].type
            member.linkname = entries[name][0].linkname
            member.mtime = when
            member.mode = 0o755 if member.isdir() or entries[name][0].mode & 0o100 else 0o644
            member.size = len(content[name]) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content[name]) if member.isfile() else None)


def python_packages() -> dict[str, str]:
    """The packages of the controller with the versions that requirements.txt takes."""
    found = {}
    for name in ("requirements.txt", "meta/ee-requirements.txt"):
        for line in (CLONE / name).read_text(encoding="utf-8").splitlines():
            match = re.match(r"([A-Za-z0-9._-]+)\s*([^#;]*)", line)
            if match:
                found[match[1].lower()] = match[2].strip()
    return found


def component(kind: str, name: str, wanted: str, url: str) -> dict[str, t.Any]:
    """A dependency, of which the range that is taken is known and not one version."""
    return {
        "type": "library",
        "bom-ref": url,
        "name": name,
        "purl": url,
        "scope": "required",
        "properties": [{"name": "studioml:kind", "value": kind}, {"name": "studioml:versions", "value": wanted or "*"}],
    }


def bill(artifact: pathlib.Path, when: int) -> dict[str, t.Any]:
    """What the artifact is, what it consists of, and what it needs, as CycloneDX."""
    galaxy = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    own = f"pkg:generic/{galaxy['namespace']}.{galaxy['name']}@{galaxy['version']}"
    needs = [component("ansible collection", name, wanted, f"pkg:generic/ansible-collection/{name}") for name, wanted in sorted(galaxy["dependencies"].items())]
    needs += [component("python package", name, wanted, f"pkg:pypi/{name}") for name, wanted in sorted(python_packages().items())]
    with tarfile.open(artifact) as archive:
        names = sorted(member.name for member in archive if member.isfile())
        sums = {name: hashlib.sha256(archive.extractfile(name).read()).hexdigest() for name in names}  # type: ignore[union-attr]
    files = [{"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": content}]} for name, content in sums.items()]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own + digest)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": f"{galaxy['namespace']}.{galaxy['name']}",
                "version": galaxy["version"],
                "description": galaxy["description"],
                "licenses": [{"license": {"id": name}} for name in galaxy["license"]],
                "purl": own,
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "externalReferences": [{"type": "vcs", "url": galaxy["repository"]}],
                "components": files,
            },
        },
        "components": needs,
        "dependencies": [{"ref": own, "dependsOn": [need["bom-ref"] for need in needs]}],
    }


def make(place: pathlib.Path, *, any_tree: bool) -> list[pathlib.Path]:
    """All files of the release in a directory that is empty or not there; their paths."""
    when = moment()
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fleet-release-") as folder:
        built = galaxy_build(copy_tracked(pathlib.Path(folder), untracked=any_tree), pathlib.Path(folder))
        artifact = place / built.name
        rewrite(built, artifact, when)
    listing = place / artifact.name.replace(".tar.gz", ".cdx.json")
    listing.write_text(json.dumps(bill(artifact, when), indent=1) + "\n", encoding="utf-8")
    sums = place / "SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in (listing, artifact)), encoding="utf-8")
    return [artifact, listing, sums]


def main() -> int:
    """Makes the release, a second time elsewhere, and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", nargs="?", type=pathlib.Path, default=CLONE / ".build" / "release")
    parser.add_argument("--any-tree", action="store_true", help="also with changes that are not committed, to try it")
    asked = parser.parse_args()
    version = yaml.safe_load((CLONE / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    try:
        if not asked.any_tree:
            refuse_unfinished(version)
        shutil.rmtree(asked.place, ignore_errors=True)
        first = make(asked.place, any_tree=asked.any_tree)
        with tempfile.TemporaryDirectory(prefix="fleet-release-") as folder:
            for one, other in zip(first, make(pathlib.Path(folder), any_tree=asked.any_tree), strict=True):
                if one.read_bytes() != other.read_bytes():
                    raise ReleaseError(f"Two builds of {one.name} differ. Something changed in the meantime, or something that depends on the hour came in.")
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in first:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}")
    print("A second build was the same, byte for byte.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
