"""The upper layer of the host image: Kubernetes, container images and snaps of the stand-in microk8s, and files of our own.

It is a layer of its own, so that a change of these costs seconds. Kept beside it: the build context of the stand-in runner.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import artifacts, programs
from .command import run
from .image_tar import Image, seal, write_archive, write_layer
from .paths import SANDBOX, Instance
from .progress import Progress

SNAP = SANDBOX / "snap"
ROOT = SANDBOX / "image" / "root"
RUNNER_IMAGE = SANDBOX / "runner" / "image"
RUNNER_PROGRAM = "studio-go-runner-stand-in"


@dataclass(frozen=True)
class Wanted:
    """What hosts shall carry."""

    minors: tuple[str, ...] = (programs.DEFAULT_KUBERNETES,)  # the first is the one in /opt/k8s/bin
    binaries: Path | None = None

    def kubernetes(self) -> list[str]:
        return ["kubernetes" if minor == programs.DEFAULT_KUBERNETES else f"kubernetes-{minor}" for minor in self.minors]


def build_programs(wanted: Wanted, progress: Progress) -> None:
    """Build the programs that the layer is made from, Kubernetes first since it takes longest."""
    for name in program_names(wanted):
        programs.ensure(name, progress, wanted.binaries)


def ensure(wanted: Wanted, base: Path, progress: Progress) -> Path:
    """The directory of the layer."""
    declared = _declared_images()
    identities = [f"{name}={programs.identity(name, wanted.binaries)}" for name in program_names(wanted)]
    key = artifacts.content_hash(base.name, *wanted.minors, *identities, SNAP, ROOT)
    if artifacts.exists("payload", key):
        return artifacts.ensure("payload", key, lambda _: None)
    with progress.step("pack snaps and container images", long=True):
        return artifacts.ensure("payload", key, lambda work: _pack(wanted, declared, base, work, progress))


def bring_runner_context(instance: Instance, wanted: Wanted, progress: Progress) -> None:
    """Give an instance what the stand-in runner's image is built from: its Dockerfile and its program."""
    program = programs.ensure("runner", progress, wanted.binaries)
    shutil.rmtree(instance.runner_context, ignore_errors=True)
    shutil.copytree(RUNNER_IMAGE, instance.runner_context)
    shutil.copy2(program, instance.runner_context / RUNNER_PROGRAM)


def _pack(wanted: Wanted, declared: list[dict[str, Any]], base: Path, work: Path, progress: Progress) -> None:
    files = [(f"/{path.relative_to(ROOT)}", path) for path in ROOT.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    links: list[tuple[str, str]] = []
    for number, (minor, name) in enumerate(zip(wanted.minors, wanted.kubernetes(), strict=True)):
        directory = "/opt/k8s/bin" if number == 0 else f"/opt/k8s/{minor}/bin"
        files.append((f"{directory}/kube-all", programs.ensure(name, progress, wanted.binaries)))
        links += [(f"{directory}/{link}", "kube-all") for link in programs.KUBERNETES_LINKS]
    images = work / "images"
    images.mkdir()
    for entry in declared:
        archive = _image(entry, base, work, images, wanted, progress)
        files.append((f"/opt/k8s/images/{archive.name}", archive))
    files += [(f"/opt/snaps/{snap.name}", snap) for snap in _snaps(work / "snaps", wanted)]
    write_layer(work / "layer.tar", files, links)
    for made in (images, work / "snaps"):
        shutil.rmtree(made, ignore_errors=True)
    seal(work)


def _image(entry: dict[str, Any], base: Path, work: Path, images: Path, wanted: Wanted, progress: Progress) -> Path:
    """One container image as an archive, from its entry in snap/images.json."""
    files: list[tuple[str, Path]] = []
    for destination, source in entry["files"].items():
        kind, _colon, name = str(source).partition(":")
        if kind == "go" and name:
            files.append((destination, programs.ensure(name, progress, wanted.binaries)))
        elif kind == "host" and name and destination == "/":
            tree = base / "extract" / name
            files += [(f"/{file.relative_to(tree)}", file) for file in tree.rglob("*") if file.is_file()]
        elif kind == "host" and name:
            files.append((destination, next(file for file in (base / "extract" / name).rglob(name) if file.is_file())))
        else:
            files.append((destination, SNAP / str(source)))
    layer = write_layer(work / "image-layer.tar", files)
    path = images / str(entry["file"])
    image = Image(
        name=str(entry["name"]),
        layers=[layer],
        entrypoint=entry.get("entrypoint", ()),
        command=entry.get("cmd", ()),
        environment=entry.get("env", {}),
        working_directory=entry.get("workdir", "/"),
    )
    with path.open("wb") as output:
        write_archive(output, image)
    layer.path.unlink()
    return path


def _snaps(directory: Path, wanted: Wanted) -> list[Path]:
    pack = SNAP / "pack.py"
    directory.mkdir()
    for minor in reversed(wanted.minors):
        run([sys.executable, pack, "--out", directory, "--track", minor], timeout=300)
    return sorted(directory.glob("*.snap"))


def _declared_images() -> list[dict[str, Any]]:
    path = SNAP / "images.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries


def program_names(wanted: Wanted) -> list[str]:
    needed = wanted.kubernetes()
    for entry in _declared_images():
        needed += [source[3:] for source in entry["files"].values() if str(source).startswith("go:")]
    return list(dict.fromkeys([*needed, "runner"]))
