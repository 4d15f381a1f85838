# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the target: read, replaced atomically with their owner, mode and security label kept, and put back together when a change fails."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

LABEL = "security.selinux"


def read_text(path: str) -> t.Optional[str]:
    """The text of a file, None when there is none.

    :raises FleetError: when it is there and cannot be read, or is no UTF-8.
    """
    try:
        with open(path, "rb") as handle:
            return handle.read().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise FleetError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.", "Correct the file; it was left as it is.") from None
    except OSError as error:
        raise FleetError(f"{path} cannot be read: {error.strerror}.", "Run the task with become: true.") from None


def write_atomic(path: str, text: str, *, mode: int = 0o644, group: t.Optional[int] = None) -> None:
    """Replace a file in one step.

    An existing file keeps its owner, mode and security label, and a symbolic link stays one: what it points to is replaced.

    :param mode: for a file that is new.
    :param group: the group's number, for a file that is new.
    """
    target = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(prefix=".studioml-", dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        _take_over(target, temporary, mode, group)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _take_over(target: str, temporary: str, mode: int, group: t.Optional[int]) -> None:
    try:
        old = os.stat(target)
    except FileNotFoundError:
        if group is not None:
            os.chown(temporary, -1, group)
        os.chmod(temporary, mode)
        return
    os.chown(temporary, old.st_uid, old.st_gid)
    os.chmod(temporary, old.st_mode & 0o7777)
    try:
        os.setxattr(temporary, LABEL, os.getxattr(target, LABEL))
    except OSError:  # no SELinux, or a file system without labels: nothing to keep
        return


def make_folder(path: str, *, mode: int = 0o755, group: t.Optional[int] = None) -> t.List[str]:
    """Make a folder with what is missing above it; returns the folders that were made, outermost first."""
    missing: t.List[str] = []
    while not os.path.isdir(path):
        missing.insert(0, path)
        path = os.path.dirname(path)
    for folder in missing:
        os.mkdir(folder)
        if group is not None:
            os.chown(folder, -1, group)
        os.chmod(folder, mode)
    return missing


class Change(t.NamedTuple):
    """What a file shall hold; C(text) None means that there shall be no file."""

    path: str
    text: t.Optional[str]
    mode: int = 0o644
    folder_mode: int = 0o755
    group: t.Optional[int] = None


class Transaction:
    """Files that change together, and go back together when the program that reads them does not take them."""

    def __init__(self) -> None:
        self._before: t.List[Change] = []
        self._made: t.List[str] = []

    def apply(self, change: Change) -> None:
        """Write or remove one file; a folder that a removal leaves empty goes too (an empty one means something to containerd)."""
        self._before.append(self._remember(change))
        if change.text is None:
            self._remove(change)
            return
        self._made += make_folder(os.path.dirname(change.path), mode=change.folder_mode, group=change.group)
        write_atomic(change.path, change.text, mode=change.mode, group=change.group)

    def roll_back(self) -> None:
        """Everything as it was before the first C(apply)."""
        for change in reversed(self._before):
            if change.text is None:
                self._unlink(change.path)
            else:
                make_folder(os.path.dirname(change.path), mode=change.folder_mode, group=change.group)
                write_atomic(change.path, change.text, mode=change.mode, group=change.group)
        for folder in reversed(self._made):
            try:
                os.rmdir(folder)
            except OSError:  # somebody else put something in it meanwhile
                continue
        self._before, self._made = [], []

    @staticmethod
    def _remember(change: Change) -> Change:
        text = read_text(change.path)
        try:
            state = os.stat(change.path)
            folder = os.stat(os.path.dirname(change.path))
        except OSError:
            return change._replace(text=None)
        return change._replace(text=text, mode=state.st_mode & 0o7777, folder_mode=folder.st_mode & 0o7777, group=state.st_gid)

    def _remove(self, change: Change) -> None:
        self._unlink(change.path)
        try:
            os.rmdir(os.path.dirname(change.path))
        except OSError:  # not empty: somebody else's files stay
            return

    @staticmethod
    def _unlink(path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return


def keep_copy(path: str, text: str, *, mode: int = 0o600, group: t.Optional[int] = None) -> str:
    """Keep the content that a change is about to replace; one copy is kept for a path, that of the last change.

    :returns: where the copy lies.
    """
    make_folder(os.path.dirname(path), mode=0o750, group=group)
    write_atomic(path, text, mode=mode, group=group)
    return path
