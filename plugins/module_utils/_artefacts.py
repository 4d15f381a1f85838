# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder out of a container, onto the controller: a tar stream that is unpacked so that nothing is written outside of its place."""

from __future__ import annotations

import contextlib
import filecmp
import os
import posixpath
import shutil
import tarfile
import tempfile
import threading
import time
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _exec
from ansible_collections.studioml.fleet.plugins.module_utils._api_errors import Unreachable, transport
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._rest import BLOCK, Api

MOST_FILES = 100_000
MOST_BYTES = 10 << 30
SCRIPT = 'cd "$1" && exec tar -cf - .'


def fetch(
    api: Api, namespace: str, pod: str, container: str, path: str, dest: str, most_bytes: int = MOST_BYTES, timeout: float = 3600
) -> dict[str, t.Any]:
    """Copy what is in C(path) into the folder C(dest), over files of the same name; how many files and bytes, and what was left out.

    Everything is unpacked beside C(dest) first: a copy that breaks off leaves nothing. C(changed) counts the files that are not as they were.
    """
    dest = os.path.abspath(os.path.expanduser(dest))
    if os.path.exists(dest) and not os.path.isdir(dest):
        raise FleetError(f"{dest} is there and is no folder.", "Give another dest.")
    try:
        os.makedirs(os.path.dirname(dest), exist_ok=True)
        place = tempfile.mkdtemp(prefix=f".{os.path.basename(dest)}-", dir=os.path.dirname(dest))
    except OSError as error:
        raise FleetError(f"{dest} cannot be written: {error.strerror}.", "Give a dest in a folder that is yours.") from None
    try:
        unpacked = _Unpacked(place, most_bytes)
        _stream(api, namespace, pod, container, path, unpacked, time.monotonic() + timeout)
        changed = _merge(place, dest)
    except OSError as error:
        raise FleetError(f"{dest} cannot be written: {error.strerror} ({error.filename or place}).", "Free some space, or give another dest.") from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return {"dest": dest, "files": unpacked.files, "bytes": unpacked.bytes, "left_out": unpacked.left_out, "changed": changed}


def _stream(api: Api, namespace: str, pod: str, container: str, path: str, unpacked: _Unpacked, deadline: float) -> None:
    reading, writing = os.pipe()
    outcome: list[tuple[int, str]] = []
    failures: list[FleetError] = []

    def carry() -> None:
        try:
            with os.fdopen(writing, "wb", buffering=0) as pipe:
                outcome.append(_exec.run(api, namespace, pod, container, ["sh", "-c", SCRIPT, "sh", path], _whole(pipe), deadline=deadline))
        except _Enough:
            outcome.append((0, ""))
        except FleetError as error:
            failures.append(error)
        except OSError as error:
            failures.append(transport(error, api.target, f"copying {path} out of pod {namespace}/{pod}"))

    thread = threading.Thread(target=carry, daemon=True, name=f"copy {path}")
    thread.start()
    broken: tarfile.TarError | None = None
    with os.fdopen(reading, "rb") as pipe:
        try:
            unpacked.take(pipe)
            while pipe.read(BLOCK):  # the padding
                pass
        except tarfile.TarError as error:
            broken = error
    thread.join(30)
    if failures:
        raise failures[0]
    if not outcome:
        raise Unreachable(f"Copying {path} out of pod {namespace}/{pod} did not end.", "Run it again.", passing=True)
    code, words = outcome[0]
    if code or broken:
        said = words or (f"exit code {code}" if code else str(broken))
        advice = "Is the path there, and does the image have sh and tar? Another image can be given."
        raise FleetError(f"{path} could not be copied out of pod {namespace}/{pod}: {said}.", advice)


def _whole(pipe: t.IO[bytes]) -> t.Callable[[bytes], None]:
    def write(content: bytes) -> None:
        view = memoryview(content)
        while view:
            try:
                view = view[pipe.write(view):]
            except BrokenPipeError:
                raise _Enough from None

    return write


class _Enough(Exception):
    """The reader takes no more, and says why."""


class _Unpacked:
    """A folder into which a tar stream is unpacked. Links come last, and none below another, so that nothing is ever written through one."""

    def __init__(self, place: str, most_bytes: int) -> None:
        self.place, self.most_bytes = os.path.realpath(place), most_bytes
        self.files = self.bytes = 0
        self.left_out: list[str] = []

    def take(self, stream: t.IO[bytes]) -> None:
        links: list[tarfile.TarInfo] = []
        with tarfile.open(mode="r|", fileobj=stream) as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                name = self._inside(member.name)
                if name is None:
                    self._leave(member.name)
                elif member.isdir():
                    os.makedirs(os.path.join(self.place, name), exist_ok=True)
                elif member.isfile():
                    self._file(tar, member, name)
                elif member.issym() or member.islnk():
                    links.append(member)
                    if len(links) > MOST_FILES:
                        raise FleetError(f"What is to be copied has more than {MOST_FILES} links. Nothing was written.", "Copy less: a folder below.")
                else:
                    self._leave(member.name)
        for link in links:
            self._link(link)
        for link in links:  # one link may lead through another that came later
            self._drop_if_outside(link)

    def _count(self, size: int) -> None:
        """One more file, before it is written."""
        self.files += 1
        self.bytes += size
        if self.bytes > self.most_bytes or self.files > MOST_FILES:
            words = f"What is to be copied is more than {self.most_bytes} bytes or {MOST_FILES} files. Nothing was written."
            raise FleetError(words, "Copy less: a folder below, or raise max_bytes.")

    def _file(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        self._count(member.size)
        path = os.path.join(self.place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o755 if member.mode & 0o100 else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(t.cast("t.IO[bytes]", tar.extractfile(member)), file, BLOCK)
        os.utime(path, (member.mtime, member.mtime))

    def _link(self, member: tarfile.TarInfo) -> None:
        path = os.path.join(self.place, t.cast(str, self._inside(member.name)))
        folder = os.path.dirname(path)
        # no tar of a real folder has a member below a link: it would be written to where that link leads
        if os.path.lexists(path) or os.path.realpath(folder) != folder:
            self._leave(member.name)
            return
        os.makedirs(folder, exist_ok=True)
        if member.issym():
            if posixpath.isabs(member.linkname):
                self._leave(member.name)
            else:
                os.symlink(member.linkname, path)
            return
        inside = self._inside(member.linkname)
        of = os.path.join(self.place, inside) if inside is not None else ""
        if not os.path.isfile(of) or self._leads_out(of):
            self._leave(member.name)
        else:
            self._count(os.path.getsize(of))  # a copy of its own: many links to one file are many files here
            shutil.copyfile(of, path)

    def _drop_if_outside(self, member: tarfile.TarInfo) -> None:
        path = os.path.join(self.place, t.cast(str, self._inside(member.name)))
        if os.path.islink(path) and self._leads_out(path):
            os.unlink(path)
            self._leave(member.name)

    def _leads_out(self, path: str) -> bool:
        return os.path.commonpath([self.place, os.path.realpath(path)]) != self.place

    def _leave(self, name: str) -> None:
        if len(self.left_out) < 100:
            self.left_out.append(name)

    @staticmethod
    def _inside(name: str) -> str | None:
        """A member's path below the folder; None for one that leads out of it."""
        cleaned = posixpath.normpath(name)
        return None if posixpath.isabs(cleaned) or cleaned == ".." or cleaned.startswith("../") or "\0" in cleaned else cleaned


def _merge(place: str, dest: str) -> int:
    """Put the files where they belong, each in one step; how many are not as they were."""
    changed = 0
    for folder, folders, files in os.walk(place):
        target = os.path.normpath(os.path.join(dest, os.path.relpath(folder, place)))
        if target != dest and os.path.islink(target):
            os.unlink(target)  # a link of an earlier copy would lead these files elsewhere
        os.makedirs(target, exist_ok=True)
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            new, there = os.path.join(folder, name), os.path.join(target, name)
            if _same(new, there):
                continue
            if os.path.isdir(there) and not os.path.islink(there):
                raise FleetError(f"{there} is a folder, and a file of that name was copied.", "Remove it, or give another dest.")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(there)
            os.rename(new, there)
            changed += 1
    return changed


def _same(new: str, there: str) -> bool:
    if os.path.islink(new) or os.path.islink(there):
        return os.path.islink(new) and os.path.islink(there) and os.readlink(new) == os.readlink(there)
    return os.path.isfile(there) and os.stat(new).st_mode == os.stat(there).st_mode and filecmp.cmp(new, there, shallow=False)
