"""Write container images as docker archives (what `docker save` writes) without any engine."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

CHUNK = 1 << 20
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Layer:
    """A layer: an uncompressed tar on disk, known by the digest of its content."""

    path: Path
    digest: str  # sha256, hexadecimal


@dataclass(frozen=True)
class Image:
    """What an image is: its name, its layers and how it starts."""

    name: str
    layers: Sequence[Layer]
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    working_directory: str = "/"
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def write_layer(path: Path, files: Iterable[tuple[str, Path]], links: Iterable[tuple[str, str]] = ()) -> Layer:
    """Write a layer from files of this machine; equal content gives an equal digest, whatever the files' times are."""
    made: set[str] = set()
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for destination, source in sorted(files):
            _add_parents(tar, destination, made)
            entry = tarfile.TarInfo(destination.lstrip("/"))
            entry.size = source.stat().st_size
            entry.mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
            with source.open("rb") as content:
                tar.addfile(entry, content)
        for destination, target in sorted(links):
            _add_parents(tar, destination, made)
            entry = tarfile.TarInfo(destination.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return Layer(path, file_digest(path))


def write_archive(output: IO[bytes], image: Image, known: Set[str] = frozenset()) -> None:
    """Write the archive of one image; `output` need not be seekable, so it can be a pipe into `docker load`.

    Layers whose digests are known to the reader are named, but left out.
    """
    config = json.dumps(_config(image), sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [image.name], "Layers": [f"{layer.digest}/layer.tar" for layer in image.layers]}]
    with tarfile.open(fileobj=output, mode="w|", format=tarfile.GNU_FORMAT, bufsize=CHUNK) as tar:
        _add_bytes(tar, config_name, config)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode())
        for layer in image.layers:
            if layer.digest in known:
                continue
            entry = tarfile.TarInfo(f"{layer.digest}/layer.tar")
            entry.size, entry.mode = layer.path.stat().st_size, 0o644
            with layer.path.open("rb") as content:
                tar.addfile(entry, content)


def image_id(image: Image) -> str:
    """The ID that an engine gives the image: the digest of its configuration."""
    return "sha256:" + hashlib.sha256(json.dumps(_config(image), sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def seal(directory: Path) -> None:
    """Note the digest of a directory's layer.tar beside it; reading it again takes a second."""
    (directory / "digest").write_text(file_digest(directory / "layer.tar"))


def sealed(directory: Path) -> Layer:
    return Layer(directory / "layer.tar", (directory / "digest").read_text())


def _config(image: Image) -> dict[str, Any]:
    environment = {"PATH": SEARCH_PATH, **image.environment}
    inner: dict[str, Any] = {
        "Env": [f"{key}={value}" for key, value in sorted(environment.items())],
        "Entrypoint": list(image.entrypoint) or None,
        "Cmd": list(image.command) or None,
        "WorkingDir": image.working_directory,
        "Labels": dict(image.labels) or None,
    }
    if image.stop_signal:
        inner["StopSignal"] = image.stop_signal
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": inner,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in image.layers]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "studioml.fleet sandbox"} for _layer in image.layers],
    }


def _add_parents(tar: tarfile.TarFile, destination: str, made: set[str]) -> None:
    for parent in reversed(Path(destination.lstrip("/")).parents):
        name = str(parent)
        if name != "." and name not in made:
            made.add(name)
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    tar.addfile(entry, io.BytesIO(content))
