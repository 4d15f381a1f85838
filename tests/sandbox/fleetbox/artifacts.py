"""What the sandbox builds, cached outside the work tree by the content that it is made from."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .locks import locked
from .paths import artifacts_home

KEPT_PER_KIND = 2


def content_hash(*parts: str | Path, files: Iterable[Path] = ()) -> str:
    """A short hash over texts, files and directories (by relative path, executable bit and content)."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
        else:
            for file in _files(part):
                digest.update(f"{file.relative_to(part)}\0{os.access(file, os.X_OK)}\0".encode() + file.read_bytes() + b"\0")
    for file in files:
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith("_test.go"):
            yield path


def ensure(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The directory of an artifact; `make` fills a new one, which counts only when it is whole."""
    target = artifacts_home() / f"{kind}-{key}"
    if not target.is_dir():
        with locked(artifacts_home() / f".{kind}.lock", what=f"the artifact {kind}"):
            if not target.is_dir():
                with _work_directory(kind) as work:
                    make(work)
                    work.rename(target)
                _prune(kind, target)
    os.utime(target)
    return target


def exists(kind: str, key: str) -> bool:
    return (artifacts_home() / f"{kind}-{key}").is_dir()


@contextmanager
def _work_directory(kind: str) -> Iterator[Path]:
    # the artifact's lock is held: what lies here is left from a build that was killed
    work = artifacts_home() / f".{kind}.work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prune(kind: str, newest: Path) -> None:
    """Keep the newest few of a kind: old host images and programs are large."""
    key_length = len(newest.name) - len(kind)
    others = [path for path in artifacts_home().glob(f"{kind}-*") if len(path.name) - len(kind) == key_length and path != newest]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[KEPT_PER_KIND - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
