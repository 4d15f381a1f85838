"""Files that are replaced in one step, and go back together."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._files import Change, Transaction, keep_copy, read_text, write_atomic


def test_a_replaced_file_keeps_its_mode_and_its_link(tmp_path: pathlib.Path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomic(str(link), "new", mode=0o600)
    assert link.is_symlink() and real.read_text() == "new" and real.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_a_new_file_gets_its_mode_whatever_the_umask(tmp_path: pathlib.Path):
    old = os.umask(0o077)
    try:
        Transaction().apply(Change(str(tmp_path / "a" / "b" / "c"), "x", mode=0o660, folder_mode=0o770))
    finally:
        os.umask(old)
    assert (tmp_path / "a/b/c").stat().st_mode & 0o777 == 0o660 and (tmp_path / "a").stat().st_mode & 0o777 == 0o770


def test_everything_goes_back(tmp_path: pathlib.Path):
    kept, gone, lonely = tmp_path / "kept", tmp_path / "gone", tmp_path / "folder" / "lonely"
    lonely.parent.mkdir(mode=0o750)
    for path in (kept, gone, lonely):
        path.write_text("old")
    kept.chmod(0o600)
    files = Transaction()
    files.apply(Change(str(kept), "new"))
    files.apply(Change(str(kept), "newer"))
    files.apply(Change(str(tmp_path / "made" / "deep" / "fresh"), "x"))
    files.apply(Change(str(gone), None))
    files.apply(Change(str(lonely), None))
    assert not lonely.parent.exists() and kept.read_text() == "newer"
    files.roll_back()
    assert [path.read_text() for path in (kept, gone, lonely)] == ["old"] * 3
    assert kept.stat().st_mode & 0o777 == 0o600 and lonely.parent.stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["folder", "gone", "kept"]


def test_reading(tmp_path: pathlib.Path):
    assert read_text(str(tmp_path / "none")) is None and read_text(str(tmp_path / "none" / "none")) is None
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(FleetError, match="not UTF-8"):
        read_text(str(tmp_path / "latin"))
    with pytest.raises(FleetError, match="cannot be read: Is a directory"):
        read_text(str(tmp_path))


def test_one_copy_is_kept(tmp_path: pathlib.Path):
    path = keep_copy(str(tmp_path / "previous" / "x"), "1")
    assert keep_copy(path, "2") == path and pathlib.Path(path).read_text() == "2" and pathlib.Path(path).stat().st_mode & 0o777 == 0o600
