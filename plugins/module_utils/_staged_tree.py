# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A directory as one value: its digest, its archive, and putting that archive in the place of another directory."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

BLOCK = 1024 * 1024


def entries(root: str) -> t.Iterator[tuple[str, str]]:
    """Every file, link and directory below root as (name relative to root, path), in the order of the names."""
    found: list[tuple[str, str]] = []
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            found.append((os.path.relpath(path, root), path))
    return iter(sorted(found))


def digest(root: str) -> str:
    """What a build sees of the directory: names, contents, link targets and executable bits; not owners and times."""
    total = hashlib.sha256()
    for name, path in entries(root):
        total.update(f"{name}\0{describe(path)}\n".encode("utf-8", "surrogateescape"))
    return f"sha256:{total.hexdigest()}"


def describe(path: str) -> str:
    """One entry's kind and content as a short text."""
    if os.path.islink(path):
        return f"link {os.readlink(path)}"
    if os.path.isdir(path):
        return "directory"
    if not os.path.isfile(path):
        raise FleetError(f"{path} is neither a file nor a directory nor a link, so it cannot be part of a build.", "Remove it from the context.")
    kind = "program" if os.stat(path).st_mode & 0o111 else "file"
    return f"{kind} {file_digest(path)}"


def file_digest(path: str) -> str:
    """SHA-256 of a file, read in blocks."""
    total = hashlib.sha256()
    with open(path, "rb") as handle:
        for block in iter(lambda: handle.read(BLOCK), b""):
            total.update(block)
    return total.hexdigest()


def pack(root: str, archive: str) -> None:
    """Write the directory to a compressed archive, owned by root, so that nobody's account name travels."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for name, path in entries(root):
            tar.add(path, arcname=name, recursive=False, filter=anonymous)


def replace(dest: str, archive: str, expected: str) -> None:
    """Unpack beside dest, compare with the expected digest, and only then take its place."""
    fresh, old = f"{dest}.new", f"{dest}.old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    os.makedirs(fresh, mode=0o700)
    try:
        with tarfile.open(archive) as tar:
            if hasattr(tarfile, "tar_filter"):
                tar.extraction_filter = staticmethod(tarfile.tar_filter)
            for member in tar:
                tar.extract(member, fresh)
        arrived = digest(fresh)
        if arrived != expected:
            raise FleetError(
                f"The directory that arrived for {dest} has digest {arrived}, but {expected} was sent.",
                "Something changed it on its way, or its source changed meanwhile. Run again.",
            )
        if os.path.isdir(dest):
            os.rename(dest, old)
        os.rename(fresh, dest)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
