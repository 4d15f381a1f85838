"""A build context is compared by what a build sees of it, and replaced as a whole."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _staged_tree
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.modules.build_context import perform


@pytest.fixture
def context(tmp_path: pathlib.Path) -> pathlib.Path:
    root = tmp_path / "context"
    (root / "files").mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM scratch\nCOPY files/run /run\n", encoding="utf-8")
    (root / "files" / "run").write_bytes(b"\x7fELF")
    (root / "files" / "run").chmod(0o755)
    (root / "files" / "link").symlink_to("run")
    return root


@pytest.fixture
def archive(context: pathlib.Path, tmp_path: pathlib.Path) -> str:
    path = str(tmp_path / "context.tar.gz")
    _staged_tree.pack(str(context), path)
    return path


def test_digest_ignores_what_a_build_does_not_see(context: pathlib.Path) -> None:
    before = _staged_tree.digest(str(context))
    os.utime(context / "Dockerfile", (0, 0))
    (context / "Dockerfile").chmod(0o600)
    assert _staged_tree.digest(str(context)) == before


@pytest.mark.parametrize("change", ["content", "name", "program", "link", "folder"])
def test_digest_follows_what_a_build_sees(context: pathlib.Path, change: str) -> None:
    before = _staged_tree.digest(str(context))
    if change == "content":
        (context / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    elif change == "name":
        (context / "Dockerfile").rename(context / "Containerfile")
    elif change == "program":
        (context / "files" / "run").chmod(0o644)
    elif change == "link":
        (context / "files" / "link").unlink()
        (context / "files" / "link").symlink_to("Dockerfile")
    else:
        (context / "empty").mkdir()
    assert _staged_tree.digest(str(context)) != before


def test_a_pipe_is_no_part_of_a_build(context: pathlib.Path) -> None:
    os.mkfifo(context / "pipe")
    with pytest.raises(FleetError, match="neither a file nor a directory"):
        _staged_tree.digest(str(context))


def test_four_beats(context: pathlib.Path, archive: str, tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "target" / "runner"
    params = {"src": str(context), "dest": str(dest), "digest": _staged_tree.digest(str(context)), "archive": archive}
    checked = perform(params, check=True)
    assert checked["changed"] and not dest.exists()
    real = perform(params, check=False)
    assert real == checked
    assert _staged_tree.digest(str(dest)) == params["digest"]
    for check in (True, False):
        assert not perform(params, check=check)["changed"]
    assert [path.name for path in dest.parent.iterdir()] == ["runner"]


def test_a_context_that_was_damaged_leaves_the_old_one(context: pathlib.Path, archive: str, tmp_path: pathlib.Path) -> None:
    dest = tmp_path / "runner"
    dest.mkdir()
    (dest / "old").write_text("old", encoding="utf-8")
    with pytest.raises(FleetError, match="was sent"):
        _staged_tree.replace(str(dest), archive, "sha256:0")
    assert [path.name for path in dest.iterdir()] == ["old"]


def test_dest_has_to_be_a_directory(context: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FleetError, match="is not a directory"):
        perform({"src": str(context), "dest": str(tmp_path / "file"), "digest": "sha256:0", "archive": None}, check=False)
